"""Whether the end of an image is in its file, without decoding it.

What follows the end doesn't matter: phones append video and notes, editors comments. An end marker
somewhere in the file is no proof either: a thumbnail has its own. So where the file doesn't simply
stop behind the marker, its parts are followed one by one.
"""

import re
from typing import BinaryIO

_PNG_END = b'IEND\xaeB`\x82'
_JPEG_END = b'\xff\xd9'
_JPEG_SCAN = 0xDA
_JPEG_BARE = (0x01, *range(0xD0, 0xD8))  # markers that no length follows
_JPEG_MARKER = re.compile(rb'\xff[^\x00\xff\xd0-\xd7]')  # in compressed data, nothing else is one
_TAIL = 16  # bytes


def has_end(file: BinaryIO, form: str | None) -> bool:
    """Whether an image file goes on to its end; True for forms that this isn't known of.

    Args:
        file: Open for reading; its position changes.
        form: Pillow's name of the format.
    """
    if form not in _FORMS:
        return True
    end, follow = _FORMS[form]
    file.seek(max(0, file.seek(0, 2) - _TAIL))
    return file.read().endswith(end) or follow(file)


def jpeg_has_end(content: bytes) -> bool:
    """Whether the end marker of a JPEG is there, that of the image itself."""
    place = 2
    while place + 2 <= len(content):
        marker = content[place + 1]
        if content[place] != 0xFF:
            return False  # damaged: no marker where one must be
        if marker == _JPEG_END[1]:
            return True
        if marker == 0xFF:  # a filler
            place += 1
        elif marker in _JPEG_BARE:
            place += 2
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
            if marker == _JPEG_SCAN:
                found = _JPEG_MARKER.search(content, place)
                if found is None:
                    return False
                place = found.start()
    return False


def _follow_jpeg(file: BinaryIO) -> bool:
    file.seek(0)
    return jpeg_has_end(file.read())


def _follow_png(file: BinaryIO) -> bool:
    place, size = 8, file.seek(0, 2)
    while place + 12 <= size:
        file.seek(place)
        head = file.read(8)
        if head[4:] == _PNG_END[:4]:
            return True
        place += 12 + int.from_bytes(head[:4], 'big')
    return False


_FORMS = {
    'PNG': (_PNG_END, _follow_png),
    'JPEG': (_JPEG_END, _follow_jpeg),
    'MPO': (_JPEG_END, _follow_jpeg),  # several JPEGs, of which the first counts
}
