"""Reads frames, masks and labels from image files, and writes masks.

Every way in which reading can fail is a fault that names the file.

Frames become RGB in one defined way whatever the file's mode: alpha is dropped, 16-bit samples keep
their upper 8 bits, grey is repeated, CMYK and palettes are converted by Pillow. A rotation in EXIF
is not applied, as in the published code: the masks were drawn on the stored pixels.
"""

import contextlib
import functools
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from avsbench.layouts.avss_classes import UNKNOWN, colour_table, unpack_colour
from avsbench.media.faults import BrokenFileError, absent
from avsbench.media.file_ends import has_end, jpeg_has_end
from avsbench.media.palettes import VOID, label_indices, mask_greys, used_colours
from avsbench.utils.errors import examples
from avsbench.utils.files import atomic_write

MAX_PIXELS = 1 << 26
"""An image of more pixels is refused: a few hundred bytes can claim to be gigabytes."""

FORMATS = ('PNG', 'JPEG', 'BMP', 'GIF', 'PPM', 'TIFF', 'WEBP')
"""Formats that are read, whatever the name of a file says; JPEG includes MPO, several in one file.

Pillow knows dozens more; for some of them, such as EPS, it starts a program on the file.
"""

_DECODER_ERRORS = (
    OSError,  # truncated, or not an image at all
    SyntaxError,  # Pillow's for a broken PNG
    ValueError,
    EOFError,
    IndexError,  # Pillow's for chunks and tables that end too early
    KeyError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_SIXTEEN_BIT = ('I', 'I;16', 'I;16L', 'I;16B', 'I;16N')
_LABEL_MODES = ('L', 'P', *_SIXTEEN_BIT)
_MASK_MODES = ('1', *_LABEL_MODES)


def probe_image(
    path: str | Path, kind: str = 'broken image', missing: str = 'missing file'
) -> tuple[int, int]:
    """Size of an image from its header, after a look at whether its end is there.

    Args:
        path: Image file.
        kind: Kind of fault if the file is no whole image.
        missing: Kind of fault if there is no such file.

    Returns:
        (H, W) in pixels.

    Raises:
        BrokenFileError: The file is missing, no image, cut off, or claims more than `MAX_PIXELS`.
    """
    with _opened(path, kind, missing) as image:
        _check_end(path, image, kind)
        _check_range(path, image, kind)
        return image.height, image.width


def read_frame(
    path: str | Path, kind: str = 'broken image', missing: str = 'missing file'
) -> np.ndarray:
    """A video frame, or another image, as (H, W, 3) uint8, RGB.

    Args:
        path: Image file.
        kind: Kind of fault if it can't be decoded.
        missing: Kind of fault if there is no such file.

    Raises:
        BrokenFileError: The file is missing or can't be decoded.
    """
    with _opened(path, kind, missing) as image:
        if image.mode in _SIXTEEN_BIT:
            grey = np.clip(np.asarray(image).astype(np.int64) >> 8, 0, 255).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=-1)
        _check_range(path, image, kind)
        if image.format == 'JPEG' and image.mode == 'RGB' and opencv_equals_pillow():
            image.fp.seek(0)
            content = image.fp.read()
            if not jpeg_has_end(content):  # OpenCV makes up what is missing
                raise _cut_off(path, image, kind)
            pixels = _decode_by_opencv(content)
            if pixels is not None:
                return pixels
        return np.asarray(image.convert('RGB'))


@functools.cache
def opencv_equals_pillow() -> bool:
    """Whether OpenCV decodes JPEG to the same numbers as Pillow, which is slower.

    Both use libjpeg-turbo as a rule, but an OpenCV may have been built with another library. A
    test image full of edges is decoded by both, with and without halved colour resolution.
    """
    pixels = np.random.default_rng(0).integers(0, 256, (61, 83, 3), dtype=np.uint8)
    for subsampling in ('4:4:4', '4:2:2', '4:2:0'):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, 'JPEG', quality=80, subsampling=subsampling)
        found = _decode_by_opencv(buffer.getvalue())
        if found is None or (found != np.asarray(Image.open(buffer))).any():
            return False
    return True


def _decode_by_opencv(content: bytes) -> np.ndarray | None:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    return None if pixels is None else cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _check_end(path: str | Path, image: Image.Image, kind: str) -> None:
    if not has_end(image.fp, image.format):
        raise _cut_off(path, image, kind)


def _cut_off(path: str | Path, image: Image.Image, kind: str) -> BrokenFileError:
    what = f'{path}: cut off, the end of the {image.format} file is missing'
    return BrokenFileError(what, kind)


def _check_range(path: str | Path, image: Image.Image, kind: str) -> None:
    if image.mode == 'F':
        raise BrokenFileError(f'{path}: floating-point pixels have no defined range', kind)


def read_binary_mask(path: str | Path, *, grey: str = 'error') -> np.ndarray:
    """A mask of one foreground as (H, W) uint8 of 0 and 1; foreground is all that is not black.

    Args:
        path: Image of one channel: 1 bit, 8 or 16 bit grey, or a palette, whose colours count:
            whichever value is black is the background.
        grey: What more than one grey beside black means: 'error', or 'foreground' for all of them.
            Several colours are several objects, foreground all of them.

    Raises:
        BrokenFileError: The file is missing or can't be decoded, or has colours or several greys.
    """
    with _opened(path, 'broken mask') as image:
        _check_mode(path, image, 'mask')
        values = mask_greys(image, path) if image.mode == 'P' else np.asarray(image)
        mask = values != 0
        if grey == 'error' and image.mode != '1':
            highest = values.max(initial=0)
            if (mask & (values != highest)).any():
                what = f'{path}: a mask of two values was expected, found {_counts(values)}'
                raise BrokenFileError(what, 'mask values')
        return mask.view(np.uint8)


def read_grey_mask(path: str | Path, lowest: int) -> np.ndarray:
    """A mask of one foreground as (H, W) uint8 of 0 and 1; foreground is what is bright enough.

    Args:
        path: Image that Pillow converts to grey: of one channel, a palette, or colours.
        lowest: Smallest grey value of the foreground, of 255; grey of 16 bits counts by its upper
            8 unless `lowest` is 1.

    Raises:
        BrokenFileError: The file is missing or can't be decoded.
    """
    with _opened(path, 'broken mask') as image:
        if image.mode in _SIXTEEN_BIT:
            values = np.asarray(image)
            return (values >= (lowest if lowest == 1 else lowest << 8)).view(np.uint8)
        _check_palette(path, image)
        return (np.asarray(image.convert('L')) >= lowest).view(np.uint8)


def read_index_label(
    path: str | Path, num_classes: int, *, unknown_colour: str = 'error'
) -> np.ndarray:
    """A label image whose values are class indices, as (H, W) uint8.

    Args:
        path: Image of one channel: 8 or 16 bit grey, or a palette of the published colours, in
            whatever order, or of greys of the height of the index.
        num_classes: K; indices are 0 to K - 1.
        unknown_colour: What another value means: 'error' or 'background' (index 0).

    Raises:
        BrokenFileError: The file is missing or can't be decoded, has colours or an unknown index.
    """
    with _opened(path, 'broken mask') as image:
        _check_mode(path, image, 'label')
        values = _label_values(path, image, num_classes)
    unknown = (values >= num_classes) | (values < 0)
    if unknown.any():
        if unknown_colour == 'error':
            found = _counts(values[unknown])
            what = f'{path}: class indices are 0 to {num_classes - 1}, found also {found}'
            raise BrokenFileError(what, 'label values')
        values = np.where(unknown, 0, values)
    return values.astype(np.uint8, copy=False)


def read_numbered_label(path: str | Path, num_classes: int) -> np.ndarray:
    """A label image whose values are classes numbered from 1, as (H, W) uint8 of indices from 0.

    Args:
        path: Image of one channel, see `read_index_label`; a palette may also have colours of its
            own, and its values then are the numbers.
        num_classes: K; 0 and 255 are no class and become 255.

    Raises:
        BrokenFileError: The file is missing or can't be decoded, has colours or another number.
    """
    with _opened(path, 'broken mask') as image:
        _check_mode(path, image, 'label')
        values = _label_values(path, image, num_classes + 1, own_palette=True)
    unknown = (values < 0) | (values > num_classes) & (values != VOID)
    if unknown.any():
        what = (
            f'{path}: class numbers are 1 to {num_classes}, beside 0 and {VOID}; found also '
            f'{_counts(values[unknown])}'
        )
        raise BrokenFileError(what, 'broken mask')
    return np.where((values == 0) | (values == VOID), VOID, values - 1).astype(np.uint8)


def read_colour_label(
    path: str | Path, num_classes: int, *, unknown_colour: str = 'error'
) -> np.ndarray:
    """A label image whose colours are those of the palette, as class indices (H, W) uint8.

    Args:
        path: Image that Pillow converts to RGB.
        num_classes: K; only the first K colours of the palette are known.
        unknown_colour: What another colour means: 'error' or 'background' (index 0, as in the
            published code).

    Raises:
        BrokenFileError: The file is missing or can't be decoded, or has an unknown colour.
    """
    with _opened(path, 'broken mask') as image:
        _check_palette(path, image)
        rgb = image if image.mode in ('RGB', 'RGBA') else image.convert('RGB')
        pixels = np.asarray(rgb.convert('RGBA'))  # four bytes, so that one number is one colour
    packed = pixels.view('<u4')[..., 0] & 0xFFFFFF
    labels = colour_table(num_classes).take(packed)
    if labels.max(initial=0) == UNKNOWN:
        unknown = labels == UNKNOWN
        if unknown_colour == 'error':
            colours, counts = np.unique(packed[unknown], return_counts=True)
            order = np.argsort(-counts)
            cases = [f'{unpack_colour(int(colours[i]))} in {counts[i]} pixels' for i in order]
            what = f'{path}: colours outside the palette of {num_classes}: {examples(cases)}'
            raise BrokenFileError(what, 'label values')
        labels[unknown] = 0
    return labels


def palette_image(indices: np.ndarray, palette: np.ndarray) -> Image.Image:
    """An image of one channel (H, W) uint8 whose values stand for the colours (K, 3) uint8, RGB."""
    image = Image.fromarray(indices)
    image.putpalette(np.asarray(palette, np.uint8).tobytes())
    return image


def mask_image(mask: np.ndarray, palette: np.ndarray | None) -> Image.Image:
    """A mask as an image of one channel.

    Args:
        mask: (H, W) uint8: 0 and 1, which become 0 and 255; or class indices, with a palette.
        palette: (K, 3) uint8, RGB; None for a mask of 0 and 1.
    """
    return (
        Image.fromarray(mask * np.uint8(255)) if palette is None else palette_image(mask, palette)
    )


def write_mask(path: str | Path, mask: np.ndarray, palette: np.ndarray | None) -> None:
    """Write a mask as PNG, atomically; see `mask_image`."""
    write_png(path, mask_image(mask, palette))


def write_png(path: str | Path, image: Image.Image, chunks: PngInfo | None = None) -> None:
    """Write an image as PNG, atomically, with further chunks."""
    with atomic_write(path) as temporary:
        image.save(temporary, format='PNG', pnginfo=chunks)


def probe_mask(path: str | Path, what: str) -> tuple[int, int]:
    """Size (H, W) of a mask or label of one channel from its header; see `probe_image`.

    Args:
        path: Image file.
        what: 'mask' or 'label'.

    Raises:
        BrokenFileError: As by `probe_image`, or it has several channels.
    """
    with _opened(path, 'broken mask') as image:
        _check_end(path, image, 'broken mask')
        _check_mode(path, image, what)
        return image.height, image.width


def _check_mode(path: str | Path, image: Image.Image, what: str) -> None:
    if image.mode not in (_MASK_MODES if what == 'mask' else _LABEL_MODES):
        found = f'{path}: a {what} of one channel was expected, not mode {image.mode}'
        raise BrokenFileError(found, f'{what} form')


def _check_palette(path: str | Path, image: Image.Image) -> None:
    if image.mode == 'P':  # Pillow takes a value without a colour for black
        used_colours(image, path)


def _label_values(
    path: str | Path, image: Image.Image, num_classes: int, *, own_palette: bool = False
) -> np.ndarray:
    if image.mode != 'P':
        return np.asarray(image)
    return label_indices(image, path, num_classes, own_palette=own_palette)


def _counts(values: np.ndarray) -> str:
    found, counts = np.unique(values, return_counts=True)
    pairs = zip(found, counts, strict=True)
    return examples(f'{value} in {count} pixels' for value, count in pairs)


@contextlib.contextmanager
def _opened(path: str | Path, kind: str, missing: str = 'missing file') -> Iterator[Image.Image]:
    """The image with its header read; errors of decoding it inside are faults too."""
    try:
        with open(path, 'rb') as file, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BrokenFileError(
                    f'{path}: claims to have {image.width} x {image.height} pixels, more than '
                    f'{MAX_PIXELS} are refused',
                    kind,
                )
            yield image
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BrokenFileError(absent(path), missing) from error
    except _DECODER_ERRORS as error:
        reason = getattr(error, 'strerror', None) or str(error) or type(error).__name__
        raise BrokenFileError(f'{path}: not a whole image ({reason})', kind) from error
