"""Cuts a video into the clips that a network was trained on.

The rules, all in one place:

* Second s of a video is [s, s + 1) after its first frame. Each second is divided into `fps` slots;
  a slot's mask belongs to all frames that lie in it.
* The frame that stands for a slot is the one on screen after 15/16 of it. With one slot a second
  these are the frames that the published preprocessing of AVSBench took.
* A clip is T seconds: the slots at the same place of T seconds that follow each other, and the
  sound of these seconds. With several slots a second, the clips of one stretch share its sound.
* The last clip may be short. Its sound goes on as silence. For S4 and MS3, whose networks only
  know clips of T frames, the last frame is repeated up to T; for AVSS, which has clips of different
  lengths, the clip stays short, and the data preprocessor fills it up where it does so in training.
  What the network says about repeated frames is dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from avsbench.apis.pipeline import ClipPipeline, Prepared
from avsbench.apis.sources import VideoSource
from avsbench.media.log_mel import log_mel_patches
from avsbench.utils.errors import DataError
from avsbench.utils.seconds import INSTANT
from avsbench.utils.timing import StageClock


@dataclass(frozen=True)
class Stretch:
    """T seconds of a video, as input of the network.

    Attributes:
        items: one packed clip for each place in a second that has frames.
        slots: for each of them, the slots that its first frames stand for.
        size: (H, W) of the frames of the source.
    """

    items: list[dict]
    slots: list[tuple[int, ...]]
    size: tuple[int, int]


def stretches(
    source: VideoSource, pipeline: ClipPipeline, fps: int, clock: StageClock
) -> Iterator[Stretch]:
    """Cut a source into stretches of T seconds, holding one of them at a time.

    Args:
        source: the video.
        pipeline: what makes a packed clip; knows T.
        fps: slots a second.
        clock: gets the time of `decode` and `audio`.

    Raises:
        DataError: the source has no frames.
    """
    length = pipeline.seconds * fps
    sound = source.audio()
    kept: dict[int, Prepared] = {}
    size = None
    try:
        for slot, frame in _slots(source, fps, clock):
            size = size or frame.shape[:2]
            start = slot // length * length
            if kept and start > max(kept):
                yield _stretch(kept, source, sound, pipeline, fps, size, clock)
                kept = {}
            with clock('decode'):
                kept[slot] = pipeline.prepare(frame)
        if not kept:
            raise DataError(f'{source.name}: has no frames')
        yield _stretch(kept, source, sound, pipeline, fps, size, clock)
    finally:
        sound.close()


def slot_of(time: Fraction, fps: int) -> int:
    """The slot that a frame at `time` (seconds since the first one) lies in."""
    return int(time * fps)


def _slots(source: VideoSource, fps: int, clock: StageClock) -> Iterator[tuple[int, np.ndarray]]:
    """(slot, the frame that stands for it) for every slot up to that of the last frame."""
    slot, shown, time = 0, None, Fraction(0)
    for frame in clock.over('decode', source.frames()):
        time = frame.time
        while shown is not None and time > (slot + INSTANT) / fps:
            yield slot, _read(shown, clock)
            slot += 1
        shown = frame.rgb
    while shown is not None and slot <= slot_of(time, fps):
        yield slot, _read(shown, clock)
        slot += 1


def _read(read, clock: StageClock) -> np.ndarray:
    with clock('decode'):
        return read()


def _stretch(
    kept: dict[int, Prepared],
    source: VideoSource,
    sound,
    pipeline: ClipPipeline,
    fps: int,
    size: tuple[int, int],
    clock: StageClock,
) -> Stretch:
    first = min(kept) // (pipeline.seconds * fps) * pipeline.seconds  # second
    seconds = max(kept) // fps + 1 - first
    length = pipeline.seconds if pipeline.fill else seconds
    with clock('audio'):
        samples = sound.between(first, first + seconds)
        silence = length * sound.rate - len(samples)
        patches = log_mel_patches(np.pad(samples, (0, max(0, silence))), sound.rate)[:length]
    items, slots = [], []
    for place in range(fps):
        own = tuple(slot for slot in sorted(kept) if slot % fps == place)
        if own:
            frames = [kept[slot] for slot in own]
            frames += frames[-1:] * (length - len(frames))
            items.append(pipeline.pack(frames, patches, f'{source.name} from {first} s'))
            slots.append(own)
    return Stretch(items, slots, size)
