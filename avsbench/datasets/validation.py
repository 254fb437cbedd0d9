"""Looks through the files of a data set before anything is trained on them."""

import hashlib
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod

from mmengine.dataset import BaseDataset

from avsbench.datasets.transforms.loading import LoadClip, LoadMaskiges
from avsbench.media.faults import BrokenFileError, ClipCheck
from avsbench.media.images import probe_image, read_frame
from avsbench.media.log_mel import MIN_SAMPLES, PATCH_SHAPE, SAMPLE_RATE, count_patches, probe_wav
from avsbench.utils.errors import examples

CHECK_LEVELS = ('fast', 'full', 'off')
THREADS = 16  # that wait for files
TRIAL = 32  # clips


@dataclass
class ClipChecker:
    """Checks the files of one clip, all of them, whatever is wrong with the first.

    'fast' reads headers and ends: every file is there, no image is cut off, a mask has the size of
    its frame, a wav has samples and enough of them, a float wav no NaN. 'full' decodes everything
    with the transforms that training uses.

    Args:
        level: 'fast' or 'full'.
        load_clip: Reads masks, and reads or computes log-mel, at level 'full'.
        load_maskiges: Reads Maskiges at level 'full'; None if none are needed.
    """

    level: str
    load_clip: LoadClip
    load_maskiges: LoadMaskiges | None = None

    def __call__(self, info: dict) -> ClipCheck:
        """What is wrong with the clip that a data set's `data_info` describes."""
        faults: list[BrokenFileError] = []
        frame_size = self._check_images(info, faults)
        if self.load_maskiges is not None:
            for path in info['maskige_paths']:
                _attempt(faults, self._check_maskige, path, frame_size)
        patches = _attempt(faults, self._check_audio, info)
        return ClipCheck(info['clip_id'], info['csv_row'], tuple(faults), patches)

    def _check_images(self, info: dict, faults: list[BrokenFileError]) -> tuple[int, int] | None:
        """Size of the clip's frames, None if no frame can be read."""
        sizes = {path: _attempt(faults, self._frame_size, path) for path in info['frame_paths']}
        for path in info['mask_paths']:
            if path is not None:
                sizes[path] = _attempt(faults, self._mask_size, path, info)
        known = {path: size for path, size in sizes.items() if size is not None}
        first = next(iter(known), None)
        for path, size in known.items():
            if size != known[first]:
                have, want = (f'{width} x {height}' for height, width in (size, known[first]))
                what = f'{path}: {have} pixels, but {first} has {want}'
                faults.append(BrokenFileError(what, 'sizes differ'))
        return next((known[path] for path in info['frame_paths'] if path in known), None)

    def _check_maskige(self, path: str, frame_size: tuple[int, int] | None) -> None:
        load = self.load_maskiges
        size = load.probe(path) if self.level == 'fast' else load.read(path).shape[:2]
        wanted = load.size or frame_size
        if wanted is not None:
            load.check_size(path, size, wanted)

    def _frame_size(self, path: str) -> tuple[int, int]:
        return probe_image(path) if self.level == 'fast' else read_frame(path).shape[:2]

    def _mask_size(self, path: str, info: dict) -> tuple[int, int]:
        if self.level == 'fast':
            return probe_image(path, 'broken mask')
        return self.load_clip.masks.read(path, info['mask_coding'], info.get('num_classes')).shape

    def _check_audio(self, info: dict) -> int | None:
        """Patches in the clip's sound file, None if the log-mel is stored."""
        if info['log_mel_path'] is not None:
            self._check_log_mel(info)
            return None
        samples, rate = probe_wav(info['audio_path'])
        patches = count_patches(samples, rate)
        if patches == 0 and info['short_audio'] == 'repeat':
            what = (
                f'{info["audio_path"]}: {samples / rate:.3f} s, at least '
                f'{MIN_SAMPLES / SAMPLE_RATE} s are needed'
            )
            raise BrokenFileError(what, 'short audio')
        if self.level == 'full':
            self.load_clip.log_mel.read_clip(info)
        return patches

    def _check_log_mel(self, info: dict) -> None:
        if self.level == 'full':
            self.load_clip.log_mel.read_clip(info)
            return
        path, frames = info['log_mel_path'], len(info['frame_paths'])
        if not os.path.isfile(path):
            raise BrokenFileError(f'{path}: no such file', 'missing audio')
        size, needed = os.path.getsize(path), 4 * frames * prod(PATCH_SHAPE)
        if size < needed:
            what = f'{path}: {size} bytes, {frames} log-mel patches take {needed} or more'
            raise BrokenFileError(what, 'broken log-mel')


def check_clips(
    check: Callable[[dict], ClipCheck], infos: Iterable[dict], level: str
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
    """One sentence for each way in which clips of one split occur in another.

    Args:
        datasets: Data set of each split.
        by_content: Compare the first frames of the clips too, byte by byte, not only the names.
    """
    ways = {'name': lambda info: info['clip_id'].rsplit('/', 1)[-1]}
    if by_content:
        ways['first frame'] = lambda info: _digest(info['frame_paths'][0])
    for way, key_of in ways.items():
        places: dict[object, dict[str, str]] = {}
        for split, dataset in datasets.items():
            for index in range(len(dataset)):
                info = dataset.get_data_info(index)
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
                f'{len(repeated)} clips are in more than one split by their {way}: '
                f'{examples(cases)}; take them out of one of the splits in the csv'
            )


def _digest(path: str) -> bytes | None:
    """Hash of a file, None if it can't be read."""
    try:
        with open(path, 'rb') as file:
            return hashlib.sha256(file.read()).digest()
    except OSError:
        return None


def _attempt(faults: list[BrokenFileError], call: Callable, *args: object) -> object:
    """The result of a call; None if it raised a fault, which is put down."""
    try:
        return call(*args)
    except BrokenFileError as fault:
        faults.append(fault)
        return None
