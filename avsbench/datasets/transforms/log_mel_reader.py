"""Reads or computes the log-mel patches of a clip."""

import os
from math import prod
from pathlib import Path

import numpy as np

from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.media.faults import BrokenFileError, absent
from avsbench.media.front_ends import FRONT_ENDS, VGGISH
from avsbench.media.log_mel import PATCH_SHAPE, probe_wav, read_wav
from avsbench.media.log_mel_cache import LogMelCache
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import ARRAY_FILE_ERRORS
from avsbench.utils.safe_pickle import load_tensor_pickle

_KIND = 'broken log-mel'


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

    def read_clip(self, info: AudioClipInfo) -> np.ndarray:
        """The patches of a clip, (T, *shape) float32."""
        if info['log_mel_path'] is None:
            return self.fit(self._computed(info['audio_path']), info)
        self._refuse_stored(info['log_mel_path'])
        return _stored(info['log_mel_path'], len(info['frame_paths']), info['short_audio'])

    def fit(self, patches: np.ndarray, info: AudioClipInfo) -> np.ndarray:
        """As many of the patches (m, *shape) of an audio file as a clip has frames.

        Raises:
            BrokenFileError: There is none, and the last one is to be repeated.
        """
        repeats = info['short_audio'] == 'repeat'
        if not len(patches) and repeats:
            raise self._short_error(info['audio_path'])
        missing = len(info['frame_paths']) - len(patches)
        if missing > 0:
            filler = patches[-1:] if repeats else np.zeros((1, *patches.shape[1:]), np.float32)
            patches = np.concatenate([patches, np.repeat(filler, missing, axis=0)])
        return patches[: len(info['frame_paths'])]

    def check_clip(self, info: AudioClipInfo, full: bool) -> int | None:
        """Patches that the audio file of a clip gives, None if log-mel is stored.

        Raises:
            BrokenFileError: The file can't be used.
            ConfigError: The stored log-mel is of another front end.
        """
        if info['log_mel_path'] is not None:
            self._refuse_stored(info['log_mel_path'])
            _check_stored(info['log_mel_path'], len(info['frame_paths']), info['short_audio'])
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
        if self.front_end != VGGISH:  # not the same object in a copied data set
            raise ConfigError(
                f"LoadClip: front_end={self.front_end.name!r}, but {path} holds VGGish's log-mel. "
                "Set audio_source='wav' of the data set"
            )

    def _computed(self, path: str) -> np.ndarray:
        if self.cache is None:
            return self.front_end.patches(*read_wav(path))
        return self.cache.get(path)

    def _short_error(self, path: str, length: str = '') -> BrokenFileError:
        what = f'{path}: {length}shorter than {self.front_end.min_seconds} s, the least it can be'
        return BrokenFileError(what, 'short audio')


def _stored(path: str, frames: int, short_audio: str) -> np.ndarray:
    patches = read_log_mel(path)
    _check_count(path, len(patches), frames, short_audio)
    return patches[:frames]


def _check_count(path: str, patches: int, frames: int, short_audio: str) -> None:
    more = 'or more ' if short_audio == 'zero' else ''
    if patches < frames or (patches > frames and not more):
        what = f'{path}: {patches} log-mel patches, the clip has {frames} frames'
        raise BrokenFileError(f'{what} ({frames} {more}are needed)', _KIND)


def _check_stored(path: str, frames: int, short_audio: str) -> None:
    """Check the header of a .npy; of a .pkl, that it is as large as its patches."""
    if not os.path.isfile(path):
        raise BrokenFileError(absent(path), 'missing audio')
    if path.endswith('.npy'):
        array = _stored_array(path)
        _check_form(path, array)
        _check_count(path, len(array), frames, short_audio)
        return
    size, needed = os.path.getsize(path), 4 * frames * prod(PATCH_SHAPE)
    if size < needed:
        what = f'{path}: {size} bytes, {frames} log-mel patches take {needed} or more'
        raise BrokenFileError(what, _KIND)


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
    patches = _stored_array(path)
    _check_form(path, patches)
    if not np.isfinite(patches).all():
        raise BrokenFileError(f'{path}: it holds NaN or infinity', _KIND)
    return np.array(patches, np.float32)


def _stored_array(path: str | Path) -> np.ndarray:
    """What a file holds; a .npy stays on disk, so that its header can't ask for memory."""
    try:
        if not str(path).endswith('.npy'):
            return load_tensor_pickle(path).numpy()
        array = np.load(path, mmap_mode='r', allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise BrokenFileError(f'{path}: it is an archive (.npz), not an array', _KIND)
        return array
    except BrokenFileError:
        raise
    except DataError as error:
        raise BrokenFileError(str(error), _KIND) from error
    except ARRAY_FILE_ERRORS as error:
        raise BrokenFileError(f'{path}: not readable as log-mel ({error})', _KIND) from error


def _check_form(path: str | Path, patches: np.ndarray) -> None:
    if patches.shape[1:] != PATCH_SHAPE or patches.dtype not in (np.float32, np.float64):
        what = f'{path}: {patches.dtype} of shape {patches.shape}, expected float32 (n, 1, 96, 64)'
        raise BrokenFileError(what, _KIND)
