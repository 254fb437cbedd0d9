"""Cuts a video into the clips that a network was trained on.

The rules, all in one place:

* Second s of a video is [s, s + 1) after its first frame. With `fps` F there are F masks per
  second: mask n covers [n / F, (n + 1) / F) and belongs to all frames in it.
* The frame from which a mask is predicted is the one on screen after 15/16 of what it covers. With
  one mask per second these are the frames that the published preprocessing of AVSBench took.

Data sets have clips of two kinds, and `fps` a default for each. A network gets the kind that the
data set of its config has, with or without sound.

Clips of seconds (`avsbench.apis.second_clips`: S4, MS3, AVSS, custom data), by default 1 mask per
second:

* A clip has the frames of T consecutive seconds, one per second, and their audio if the network
  reads any. With F masks per second, T seconds are F clips with the same audio: masks 0, F, 2F ...,
  masks 1, F + 1 ...
* The last clip may be short. Its audio is continued by silence. For S4 and MS3, whose networks only
  know clips of T frames, the last frame is repeated up to T; for AVSS, which has clips of different
  lengths, the clip stays short, and the data preprocessor pads it where it does so in training.
  What is predicted for repeated frames is dropped.

Windows of consecutive frames (`avsbench.apis.windows`: DAVIS, YouTube-Objects, MoCA, A2D, VSPW), by
default a mask of each frame, whatever the frame rate:

* A clip has T consecutive frames, or with `fps` F the frames of T consecutive masks. F may not
  exceed the frame rate: frames that repeat would stand still.
* Windows 'disjoint' predict each frame once, in clips of T frames one after the other. The last one
  begins earlier where fewer than T frames are left, and keeps what is new.
* Windows 'centre' give each frame a clip of its own, as the published inference does: T // 2 frames
  before it and the rest after it, and only its own prediction is kept; T times the work. What a
  window is at both ends of a video is up to the data set: it goes on at the other end, as positions
  count modulo the number of frames, or for A2D stays within the video.
* Networks for A2D, which learn one frame of a clip alone, know windows 'centre' only.
* A video of fewer than T frames repeats them in a circle, or for A2D its last one; each frame is
  predicted once.
"""

from collections.abc import Iterator

from avsbench.apis.pipeline import ClipBatch, ClipPipeline
from avsbench.apis.second_clips import second_clip_batches
from avsbench.apis.sources import VideoSource
from avsbench.apis.windows import WINDOWS, window_batches
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError

MAX_FPS = 120


def clip_batches(
    source: VideoSource,
    pipeline: ClipPipeline,
    *,
    fps: int | None,
    batch_size: int,
    windows: str | None,
) -> Iterator[ClipBatch]:
    """Cut a video into batches of clips, with the frames of a few clips in memory at a time.

    Args:
        source: The video.
        pipeline: What resizes frames and packs clips; knows T and the kind of clips.
        fps: Masks per second; None for the default of the kind.
        batch_size: Clips per batch. Clips of different T seconds are never in one batch, so there
            are at most `fps` of that kind.
        windows: 'disjoint' or 'centre', of consecutive frames; None for what suits the network.

    Raises:
        ConfigError: A setting is out of its range, or is none of this kind of clips.
        DataError: The video has no frames, or lacks the audio that the network reads.
    """
    check_settings(pipeline, fps, batch_size, windows)
    fps = pipeline.masks_per_second(fps)
    if pipeline.consecutive:
        windows = windows or pipeline.windows[0]
        batches = window_batches(source, pipeline, fps, batch_size, windows)
    else:
        batches = second_clip_batches(source, pipeline, fps, batch_size)
    empty = True
    for batch in batches:
        empty = False
        yield batch
    if empty:
        raise DataError(f'{source.name}: has no frames')


def check_settings(
    pipeline: ClipPipeline, fps: int | None, batch_size: int, windows: str | None
) -> None:
    """Raise a `ConfigError` for a setting that is out of its range, see `clip_batches`."""
    if fps is not None and not (isinstance(fps, int) and 1 <= fps <= MAX_FPS):
        raise ConfigError(
            f'fps={fps!r}: expected a whole number of masks per second, 1 to {MAX_FPS}'
        )
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigError(f'batch_size={batch_size!r}: expected 1 or more clips')
    if windows is None or check_choice('windows', windows, WINDOWS) in pipeline.windows:
        return
    if pipeline.consecutive:
        why = 'this network learned one frame of a clip alone, and predicts no other well'
    else:
        why = (
            'is for networks that see consecutive frames; this one has clips of '
            f'{pipeline.length} seconds with one frame each'
        )
    raise ConfigError(f'windows={windows!r}: {why}; expected {pipeline.windows[0]!r}')
