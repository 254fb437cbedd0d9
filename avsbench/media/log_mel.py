"""VGGish's front end: waveform to log-mel patches, in float64.

Follows the AudioSet front end (Hershey et al., CNN Architectures for Large-Scale Audio
Classification, arXiv 1609.09430) in the form that the published audio-visual segmentation code
uses: 16-bit samples, mean over channels, 16 kHz, 25 ms periodic Hann windows every 10 ms,
magnitude spectrum of 512 points, 64 triangles in mel between 125 and 7500 Hz, ln(mel + 0.01),
patches of 96 frames (0.96 s). The arithmetic is float64 as published; it works in blocks that stay
in the processor's cache, multiplies only the part of the mel matrix that isn't zero, and builds
window and matrix once.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import soundfile
import torch

from avsbench.media.audio_containers import missing_bytes
from avsbench.media.faults import BrokenFileError, absent
from avsbench.utils.errors import DataError

SAMPLE_RATE = 16000  # Hz
WINDOW = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
FFT_SIZE = 512
MEL_BANDS = 64
MEL_RANGE = (125.0, 7500.0)  # Hz
LOG_OFFSET = 0.01
PATCH_FRAMES = 96
PATCH_SHAPE = (1, PATCH_FRAMES, MEL_BANDS)
FULL_SCALE = 32768.0  # of 16-bit samples
MIN_SAMPLES = WINDOW + (PATCH_FRAMES - 1) * HOP  # of one patch, at 16 kHz: 0.975 s

_BLOCK = 128  # frames; the arrays of a block take 1.3 MB, small enough for a processor's cache
_BAND_GROUP = 8
_FLOAT_SUBTYPES = ('FLOAT', 'DOUBLE')
_READ_AT_ONCE = 1 << 22  # samples per channel
_INTEGER_SUBTYPES = ('PCM_', 'ALAC_')  # how the names of those begin that hold integers

RATES = (1000, 768_000)
"""Lowest and highest sample rate in Hz that is read: a header of a few bytes can claim anything."""

LOUDEST = 8.0
"""Largest float sample, full scale being 1; larger ones are on another scale."""

MAX_VALUES = 1 << 29
"""Samples of all channels beyond which a file is refused; 3 hours of mono at 48 kHz."""


# ------------------------------------------------------------------------------- reading a file


def read_wav(path: str | Path) -> tuple[np.ndarray, int]:
    """Mono samples of an audio file as the published code reads them.

    Samples are quantised to 16 bit first (24-bit files are scaled by the reader), then averaged
    over the channels. A float file is scaled by 32768, rounded and clipped to 16 bit; the published
    code would cast it without scaling and so read silence. So is what was compressed with a loss:
    its peaks may exceed full scale, and would come out with the other sign if read as integers.

    Args:
        path: A file that soundfile reads.

    Returns:
        Samples (n,) float64 in [-1, 1), and the sample rate in Hz.

    Raises:
        BrokenFileError: The file is unreadable, cut off, empty, holds NaN or infinity, or claims a
            rate outside of `RATES` or more than `MAX_VALUES` samples.
    """
    pcm, rate = read_pcm(path)
    return to_mono(pcm), rate


def read_pcm(path: str | Path) -> tuple[np.ndarray, int]:
    """Samples of an audio file, quantised to 16 bit, see `read_wav`.

    Args:
        path: A file that soundfile reads.

    Returns:
        Samples (n, channels) int16, and the sample rate in Hz.

    Raises:
        BrokenFileError: See `read_wav`.
    """
    with _open_wav(path) as file:
        return _read_pcm(path, file), file.samplerate


def probe_wav(path: str | Path) -> tuple[int, int]:
    """Number of samples and rate of an audio file, from its header.

    The samples themselves are read from float files only, which can hold NaN and infinity.

    Args:
        path: A file that soundfile reads.

    Returns:
        Samples per channel, and the rate in Hz.

    Raises:
        BrokenFileError: See `read_wav`.
    """
    with _open_wav(path) as file:
        if file.subtype in _FLOAT_SUBTYPES:
            _read_pcm(path, file)
        return file.frames, file.samplerate


def count_channels(path: str | Path) -> int:
    """Channels of an audio file, from its header; errors as those of `read_wav`."""
    with _open_wav(path) as file:
        return file.channels


@contextlib.contextmanager
def _open_wav(path: str | Path) -> Iterator[soundfile.SoundFile]:
    try:
        missing = missing_bytes(path)
        if missing > 0:
            raise _wav_error(path, f'cut off: its header promises {missing} more bytes')
        with soundfile.SoundFile(str(path)) as file:
            if file.frames <= 0:
                raise _wav_error(path, 'it holds no samples')
            if fault := rate_fault(file.samplerate):
                raise _wav_error(path, fault)
            if file.frames * file.channels > MAX_VALUES:
                raise _wav_error(
                    path,
                    f'claims to have {file.frames} samples in {file.channels} channels, more than '
                    f'{MAX_VALUES} in all are refused',
                )
            yield file
    except FileNotFoundError as error:
        raise BrokenFileError(absent(path), 'missing audio') from error
    except OSError as error:
        raise _wav_error(path, f'not readable ({error.strerror or error})') from error
    except soundfile.LibsndfileError as error:
        raise _wav_error(path, f'not a readable audio file ({error.error_string})') from error


def rate_fault(rate: int) -> str | None:
    """What is wrong with a sample rate in Hz, or None."""
    if RATES[0] <= rate <= RATES[1]:
        return None
    return f'its sample rate is {rate} Hz, expected {RATES[0]} to {RATES[1]}'


def scale_fault(samples: np.ndarray) -> str | None:
    """What is wrong with the scale of float samples, or None."""
    peak = np.abs(samples).max(initial=0)
    if not peak > LOUDEST:  # NaN, too, is another fault
        return None
    return (
        f'its float samples reach {peak:g} where full scale is 1; divide them by their full scale'
    )


def _read_pcm(path: str | Path, file: soundfile.SoundFile) -> np.ndarray:
    """(n, channels) int16."""
    exact = file.subtype.startswith(_INTEGER_SUBTYPES)
    # in blocks: a header may claim a million times the samples that follow it
    blocks = [
        file.read(_READ_AT_ONCE, dtype='int16' if exact else 'float64', always_2d=True)
        for _ in range(0, file.frames, _READ_AT_ONCE)
    ]
    samples = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if len(samples) < file.frames:
        raise _wav_error(path, f'cut off: {len(samples)} of {file.frames} samples could be read')
    if exact:
        return samples
    broken = np.argwhere(~np.isfinite(samples))
    if len(broken):
        first = f'the first is sample {broken[0, 0]} of channel {broken[0, 1]}'
        raise _wav_error(path, f'{len(broken)} of its samples are NaN or infinite, {first}')
    if fault := scale_fault(samples):
        raise _wav_error(path, fault)
    return to_pcm(samples)


def to_pcm(samples: np.ndarray) -> np.ndarray:
    """16-bit samples of a waveform whose full scale is 1; what is louder is clipped."""
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def to_mono(pcm: np.ndarray) -> np.ndarray:
    """Mean over the channels of 16-bit samples (n, channels): (n,) float64 in [-1, 1)."""
    if pcm.shape[1] == 1:
        return pcm[:, 0] / FULL_SCALE
    if (
        pcm.shape[1] == 2
    ):  # exact, so equal to the mean of the scaled channels, and ten times faster
        return np.add(pcm[:, 0], pcm[:, 1], dtype=np.int32) / (2 * FULL_SCALE)
    return np.mean(pcm / FULL_SCALE, axis=1)


def _wav_error(path: str | Path, what: str) -> BrokenFileError:
    return BrokenFileError(f'{path}: {what}', 'broken audio')


# ----------------------------------------------------------------------------- samples to patches


def log_mel_patches(samples: np.ndarray, rate: int) -> np.ndarray:
    """Log-mel patches of a mono waveform; what remains after the last whole patch is dropped.

    Args:
        samples: (n,) float64 in [-1, 1].
        rate: Sample rate in Hz; another one than 16 kHz is resampled.

    Returns:
        (patches, 1, 96 frames, 64 bands) float32; 0 patches below 0.975 s.

    Raises:
        DataError: A sample is NaN or infinite.
    """
    samples = np.asarray(samples, np.float64)
    if samples.ndim != 1:
        raise ValueError(f'samples: expected one axis (mono), got shape {samples.shape}')
    if not np.isfinite(samples.sum()):  # one such sample makes the sum so
        raise DataError('samples: NaN or infinity in the waveform; silence it or cut it out')
    samples = resample(samples, rate)
    patches = count_patches(len(samples))
    out = np.empty((patches * PATCH_FRAMES, MEL_BANDS), np.float32)
    mel = np.empty((_BLOCK, MEL_BANDS))
    for start, magnitude in _magnitude_blocks(samples, len(out)):
        block = mel[: len(magnitude)]
        for bands, bins, weights in _mel_groups():
            np.matmul(magnitude[:, bins], weights, out=block[:, bands])
        block += LOG_OFFSET
        out[start : start + len(block)] = np.log(block, out=block)
    return out.reshape(patches, *PATCH_SHAPE)


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """Samples at 16 kHz through resampy's `kaiser_best`, with which published features were made.

    Args:
        samples: (n,) float64.
        rate: Sample rate in Hz.

    Returns:
        (int(n * 16000 / rate),) float64; the argument itself if its rate is 16 kHz.
    """
    if rate == SAMPLE_RATE:
        return samples
    if int(len(samples) * SAMPLE_RATE / rate) < 1:
        return samples[:0]
    import resampy  # compiles on import, and most data sets are at 16 kHz already

    return resampy.resample(samples, rate, SAMPLE_RATE, filter='kaiser_best')


def count_patches(samples: int, rate: int = SAMPLE_RATE) -> int:
    """Whole patches in a waveform of so many samples per channel."""
    samples = samples if rate == SAMPLE_RATE else int(samples * SAMPLE_RATE / rate)
    return count_frames(samples) // PATCH_FRAMES


def count_frames(samples: int) -> int:
    """Whole windows in a waveform of so many samples at 16 kHz."""
    return max(0, 1 + (samples - WINDOW) // HOP)


def stft_magnitude(samples: np.ndarray) -> np.ndarray:
    """Magnitude spectra of a waveform at 16 kHz: (frames, 257) float64."""
    out = np.empty((count_frames(len(samples)), FFT_SIZE // 2 + 1))
    for start, magnitude in _magnitude_blocks(samples, len(out)):
        out[start : start + len(magnitude)] = magnitude
    return out


class _Scratch(threading.local):
    """Arrays of one block, kept: getting fresh memory for them would cost as much as the work."""

    def __init__(self) -> None:
        self.windowed = np.zeros((_BLOCK, FFT_SIZE))  # stays zero behind the window
        self.spectrum = np.empty((_BLOCK, FFT_SIZE))
        self.magnitude = np.empty((_BLOCK, FFT_SIZE // 2 + 1))


_scratch = _Scratch()


def _magnitude_blocks(samples: np.ndarray, frames: int) -> Iterator[tuple[int, np.ndarray]]:
    """First frame and magnitudes (block, 257) of one block after the other, in reused memory."""
    if not frames:
        return
    samples = torch.from_numpy(np.require(samples, np.float64, 'CW'))
    every = samples.as_strided((frames, WINDOW), (HOP, 1))
    window = torch.from_numpy(periodic_hann().copy())
    for start in range(0, frames, _BLOCK):
        count = min(_BLOCK, frames - start)
        windowed = _scratch.windowed[:count]
        # numpy takes five times as long for rows that overlap
        out = torch.from_numpy(windowed)[:, :WINDOW]
        torch.mul(every[start : start + count], window, out=out)
        # packed rows: Re 0, Re 1, Im 1, ... Re 255, Im 255, Re 256
        packed = cv2.dft(windowed, _scratch.spectrum[:count], flags=cv2.DFT_ROWS)
        magnitude = _scratch.magnitude[:count]
        np.abs(packed[:, 1:-1].view(np.complex128), out=magnitude[:, 1:-1])
        magnitude[:, 0], magnitude[:, -1] = np.abs(packed[:, 0]), np.abs(packed[:, -1])
        yield start, magnitude


@functools.cache
def periodic_hann() -> np.ndarray:
    """The window: 0.5 - 0.5 cos(2 pi k / 400), (400,) float64, read-only."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
    window.flags.writeable = False
    return window


@functools.cache
def mel_matrix() -> np.ndarray:
    """Triangles that are linear in HTK's mel, peak 1: (257 bins, 64 bands) float64, read-only."""
    low, high = (_mel(np.float64(frequency)) for frequency in MEL_RANGE)
    edges = np.linspace(low, high, MEL_BANDS + 2)
    bins = _mel(np.linspace(0.0, SAMPLE_RATE / 2, FFT_SIZE // 2 + 1))[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - left) / (centre - left)
    falling = (right - bins) / (right - centre)
    matrix = np.maximum(0.0, np.minimum(rising, falling))
    matrix.flags.writeable = False
    return matrix


def _mel(frequency: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log(1.0 + frequency / 700.0)


@functools.cache
def _mel_groups() -> list[tuple[slice, slice, np.ndarray]]:
    """(bands, bins, weights) of a few neighbouring bands each: the rest of the matrix is zero."""
    matrix, groups = mel_matrix(), []
    for first in range(0, MEL_BANDS, _BAND_GROUP):
        bands = slice(first, first + _BAND_GROUP)
        used = np.flatnonzero(matrix[:, bands].any(axis=1))
        bins = slice(used[0], used[-1] + 1)
        groups.append((bands, bins, np.ascontiguousarray(matrix[bins, bands])))
    return groups
