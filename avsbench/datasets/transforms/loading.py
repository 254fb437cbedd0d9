"""Transforms that read the files of a clip, and check them before anything is trained."""

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform

from avsbench.datasets.clip_info import ClipInfo, ClipResults
from avsbench.media.faults import BrokenFileError, ClipCheck
from avsbench.media.front_ends import FRONT_ENDS, VGGISH
from avsbench.media.images import (
    probe_image,
    read_binary_mask,
    read_colour_label,
    read_frame,
    read_index_label,
)
from avsbench.media.log_mel import PATCH_SHAPE, probe_wav, read_wav
from avsbench.media.log_mel_cache import LogMelCache
from avsbench.registry import TRANSFORMS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.safe_pickle import load_tensor_pickle


@TRANSFORMS.register_module()
class LoadClip(BaseTransform):
    """Read frames, masks and log-mel patches of a clip, as its data set describes it.

    Adds `frames` (list of T arrays (H, W, 3) uint8, RGB), `ori_shape` and `img_shape` (H, W),
    `masks` (T, H, W) uint8 (0 and 1, or the class index; zeros where a frame is not annotated),
    `gt_valid` (T,) bool, `log_mel` (T, *shape) float32, with the shape of the front end, and the
    name of that, `front_end`. The clip knows what stands for missing log-mel (`short_audio`).

    Args:
        cache_dir: Folder in which computed log-mel patches are kept; None computes them each time.
        grey: Binary masks: what a grey image with more than one value beside 0 means. 'error', or
            'foreground' for all of them.
        unknown_colour: Labels: what a colour outside the palette, or an index outside the classes,
            means. 'error', or 'background' as in the published code.
        front_end: What `log_mel` is. 'vggish': VGGish's patches, shape (1, 96, 64), as all
            published systems. 'mel_power': a spectrogram of each second, (1, 44, 64), for audio
            encoders that are trained (`TimmAudioEncoder`); it needs audio files, i.e.
            `audio_source='wav'` where log-mel is stored. 'mel_power_published': the same in the
            form of AVSBench-Robust's negative examples, (1, 96, 64).
    """

    def __init__(
        self,
        cache_dir: str | None = None,
        grey: str = 'error',
        unknown_colour: str = 'error',
        front_end: str = 'vggish',
    ) -> None:
        self.log_mel = LogMelReader(cache_dir, front_end)
        self.masks = MaskReader(grey, unknown_colour)

    def transform(self, results: ClipInfo) -> ClipResults:
        """Add the keys named above; a `BrokenFileError` names the file that can't be used."""
        return self.add_audio(self.add_images(results))

    def add_images(self, results: ClipInfo) -> ClipResults:
        """Add all keys but `log_mel`."""
        results['frames'] = read_frames(results['frame_paths'])
        results['ori_shape'] = results['img_shape'] = results['frames'][0].shape[:2]
        results['masks'] = self.masks.read_clip(results)
        results['gt_valid'] = np.array([path is not None for path in results['mask_paths']])
        return results

    def add_audio(self, results: ClipInfo) -> ClipResults:
        """Add `log_mel` and `front_end`."""
        results['log_mel'] = self.log_mel.read_clip(results)
        results['front_end'] = self.log_mel.front_end.name
        return results

    def check(self, info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
        """See `avsbench.datasets.validation.ChecksFiles`."""
        check_frames(info, found, full=full)
        self.masks.check_clip(info, found, full=full)
        found.patches = found.attempt(self.log_mel.check_clip, info, full)


def read_frames(paths: Sequence[str]) -> list[np.ndarray]:
    """Frames of one size, (H, W, 3) uint8 each, RGB."""
    frames = [read_frame(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise _size_error(path, frame.shape, paths[0], frames[0].shape)
    return frames


def check_frames(info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
    """Note what is wrong with the frames of a clip, and the size of the first good one."""

    def measure(path: str) -> tuple[int, int]:
        return read_frame(path).shape[:2] if full else probe_image(path)

    for path in info['frame_paths']:
        _compare_size(path, found.attempt(measure, path), found)


class MaskReader:
    """Reads masks.

    Args:
        grey: As in `LoadClip`.
        unknown_colour: As in `LoadClip`.
    """

    def __init__(self, grey: str, unknown_colour: str) -> None:
        self.grey = check_choice('LoadClip: grey', grey, ('error', 'foreground'))
        self.unknown_colour = check_choice(
            'LoadClip: unknown_colour', unknown_colour, ('error', 'background')
        )

    def read_clip(self, info: ClipResults) -> np.ndarray:
        """The masks of a clip whose frames have the size `ori_shape`, (T, H, W) uint8."""
        paths, shape = info['mask_paths'], info['ori_shape']
        masks = np.zeros((len(paths), *shape), np.uint8)
        for mask, path in zip(masks, paths, strict=True):
            if path is not None:
                found = self.read(path, info['mask_coding'], info['num_classes'])
                if found.shape != shape:
                    raise _size_error(path, found.shape, info['frame_paths'][0], shape)
                mask[:] = found
        return masks

    def read(self, path: str, coding: str, num_classes: int | None) -> np.ndarray:
        """One mask as (H, W) uint8.

        Args:
            path: Image file.
            coding: 'binary', 'index' or 'palette'.
            num_classes: K of the two label codings.
        """
        if coding == 'binary':
            return read_binary_mask(path, grey=self.grey)
        read = {'index': read_index_label, 'palette': read_colour_label}[coding]
        return read(path, num_classes, unknown_colour=self.unknown_colour)

    def check_clip(self, info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
        """Note what is wrong with the masks of a clip."""

        def measure(path: str) -> tuple[int, int]:
            if full:
                return self.read(path, info['mask_coding'], info['num_classes']).shape
            return probe_image(path, 'broken mask')

        for path in filter(None, info['mask_paths']):
            _compare_size(path, found.attempt(measure, path), found)


@TRANSFORMS.register_module()
class LoadMaskiges(BaseTransform):
    """Read the Maskiges of a clip: images in which every segment of a frame has a colour.

    Segments are of any kind; `tools/prepare_maskiges.py` makes the images. Geometric transforms
    that come later treat them as frames, and `PackAVSInputs` puts them behind the frames on the
    channel axis.

    Needs `maskige_paths` and `img_shape`. Adds `maskiges` (list of T arrays (H, W, 3) uint8, RGB).

    Place it where the frames are what the Maskiges were made of: behind `LoadClip` for S4 and MS3,
    behind the published cut (`ClipShortSideCrop`, `ClipResize`) for AVSS; before anything random.

    Args:
        size: (H, W) of the Maskiges in pixels; None for that of the frames on disk.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = None if size is None else tuple(size)

    def transform(self, results: ClipResults) -> ClipResults:
        """Add `maskiges`; a `BrokenFileError` names the Maskige that can't be used."""
        if 'img_shape' not in results or 'flip' in results:
            place = 'after' if 'img_shape' not in results else 'before'
            other = 'LoadClip' if place == 'after' else 'ClipRandomFlip'
            raise ConfigError(f'LoadMaskiges: must come {place} {other} in the pipeline')
        wanted = self.size or tuple(results['ori_shape'])
        if tuple(results['img_shape']) != wanted:
            raise ConfigError(
                f'LoadMaskiges: its images are {wanted} (H, W), the frames at this place of the '
                f'pipeline {tuple(results["img_shape"])}; move it, or set its size'
            )
        maskiges = [_read_maskige(path) for path in results['maskige_paths']]
        for path, maskige in zip(results['maskige_paths'], maskiges, strict=True):
            _check_maskige_size(path, maskige.shape[:2], wanted)
        results['maskiges'] = maskiges
        return results

    def check(self, info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
        """See `avsbench.datasets.validation.ChecksFiles`."""
        wanted = self.size or (found.first_image and found.first_image[1])

        def check_one(path: str) -> None:
            size = _read_maskige(path).shape[:2] if full else probe_image(path, *_MASKIGE_FAULTS)
            if wanted is not None:
                _check_maskige_size(path, size, wanted)

        for path in info['maskige_paths']:
            found.attempt(check_one, path)


_MASKIGE_FAULTS = ('broken Maskige', 'missing Maskige')


def _read_maskige(path: str) -> np.ndarray:
    return read_frame(path, *_MASKIGE_FAULTS)


def _check_maskige_size(path: str, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    if tuple(size) != tuple(wanted):
        have, want = (f'{width} x {height}' for height, width in (size, wanted))
        raise BrokenFileError(f'{path}: {have} pixels, expected {want}', 'broken Maskige')


class LogMelReader:
    """Reads the log-mel patches of a clip, or computes them from its audio file.

    Patches beyond T are dropped, as far as they come from an audio file or from a stored file that
    is padded with zeros. `short_audio` of the clip tells what follows if an audio file gives fewer
    than T patches: 'repeat' the last one (as in the files of S4 and MS3), or 'zero' patches (as the
    published code does for AVSS).

    Args:
        cache_dir: As in `LoadClip`.
        front_end: As in `LoadClip`.
    """

    def __init__(self, cache_dir: str | None = None, front_end: str = 'vggish') -> None:
        self.front_end = FRONT_ENDS[check_choice('LoadClip: front_end', front_end, FRONT_ENDS)]
        self.cache = None if cache_dir is None else LogMelCache(cache_dir, self.front_end)

    def read_clip(self, info: ClipInfo) -> np.ndarray:
        """The patches of a clip, (T, *shape) float32."""
        frames, short_audio = len(info['frame_paths']), info['short_audio']
        if info['log_mel_path'] is None:
            return self._computed(info['audio_path'], frames, short_audio)
        self._refuse_stored(info['log_mel_path'])
        return _stored(info['log_mel_path'], frames, short_audio)

    def check_clip(self, info: ClipInfo, full: bool) -> int | None:
        """Patches that the audio file of a clip gives, None if log-mel is stored.

        Raises:
            BrokenFileError: The file can't be used.
            ConfigError: The stored log-mel is of another front end.
        """
        if info['log_mel_path'] is not None:
            self._refuse_stored(info['log_mel_path'])
            _check_stored(info['log_mel_path'], len(info['frame_paths']))
            patches = None
        else:
            samples, rate = probe_wav(info['audio_path'])
            patches = self.front_end.count(samples, rate)
            if patches == 0 and info['short_audio'] == 'repeat':
                raise self._short_error(info['audio_path'], f'{samples / rate:.3f} s, ')
        if full:
            self.read_clip(info)
        return patches

    def _refuse_stored(self, path: str) -> None:
        if self.front_end is not VGGISH:
            raise ConfigError(
                f"LoadClip: front_end={self.front_end.name!r}, but {path} holds VGGish's log-mel. "
                "Set audio_source='wav' of the data set"
            )

    def _computed(self, path: str, frames: int, short_audio: str) -> np.ndarray:
        if self.cache is None:
            patches = self.front_end.patches(*read_wav(path))
        else:
            patches = self.cache.get(path)
        if not len(patches) and short_audio == 'repeat':
            raise self._short_error(path)
        missing = frames - len(patches)
        if missing > 0:
            filler = np.zeros((1, *self.front_end.shape), np.float32)
            last = patches[-1:] if short_audio == 'repeat' else filler
            patches = np.concatenate([patches, np.repeat(last, missing, axis=0)])
        return patches[:frames]

    def _short_error(self, path: str, length: str = '') -> BrokenFileError:
        what = f'{path}: {length}shorter than {self.front_end.min_seconds} s, the least it can be'
        return BrokenFileError(what, 'short audio')


def _stored(path: str, frames: int, short_audio: str) -> np.ndarray:
    patches = read_log_mel(path)
    more = 'or more ' if short_audio == 'zero' else ''
    if len(patches) < frames or (len(patches) > frames and short_audio == 'repeat'):
        what = f'{path}: {len(patches)} log-mel patches, the clip has {frames} frames'
        raise BrokenFileError(f'{what} ({frames} {more}are needed)', 'broken log-mel')
    return patches[:frames]


def _check_stored(path: str, frames: int) -> None:
    """Compare the size of a file of log-mel with the least that it can have."""
    if not os.path.isfile(path):
        raise BrokenFileError(f'{path}: no such file', 'missing audio')
    size, needed = os.path.getsize(path), 4 * frames * prod(PATCH_SHAPE)
    if size < needed:
        what = f'{path}: {size} bytes, {frames} log-mel patches take {needed} or more'
        raise BrokenFileError(what, 'broken log-mel')


def read_log_mel(path: str | Path) -> np.ndarray:
    """Log-mel patches stored as AVSBench's pickle or as .npy.

    Args:
        path: File ending in .pkl or .npy.

    Returns:
        (patches, 1, 96, 64) float32.

    Raises:
        BrokenFileError: The file is missing, refused (it holds more than a tensor), or holds
            something else than finite patches.
    """
    try:
        if str(path).endswith('.npy'):
            patches = np.load(path, allow_pickle=False)
        else:
            patches = load_tensor_pickle(path).numpy()
    except DataError as error:
        raise BrokenFileError(str(error), 'broken log-mel') from error
    except (OSError, ValueError, EOFError, TypeError) as error:
        reason = f'{path}: not readable as log-mel ({error})'
        raise BrokenFileError(reason, 'broken log-mel') from error
    if patches.shape[1:] != PATCH_SHAPE or patches.dtype not in (np.float32, np.float64):
        what = f'{path}: {patches.dtype} of shape {patches.shape}, expected float32 (n, 1, 96, 64)'
        raise BrokenFileError(what, 'broken log-mel')
    if not np.isfinite(patches).all():
        raise BrokenFileError(f'{path}: it holds NaN or infinity', 'broken log-mel')
    return patches.astype(np.float32, copy=False)


def _compare_size(path: str, size: tuple[int, int] | None, found: ClipCheck) -> None:
    """Compare an image (H, W) with the first good frame of its clip, and note a difference."""
    if size is None:
        return
    if found.first_image is None:
        found.first_image = (path, size)
    elif size != found.first_image[1]:
        found.faults.append(_size_error(path, size, *found.first_image))


def _size_error(path: str, shape: tuple, other: str, expected: tuple) -> BrokenFileError:
    have, want = (f'{width} x {height}' for height, width in (shape[:2], expected[:2]))
    return BrokenFileError(f'{path}: {have} pixels, but {other} has {want}', 'sizes differ')
