"""Clips of T consecutive frames: see `avsbench.apis.clips`."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from avsbench.apis.pipeline import ClipBatch, ClipPipeline, ResizedFrame
from avsbench.apis.selection import MaskSpan, select_frames
from avsbench.apis.sources import TimedFrame, VideoSource
from avsbench.apis.timing import stage, timed
from avsbench.utils.errors import ConfigError

Frame = tuple[MaskSpan, ResizedFrame]


@dataclass(frozen=True)
class Window:
    """T frames, and the positions of those whose prediction is kept."""

    frames: Sequence[Frame]
    kept: Sequence[int]


def window_batches(
    source: VideoSource, pipeline: ClipPipeline, fps: int | None, batch_size: int, windows: str
) -> Iterator[ClipBatch]:
    """Cut a video into batches of windows.

    Args:
        source: The video.
        pipeline: What resizes frames and packs clips.
        fps: Masks per second; None for a mask of each frame.
        batch_size: Clips per batch.
        windows: One of `WINDOWS`.

    Raises:
        ConfigError: There are fewer than `fps` frames per second.
    """
    if fps is not None and fps > source.rate:
        raise ConfigError(
            f'fps={fps}: {source.name} has {float(source.rate):.4g} frames per second, and the '
            'frames of a clip must differ; expected fewer masks per second, or none given for a '
            'mask of each frame'
        )
    found = WINDOWS[windows](source, pipeline, fps)
    while batch := list(islice(found, batch_size)):
        yield batch_of(batch, source.name, pipeline)


def batch_of(windows: Sequence[Window], name: str, pipeline: ClipPipeline) -> ClipBatch:
    """The clips of some windows of the video `name`."""
    return ClipBatch(
        [_pack(window, name, pipeline) for window in windows],
        [[window.frames[place][0] for place in window.kept] for window in windows],
        windows[0].frames[0][1].original_size,
        [[window.frames[place][1].thumbnail for place in window.kept] for window in windows],
    )


def _disjoint(source: VideoSource, pipeline: ClipPipeline, fps: int | None) -> Iterator[Window]:
    """Each frame once, in windows one after the other."""
    length, before = pipeline.length, []
    frames = _resized(source, pipeline, fps)
    while part := list(islice(frames, length)):
        yield disjoint_window(before, part, length)
        before = part


def disjoint_window(before: list[Frame], part: list[Frame], length: int) -> Window:
    """The window that keeps the frames `part`, up to `length`, which follow those of `before`."""
    missing = length - len(part)
    if before:
        window = before[len(before) - missing :] + part
    else:
        window = [part[place % len(part)] for place in range(length)]
        missing = 0
    return Window(window, range(missing, missing + len(part)))


def _centred(source: VideoSource, pipeline: ClipPipeline, fps: int | None) -> Iterator[Window]:
    """A window for each frame, by the rule of the data set."""
    length = pipeline.length
    total, last = _last_frames(source, fps, length)
    start = total - len(last)
    held = {
        start + number: (span, pipeline.resize(frame.rgb()))
        for number, (span, frame) in enumerate(last)
    }
    frames = enumerate(_resized(source, pipeline, fps))
    for centre in range(total):
        window = pipeline.window_around(total, centre, length)
        while not held.keys() >= set(window.frame_idx):
            number, frame = next(frames)
            held.setdefault(number, frame)
        yield Window([held[number] for number in window.frame_idx], window.kept)
        if length <= centre - length < start:  # both ends of the video stay
            del held[centre - length]


WINDOWS = {'disjoint': _disjoint, 'centre': _centred}


def _resized(source: VideoSource, pipeline: ClipPipeline, fps: int | None) -> Iterator[Frame]:
    selected = select_frames(source, fps)
    return timed('decode', ((span, pipeline.resize(frame.rgb())) for span, frame in selected))


def _last_frames(
    source: VideoSource, fps: int | None, count: int
) -> tuple[int, list[tuple[MaskSpan, TimedFrame]]]:
    """The number of frames that have a mask, and the last `count` of them."""
    total, last = 0, deque(maxlen=count)
    with stage('decode'):
        for frame in select_frames(source, fps):
            total += 1
            last.append(frame)
    return total, list(last)


def _pack(window: Window, name: str, pipeline: ClipPipeline) -> dict:
    start = float(window.frames[window.kept[0]][0].start)
    frames = [frame for _, frame in window.frames]
    kept = None if len(window.kept) == len(frames) else list(window.kept)
    return pipeline.pack(frames, None, f'{name} at {start:.4g} s', kept)
