"""Clips of T seconds with one frame each: see `avsbench.apis.clips`."""

from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from itertools import islice

import numpy as np

from avsbench.apis.pipeline import ClipBatch, ClipPipeline, ResizedFrame
from avsbench.apis.selection import MaskSpan, select_frames
from avsbench.apis.sources import Audio, VideoSource
from avsbench.apis.timing import stage, timed

Frames = Sequence[tuple[MaskSpan, ResizedFrame]]


def second_clip_batches(
    source: VideoSource, pipeline: ClipPipeline, fps: int, batch_size: int
) -> Iterator[ClipBatch]:
    """Cut a video into batches of clips of seconds.

    Args:
        source: The video.
        pipeline: What resizes frames and packs clips.
        fps: Masks per second.
        batch_size: Clips per batch, of the same T seconds.

    Raises:
        DataError: The network reads audio, and there is none.
    """
    selected = select_frames(source, fps)
    resized = timed('decode', ((span, pipeline.resize(frame.rgb())) for span, frame in selected))
    start = 0  # in seconds
    with closing(source.audio()) if pipeline.sound else nullcontext() as audio:
        while frames := list(islice(resized, pipeline.length * fps)):
            yield from batches_of(frames, audio, start, fps, batch_size, source.name, pipeline)
            start += pipeline.length


def batches_of(
    frames: Frames,
    audio: Audio | None,
    start: int,
    fps: int,
    batch_size: int,
    name: str,
    pipeline: ClipPipeline,
) -> Iterator[ClipBatch]:
    """The clips of up to T seconds.

    Args:
        frames: Up to T `fps`, of the masks of these seconds.
        audio: Of the video; None for a network without sound.
        start: Second at which they begin.
        fps: Masks per second.
        batch_size: Clips per batch.
        name: Of the video, for messages.
        pipeline: What packs clips.
    """
    log_mel = None
    if audio is not None:
        log_mel = _log_mel(audio, start, -(-len(frames) // fps), pipeline)
    yield from _batches(frames, log_mel, fps, batch_size, name, pipeline)


def _log_mel(audio: Audio, start: int, seconds: int, pipeline: ClipPipeline) -> np.ndarray:
    """Patches of `seconds` seconds from `start` on, followed by silence where clips are filled."""
    length = pipeline.length if pipeline.fill else seconds
    with stage('audio'):
        samples = audio.between(start, start + seconds)
        silence = length * audio.rate - len(samples)
        samples = np.pad(samples, (0, max(0, silence)))
        return pipeline.front_end.own_patches(samples, audio.rate)[:length]


def _batches(
    frames: Frames,
    log_mel: np.ndarray | None,
    fps: int,
    batch_size: int,
    name: str,
    pipeline: ClipPipeline,
) -> Iterator[ClipBatch]:
    """The clips of up to T seconds: each has every `fps`-th frame, and all have the same audio."""
    length = pipeline.length if pipeline.fill else -(-len(frames) // fps)
    clips, masks, thumbnails = [], [], []
    for offset in range(min(fps, len(frames))):
        spans, chosen = map(list, zip(*frames[offset::fps], strict=True))
        thumbnails.append([frame.thumbnail for frame in chosen])
        chosen += chosen[-1:] * (length - len(chosen))
        clips.append(pipeline.pack(chosen, log_mel, f'{name} from {float(spans[0].start):g} s'))
        masks.append(spans)
    size = frames[0][1].original_size
    for first in range(0, len(clips), batch_size):
        part = slice(first, first + batch_size)
        yield ClipBatch(clips[part], masks[part], size, thumbnails[part])
