"""Cuts a video into the clips that a network was trained on.

The rules, all in one place:

* Second s of a video is [s, s + 1) after its first frame. With `fps` F there are F masks per
  second: mask n covers [n / F, (n + 1) / F) and belongs to all frames in it.
* The frame from which a mask is predicted is the one on screen after 15/16 of what it covers. With
  one mask per second these are the frames that the published preprocessing of AVSBench took.
* A clip has the frames of T consecutive seconds, one per second, and their audio. With F masks per
  second, T seconds are F clips with the same audio: masks 0, F, 2F ..., masks 1, F + 1 ...
* The last clip may be short. Its audio is continued by silence. For S4 and MS3, whose networks only
  know clips of T frames, the last frame is repeated up to T; for AVSS, which has clips of different
  lengths, the clip stays short, and the data preprocessor pads it where it does so in training.
  What is predicted for repeated frames is dropped.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np

from avsbench.apis.pipeline import ClipPipeline, ResizedFrame
from avsbench.apis.sources import Audio, VideoSource
from avsbench.apis.timing import stage, timed
from avsbench.utils.errors import DataError
from avsbench.video.sampling import INSTANT


@dataclass(frozen=True)
class ClipBatch:
    """Clips of one video to run the network on together.

    Attributes:
        clips: Packed clips of one length, with their frames and audio.
        indices: For each clip, the numbers of the masks that its frames stand for. A clip may have
            further frames that only fill it.
        fps: Masks per second.
        size: (H, W) of the frames of the video.
    """

    clips: list[dict]
    indices: list[Sequence[int]]
    fps: int
    size: tuple[int, int]


def clip_batches(
    source: VideoSource, pipeline: ClipPipeline, fps: int, batch_size: int
) -> Iterator[ClipBatch]:
    """Cut a video into batches of clips, with the frames of T seconds in memory at a time.

    Args:
        source: The video.
        pipeline: What resizes frames and packs clips; knows T.
        fps: Masks per second.
        batch_size: Clips per batch. Clips of different T seconds are never in one batch, so there
            are at most `fps` of them.

    Raises:
        DataError: The video has no frames.
    """
    resized = timed('decode', map(pipeline.resize, select_frames(source, fps)))
    size, start = None, 0  # in seconds
    with closing(source.audio()) as audio:
        while frames := list(islice(resized, pipeline.seconds * fps)):
            size = size or frames[0].original_size
            clips, indices = _pack(frames, start, fps, source.name, audio, pipeline)
            for first in range(0, len(clips), batch_size):
                part = slice(first, first + batch_size)
                yield ClipBatch(clips[part], indices[part], fps, size)
            start += pipeline.seconds
    if size is None:
        raise DataError(f'{source.name}: has no frames')


def mask_index(time: Fraction, fps: int) -> int:
    """Number of the mask that a frame at `time` (seconds since the first frame) belongs to."""
    return int(time * fps)


def select_frames(source: VideoSource, fps: int) -> Iterator[np.ndarray]:
    """The frame (H, W, 3) uint8 of each mask, from the first to that of the last frame."""
    index, shown = 0, None
    for frame in source.frames():
        while shown is not None and frame.time > (index + INSTANT) / fps:
            yield shown.rgb()
            index += 1
        shown = frame
    while shown is not None and index <= mask_index(shown.time, fps):
        yield shown.rgb()
        index += 1


def _pack(
    frames: list[ResizedFrame],
    start: int,
    fps: int,
    name: str,
    audio: Audio,
    pipeline: ClipPipeline,
) -> tuple[list[dict], list[Sequence[int]]]:
    """The clips of up to T seconds, and the masks of each: see `ClipBatch`."""
    seconds = -(-len(frames) // fps)
    length = pipeline.seconds if pipeline.fill else seconds
    with stage('audio'):
        samples = audio.between(start, start + seconds)
        silence = length * audio.rate - len(samples)
        samples = np.pad(samples, (0, max(0, silence)))
        log_mel = pipeline.front_end.patches(samples, audio.rate)[:length]
    clips, indices = [], []
    for offset in range(min(fps, len(frames))):
        chosen = frames[offset::fps]
        chosen += chosen[-1:] * (length - len(chosen))
        clips.append(pipeline.pack(chosen, log_mel, f'{name} from {start} s'))
        indices.append(range(start * fps + offset, start * fps + len(frames), fps))
    return clips, indices
