"""Bundles as one file that can be sent: a zip archive of plain data.

Nothing is ever unpacked to the disk: the files of a bundle have fixed names, and are read into
memory one by one, up to a size. An archive with any other name in it is refused.
"""

import hashlib
import zipfile
import zlib
from pathlib import Path

from avsbench.reproduction.bundle import FILES, Bundle, bundle_from, to_text
from avsbench.utils.errors import DataError, examples
from avsbench.utils.files import atomic_write
from avsbench.utils.text import parse_json

SUMS = 'SHA256.json'
MAX_BYTES = 1 << 25  # of one file
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bundle gives the same archive


def pack(bundle: Bundle, path: str | Path) -> str:
    """Write a bundle to an archive.

    Args:
        bundle: The bundle.
        path: The archive; an older one is replaced.

    Returns:
        SHA-256 of the archive.
    """
    texts = bundle.texts()
    sums = {name: _sha256(text.encode()) for name, text in texts.items()}
    with atomic_write(path) as temporary:
        with zipfile.ZipFile(temporary, 'w', zipfile.ZIP_DEFLATED) as archive:
            for name, text in {**texts, SUMS: to_text(sums)}.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), text, zipfile.ZIP_DEFLATED)
        return _sha256(temporary.read_bytes())


def unpack(path: str | Path) -> Bundle:
    """Read a bundle from an archive.

    Raises:
        DataError: It is none, damaged, changed, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f'{path}: no such file; `python -m avsbench bundle pack WORK_DIR` writes one'
        )
    try:
        with zipfile.ZipFile(path) as archive:
            contents = _contents(archive, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise DataError(f'{path}: no readable archive of a bundle ({error})') from error
    texts = {}
    for name, content in contents.items():
        try:
            texts[name] = content.decode()
        except UnicodeDecodeError as error:
            raise DataError(f'{path}: {name}: no text in UTF-8') from error
    sums = parse_json(texts.pop(SUMS), f'{path}: {SUMS}')
    for name in texts:
        if not isinstance(sums, dict) or sums.get(name) != _sha256(contents[name]):
            raise DataError(
                f'{path}: {name} is not what {SUMS} says: it was changed after it was packed'
            )
    return bundle_from(texts, str(path))


def _contents(archive: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    expected = {*FILES, SUMS}
    odd = [name for name in names if name not in expected]
    if odd or len(set(names)) < len(names):
        raise DataError(
            f'{path}: an archive with other content ({examples(odd or names, 3)}); a bundle holds '
            f'{", ".join(sorted(expected))}, once each'
        )
    missing = expected - set(names)
    if missing:
        raise DataError(f'{path}: no whole bundle, {", ".join(sorted(missing))} missing')
    contents = {}
    for info in infos:
        if info.file_size > MAX_BYTES:
            raise DataError(f'{path}: {info.filename} has {info.file_size} bytes, too many')
        with archive.open(info) as file:
            contents[info.filename] = file.read(MAX_BYTES + 1)
        if len(contents[info.filename]) > MAX_BYTES:
            raise DataError(f'{path}: {info.filename} is larger than the archive says')
    return contents


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
