"""What a data set consists of, as counts and hashes that two machines can compare.

The content of images and sound is not read: a training set of many GB would take minutes at each
start. A hash is made of the bytes of what lists the clips (csv, json), of the order of the clips,
and of names and sizes of all files that they name. A file that was replaced by another one of the
same size is not noticed.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from avsbench.datasets.clip_info import ClipInfo
from avsbench.datasets.transforms import LoadMaskiges

Fingerprint = dict[str, Any]
HASHES = ('index_sha256', 'clips_sha256', 'files_sha256')


def fingerprint(dataset: Any) -> Fingerprint:
    """Counts and hashes of a data set.

    Args:
        dataset: A `BaseClipDataset`, or one around it; of any other only the clips are counted.

    Returns:
        The counts of its `summary`, `files` and `bytes` of all files that its clips name, and
        `HASHES`, which are of what lists the clips, of the clips in their order, and of names and
        sizes of the files below the data root. They are None where the data set does not list its
        clips.
    """
    if not hasattr(dataset, 'clip_infos'):
        return {'clips': len(dataset), 'files': None, 'bytes': None} | dict.fromkeys(HASHES)
    infos = list(dataset.clip_infos())
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    with_maskiges = any(isinstance(step, LoadMaskiges) for step in steps)
    root = str(dataset.data_root)
    sizes = {
        path: _size(path) for path in sorted({p for i in infos for p in _files(i, with_maskiges)})
    }
    indices = sorted({info['csv_path'] for info in infos})
    names = (f'{os.path.relpath(path, root)}\t{size}' for path, size in sizes.items())
    return {
        **dataset.summary(),
        'files': len(sizes),
        'bytes': sum(size for size in sizes.values() if size is not None),
        'index_sha256': _digest(hashlib.sha256(_bytes(path)).hexdigest() for path in indices),
        'clips_sha256': _digest(f'{i["clip_id"]}\t{len(i["frame_paths"])}' for i in infos),
        'files_sha256': _digest(name.replace(os.sep, '/') for name in names),
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two fingerprints of a split, as lines of text."""
    found = [
        f'{key}: {then.get(key)!r} then, {now.get(key)!r} now'
        for key in {**then, **now}
        if key not in HASHES and then.get(key) != now.get(key)
    ]
    texts = ('what lists the clips', 'the clips or their order', 'names or sizes of files')
    for key, text in zip(HASHES, texts, strict=True):
        if then.get(key) is not None and then[key] != now.get(key):
            found.append(f'{text} differ ({key})')
    return found


def _files(info: ClipInfo, with_maskiges: bool) -> Iterator[str]:
    """The files that a clip is read from."""
    yield from info['frame_paths']
    yield from (path for path in info['mask_paths'] if path is not None)
    if with_maskiges:
        yield from info['maskige_paths']
    sound = info.get('log_mel_path') or info.get('audio_path')
    if sound is not None:
        yield sound


def _size(path: str) -> int | None:
    try:
        return os.stat(path).st_size
    except OSError:
        return None


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:  # a folder lists its clips by itself
        return b''


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode() + b'\n')
    return digest.hexdigest()
