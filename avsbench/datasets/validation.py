"""Looks through the files of a data set before anything is trained on them."""

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from mmengine.dataset import BaseDataset

from avsbench.datasets.clip_info import ClipInfo
from avsbench.media.faults import ClipCheck
from avsbench.utils.errors import examples

CHECK_LEVELS = ('fast', 'full', 'off')
THREADS = 16  # that wait for files
TRIAL = 32  # clips


@runtime_checkable
class ChecksFiles(Protocol):
    """A step of a pipeline that can check the files it is going to read."""

    def check(self, info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
        """Note what is wrong with the files of a clip, all of them.

        Args:
            info: The clip.
            found: What earlier steps have found; faults are added to it.
            full: Decode every file as training does, instead of a look at headers and ends: every
                file is there, no image is cut off, a mask has the size of its frame, a wav has
                samples and enough of them, a float wav no NaN.
        """


def check_clips(
    check: Callable[[ClipInfo], ClipCheck], infos: Iterable[ClipInfo], level: str
) -> Iterator[ClipCheck]:
    """Check clips one after the other, or in threads where that helps.

    Decoding runs in as many threads as there are cores. Headers need little work but one or two
    visits to the disk each: on a fast disk a single thread is the quickest, on a slow one many
    threads can wait at once. The first clips show which kind it is.

    Args:
        check: Checks the clip of a `data_info`.
        infos: The clips.
        level: 'fast' or 'full'.

    Yields:
        One result for each clip, in the order of the clips.
    """
    infos, threads = iter(infos), os.cpu_count() or 1
    if level == 'fast':
        wall, cpu = time.perf_counter(), time.thread_time()
        yield from map(check, itertools.islice(infos, TRIAL))
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        threads = THREADS if wall > 3 * cpu else 1
    if threads == 1:
        yield from map(check, infos)
    else:
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(check, infos)


def find_repeated(datasets: Mapping[str, BaseDataset], *, by_content: bool) -> Iterator[str]:
    """One sentence for each way in which clips, or videos, of one split occur in another.

    Args:
        datasets: A `BaseClipDataset` for each split.
        by_content: Compare their first frames too, byte by byte, not only the names.
    """
    keys = {'name': lambda info: info['clip_id'].rsplit('/', 1)[-1]}
    if by_content:
        keys['first frame'] = lambda info: _digest(info['frame_paths'][0])
    for way, key_of in keys.items():
        places: dict[object, dict[str, str]] = {}
        for split, dataset in datasets.items():
            for info in dataset.infos_to_check():
                key = key_of(info)
                if key is not None:
                    places.setdefault(key, {})[split] = info['clip_id']
        repeated = [place for place in places.values() if len(place) > 1]
        if repeated:
            cases = [
                ' = '.join(f'{split} {clip_id}' for split, clip_id in place.items())
                for place in repeated
            ]
            yield (
                f'{len(repeated)} {dataset.checked_units} are in more than one split by their '
                f'{way}: {examples(cases)}; take them out of one of the splits'
            )


def _digest(path: str) -> bytes | None:
    """Hash of a file, None if it can't be read."""
    try:
        with open(path, 'rb') as file:
            return hashlib.sha256(file.read()).digest()
    except OSError:
        return None
