"""Published weights on this machine: where they are, and whether they are what they should be."""

import json
import sys
from contextlib import suppress
from pathlib import Path

from avsbench.checkpoint.reading import sha256_of
from avsbench.utils.errors import CheckpointError
from avsbench.utils.files import remove_leftovers, write_json
from avsbench.utils.locks import FileLock
from avsbench.weights.download import download
from avsbench.weights.index import PublishedWeights, read_index
from avsbench.weights.places import HOME, home, place_of

_VERIFIED = 'verified.json'


def fetch(entry: PublishedWeights, target: Path | None = None) -> Path:
    """The file of published weights: downloaded if it is not there, and verified.

    What its network needs beside it comes along. One process at a time downloads a file: others
    that want it wait, and verify what came.

    Args:
        entry: Of the index.
        target: Where it is; None for `place_of`.

    Raises:
        CheckpointError: It has to be fetched by hand, can't be downloaded, or is another file than
            the index says.
    """
    for name in entry.needs:
        encoder = read_index().encoders[name]
        if not Path('pretrained', encoder.file).is_file():
            fetch(encoder)
    target = target or place_of(entry)
    if target.is_file():
        verify(entry, target)
        return target
    if entry.address is None:
        raise CheckpointError(by_hand(entry, target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.with_name(f'{target.name}.lock'), f'{entry.name}: {target}')
        with lock.waiting(tell=_say):
            if not target.is_file():  # nobody has downloaded it in between
                remove_leftovers(target)
                _download(entry, target)
                return target
    except OSError as error:
        raise CheckpointError(
            f'{error.filename or target}: cannot be written ({error.strerror}); {entry.name} is to '
            f'be saved there. Make room or give access, or set {HOME} to another folder'
        ) from error
    verify(entry, target)
    return target


def _download(entry: PublishedWeights, target: Path) -> None:
    found = download(entry.address, target, hosts=entry.hosts, sha256=entry.sha256)
    _remember(target, found)
    if entry.sha256 is None:
        _say(
            f'{entry.name}: the index knows no SHA-256 of this file, so it was not verified; that '
            f'of {target} is {found}'
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def verify(entry: PublishedWeights, path: Path) -> None:
    """Compare a file with the hash that the index knows; a file that is unchanged is read once.

    Raises:
        CheckpointError: It is another one.
    """
    if entry.sha256 is None:
        return
    found = _known_hash(path)
    if not found.startswith(entry.sha256):
        raise CheckpointError(
            f'{path}: its SHA-256 is {found}, that of {entry.name} is {entry.sha256}: the file is '
            'damaged or another one; remove it, and fetch it again'
        )


def by_hand(entry: PublishedWeights, target: Path) -> str:
    """What to download from where, and where to put it."""
    lines = [
        f'{entry.name} ({entry.what}): not on this machine, and to be downloaded by hand:',
        f'open https://{entry.page}; {entry.by_hand}',
    ]
    if entry.original:
        lines.append(f'the file is called {entry.original} there')
    lines.append(f'save it as {target}')
    if entry.config:
        lines.append(
            f'or name its path and config wherever you have it: {entry.config} FILE instead of '
            f'{entry.name}'
        )
    return '\n  '.join(lines)


def find_pretrained(path: str | Path) -> Path:
    """A file that a config names under pretrained/, or the copy of it in the store."""
    path = Path(path)
    entry = None if path.is_file() else read_index().encoder_of(path)
    if entry is not None and place_of(entry).is_file():
        verify(entry, place_of(entry))
        return place_of(entry)
    return path


def _known_hash(path: Path) -> str:
    """The SHA-256 of a file, read anew where size or time have changed."""
    known = _read_known().get(str(path.resolve()))
    if known and known[:2] == _stamp(path):
        return known[2]
    found = sha256_of(path)
    _remember(path, found)
    return found


def _remember(path: Path, found: str) -> None:
    content = _read_known()
    content[str(path.resolve())] = [*_stamp(path), found]
    # A folder that others filled may be read-only: files are then read again on each use.
    with suppress(OSError):
        write_json(home() / _VERIFIED, content)


def _read_known() -> dict[str, list]:
    try:
        content = json.loads((home() / _VERIFIED).read_text())
    except (OSError, ValueError):  # not there yet, or damaged: files are then read again
        return {}
    return content if isinstance(content, dict) else {}


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
