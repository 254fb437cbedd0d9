"""Makes the files of one clip; what is there already stays."""

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import soundfile
from PIL import Image

from avsbench.media.log_mel import (
    FULL_SCALE,
    MIN_SAMPLES,
    PATCH_SHAPE,
    SAMPLE_RATE,
    log_mel_patches,
    resample,
)
from avsbench.utils.errors import DataError
from avsbench.utils.files import atomic_write
from avsbench.utils.parallel import map_in_processes
from avsbench.video import read_clip

JPEG_QUALITY = 95


@dataclass(frozen=True)
class ClipTask:
    """What to make of a video.

    Attributes:
        video: The file.
        frame_paths: T images to write, one per second, .png or .jpg.
        wav_path: Audio file to write, None for no audio.
        log_mel_path: .npy to write, None for no log-mel.
        size: (H, W) that frames are squashed to, None to keep theirs.
        start: Second of the video at which the clip begins.
        rule: Which frame stands for a second, see `avsbench.video.read_clip`.
        short_audio: What fills up log-mel to T patches: 'repeat' the last one, or 'zero'.
        silence: The audio goes on as silence where the track ends before the clip; without, the
            file is shorter.
        overwrite: Make files that are there already as well.
        annotated: Number of the last frame that has a mask, from 1; the video must reach its
            second. 0 for none.
    """

    video: str
    frame_paths: tuple[str, ...]
    wav_path: str | None = None
    log_mel_path: str | None = None
    size: tuple[int, int] | None = None
    start: int = 0
    rule: str = 'index'
    short_audio: str = 'repeat'
    silence: bool = False
    overwrite: bool = False
    annotated: int = 0

    def missing(self) -> list[str]:
        """Files that are to be made."""
        paths = [*self.frame_paths, self.wav_path, self.log_mel_path]
        wanted = [path for path in paths if path is not None]
        return [path for path in wanted if self.overwrite or not os.path.isfile(path)]


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes:
        task: The task.
        made: Files that were written.
        fault: Why the video can't be used, or None.
        repeated: Frames that are copies of the last one, because the video was over.
    """

    task: ClipTask
    made: int = 0
    fault: str | None = None
    repeated: int = 0


def prepare(
    tasks: Sequence[ClipTask],
    *,
    workers: int = 0,
    progress: Callable[[Iterator, int], Iterator] | None = None,
) -> list[Outcome]:
    """Make the files of all clips; a video that can't be used does not stop the others.

    Args:
        tasks: The clips.
        workers: Processes; 0 and 1 work in this one.
        progress: Called with what the work yields and its length; yields the same.

    Raises:
        DataError: Two clips would have a file in common, or one can't be written.
    """
    owners: dict[str, ClipTask] = {}
    for task in tasks:
        for path in task.frame_paths:
            other = owners.setdefault(path, task)
            if other is not task:
                raise DataError(
                    f'{other.video} and {task.video} would both become {path}; rename one of them'
                )
    todo = [task for task in tasks if task.missing()]
    outcomes = map_in_processes(prepare_clip, todo, workers)
    done = list(outcomes if progress is None else progress(outcomes, len(todo)))
    found = {outcome.task: outcome for outcome in done}
    return [found.get(task, Outcome(task)) for task in tasks]


def prepare_clip(task: ClipTask) -> Outcome:
    """Make what is missing of one clip; each file appears whole or not at all.

    Raises:
        DataError: A file can't be written.
    """
    missing = task.missing()
    try:
        clip = read_clip(task.video, len(task.frame_paths), start=task.start, rule=task.rule)
        pcm = _pcm(task, resample(clip.samples, clip.rate))
    except DataError as error:
        return Outcome(task, fault=str(error))
    shown = len(clip.frames) - clip.absent
    if task.annotated > shown:
        what = f'{task.video}: ends in second {task.start + shown}, before second '
        return Outcome(task, fault=f'{what}{task.start + task.annotated}, which has a mask')
    for path, frame in zip(task.frame_paths, clip.frames, strict=True):
        if path in missing:
            write_whole(path, functools.partial(_save_frame, frame, path, task.size))
    if task.wav_path in missing:
        write_whole(task.wav_path, functools.partial(_save_wav, pcm))
    if task.log_mel_path in missing:
        patches = _log_mel(pcm / FULL_SCALE, len(task.frame_paths), task.short_audio)
        write_whole(task.log_mel_path, functools.partial(_save_array, patches))
    return Outcome(task, made=len(missing), repeated=clip.repeated)


def write_whole(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file atomically.

    Raises:
        DataError: It can't be written.
    """
    try:
        with atomic_write(path) as temporary, open(temporary, 'wb') as file:
            write(file)
    except OSError as error:
        raise DataError(
            f'{path}: cannot be written ({error.strerror}); choose a folder with free space that '
            'you may write to'
        ) from error


def _pcm(task: ClipTask, samples: np.ndarray) -> np.ndarray:
    """16-bit samples at 16 kHz, enough for log-mel where that is needed."""
    if task.silence:
        missing = len(task.frame_paths) * SAMPLE_RATE - len(samples)
        samples = np.pad(samples, (0, max(0, missing)))
    if task.wav_path is not None and len(samples) < MIN_SAMPLES:
        raise DataError(
            f'{task.video}: {len(samples) / SAMPLE_RATE:.3f} s of audio from second {task.start} '
            f'on, at least {MIN_SAMPLES / SAMPLE_RATE} s are needed'
        )
    return np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _save_wav(pcm: np.ndarray, file: BinaryIO) -> None:
    soundfile.write(file, pcm, SAMPLE_RATE, subtype='PCM_16', format='WAV')


def _save_array(array: np.ndarray, file: BinaryIO) -> None:
    np.save(file, array, allow_pickle=False)


def _save_frame(frame: np.ndarray, path: str, size: tuple[int, int] | None, file: BinaryIO) -> None:
    if size is not None and frame.shape[:2] != tuple(size):
        frame = cv2.resize(frame, size[::-1], interpolation=cv2.INTER_LINEAR)
    if path.endswith('.jpg'):
        Image.fromarray(frame).save(file, 'JPEG', quality=JPEG_QUALITY, subsampling=0)
    else:
        Image.fromarray(frame).save(file, 'PNG')


def _log_mel(samples: np.ndarray, frames: int, short_audio: str) -> np.ndarray:
    """(T, 1, 96, 64) float32: whole patches, filled up or cut."""
    patches = log_mel_patches(samples, SAMPLE_RATE)[:frames]
    last = patches[-1:] if short_audio == 'repeat' else np.zeros((1, *PATCH_SHAPE), np.float32)
    return np.concatenate([patches, np.repeat(last, frames - len(patches), axis=0)])
