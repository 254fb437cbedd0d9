"""Transforms that read the files of a clip."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform

from avsbench.datasets.clip_info import ClipInfo, ClipResults
from avsbench.media.faults import BrokenFileError
from avsbench.media.images import (
    probe_image,
    read_binary_mask,
    read_colour_label,
    read_frame,
    read_index_label,
)
from avsbench.media.log_mel import MIN_SAMPLES, PATCH_SHAPE, SAMPLE_RATE, log_mel_patches, read_wav
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
    `gt_valid` (T,) bool, and `log_mel` (T, 1, 96, 64) float32. The clip knows what stands for
    missing log-mel (`short_audio`).

    Args:
        cache_dir: Folder in which computed log-mel patches are kept; None computes them each time.
        grey: Binary masks: what a grey image with more than one value beside 0 means. 'error', or
            'foreground' for all of them.
        unknown_colour: Labels: what a colour outside the palette, or an index outside the classes,
            means. 'error', or 'background' as in the published code.
    """

    def __init__(
        self, cache_dir: str | None = None, grey: str = 'error', unknown_colour: str = 'error'
    ) -> None:
        self.log_mel = LogMelReader(cache_dir)
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
        """Add `log_mel`."""
        results['log_mel'] = self.log_mel.read_clip(results)
        return results


def read_frames(paths: Sequence[str]) -> list[np.ndarray]:
    """Frames of one size, (H, W, 3) uint8 each, RGB."""
    frames = [read_frame(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise _size_error(path, frame.shape, paths[0], frames[0].shape)
    return frames


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


@TRANSFORMS.register_module()
class LoadMaskiges(BaseTransform):
    """Read the Maskiges of a clip: pictures in which every segment of a frame has a colour.

    Segments are of any kind; `tools/prepare_maskiges.py` makes the pictures. Geometric transforms
    that come later treat them as frames, and `PackAVSInputs` puts them behind the frames on the
    channel axis.

    Needs `maskige_paths` and `img_shape`. Adds `maskiges` (list of T arrays (H, W, 3) uint8, RGB).

    Place it where the frames are what the pictures were made of: behind `LoadClip` for S4 and MS3,
    behind the published cut (`ClipShortSideCrop`, `ClipResize`) for AVSS; before anything
    random.

    Args:
        size: (H, W) of the pictures in pixels; None for that of the frames on disk.
    """

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        self.size = None if size is None else tuple(size)

    def transform(self, results: dict) -> dict:
        """Add `maskiges`; a `BrokenFileError` names the picture that can't be used."""
        if 'img_shape' not in results or 'flip' in results:
            place = 'after' if 'img_shape' not in results else 'before'
            other = 'LoadClip' if place == 'after' else 'ClipRandomFlip'
            raise ConfigError(f'LoadMaskiges: must come {place} {other} in the pipeline')
        wanted = self.size or tuple(results['ori_shape'])
        if tuple(results['img_shape']) != wanted:
            raise ConfigError(
                f'LoadMaskiges: its pictures are {wanted} (H, W), the frames at this place of the '
                f'pipeline {tuple(results["img_shape"])}; move it, or set its size'
            )
        maskiges = [self.read(path) for path in results['maskige_paths']]
        for path, maskige in zip(results['maskige_paths'], maskiges, strict=True):
            self.check_size(path, maskige.shape[:2], wanted)
        results['maskiges'] = maskiges
        return results

    @staticmethod
    def read(path: str) -> np.ndarray:
        """One Maskige as (H, W, 3) uint8, RGB."""
        return read_frame(path, 'broken Maskige', 'missing Maskige')

    @staticmethod
    def probe(path: str) -> tuple[int, int]:
        """(H, W) of one Maskige from its header, after a look at its end."""
        return probe_image(path, 'broken Maskige', 'missing Maskige')

    @staticmethod
    def check_size(path: str, size: tuple[int, int], wanted: tuple[int, int]) -> None:
        """Raise a `BrokenFileError` unless a Maskige has the size (H, W) that it must have."""
        if tuple(size) != tuple(wanted):
            have, want = (f'{width} x {height}' for height, width in (size, wanted))
            what = f'{path}: {have} pixels, expected {want}'
            raise BrokenFileError(what, 'broken Maskige')


class LogMelReader:
    """Reads the log-mel patches of a clip, or computes them from its sound file.

    Patches beyond T are dropped, as far as they come from a sound file or from a stored file that
    is padded with zeros. `short_audio` of the clip tells what follows if a sound file gives fewer
    than T patches: 'repeat' the last one (as in the files of S4 and MS3), or 'zero' patches (as the
    published code does for AVSS).

    Args:
        cache_dir: As in `LoadClip`.
    """

    def __init__(self, cache_dir: str | None = None) -> None:
        self.cache = None if cache_dir is None else LogMelCache(cache_dir)

    def read_clip(self, info: ClipInfo) -> np.ndarray:
        """The patches of a clip, (T, 1, 96, 64) float32."""
        frames, short = len(info['frame_paths']), info['short_audio']
        if info['log_mel_path'] is not None:
            return _stored(info['log_mel_path'], frames, short)
        return self._computed(info['audio_path'], frames, short)

    def _computed(self, path: str, frames: int, short: str) -> np.ndarray:
        if self.cache is None:
            patches = log_mel_patches(*read_wav(path))
        else:
            patches = self.cache.get(path)
        if not len(patches) and short == 'repeat':
            seconds = MIN_SAMPLES / SAMPLE_RATE
            what = f'{path}: shorter than {seconds} s, it gives no log-mel patch to repeat'
            raise BrokenFileError(what, 'short audio')
        missing = frames - len(patches)
        if missing > 0:
            filler = np.zeros((1, *PATCH_SHAPE), np.float32)
            last = patches[-1:] if short == 'repeat' else filler
            patches = np.concatenate([patches, np.repeat(last, missing, axis=0)])
        return patches[:frames]


def _stored(path: str, frames: int, short: str) -> np.ndarray:
    patches = read_log_mel(path)
    more = 'or more ' if short == 'zero' else ''
    if len(patches) < frames or (len(patches) > frames and short == 'repeat'):
        what = f'{path}: {len(patches)} log-mel patches, the clip has {frames} frames'
        raise BrokenFileError(f'{what} ({frames} {more}are needed)', 'broken log-mel')
    return patches[:frames]


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


def _size_error(path: str, shape: tuple, other: str, expected: tuple) -> BrokenFileError:
    height, width, wanted_height, wanted_width = *shape[:2], *expected[:2]
    return BrokenFileError(
        f'{path}: {width} x {height} pixels, but {other} has {wanted_width} x {wanted_height}',
        'sizes differ',
    )
