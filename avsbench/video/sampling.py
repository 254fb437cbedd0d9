"""One clip of a video: a frame for each second, and the sound as a mono waveform.

The published preprocessing of AVSBench takes the frame at 15/16 of each second, by its number in
the file; a second that the video no longer has gets the last frame.
"""

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from avsbench.utils.errors import nearest
from avsbench.utils.seconds import INSTANT
from avsbench.video.containers import VideoError
from avsbench.video.reading import Picture, VideoFile
from avsbench.video.sound import SoundTrack

RULES = ('index', 'time')


@dataclass(frozen=True)
class VideoClip:
    """A part of a video.

    Attributes:
        frames: T frames (H, W, 3) uint8, RGB, one a second.
        samples: (n,) float64 in [-1, 1), mono; fewer than T seconds where the sound ends before.
        rate: of the samples, in Hz.
        repeated: frames at the end that are copies, because the video was over.
    """

    frames: list[np.ndarray]
    samples: np.ndarray
    rate: int
    repeated: int


def read_clip(path: str | Path, seconds: int, *, start: int = 0, rule: str = 'index') -> VideoClip:
    """Read the frames and the sound of some seconds.

    Args:
        path: video file.
        seconds: T.
        start: second at which the clip begins; 0 is the first frame.
        rule: 'index': as published, frame int(r / 16 * 15) of each r frames, r being the rounded
            frame rate. 'time': the frame that is on screen after 15/16 of the second, for files
            with a variable rate. At a whole number of frames a second both are the same.

    Raises:
        VideoError: not readable or damaged, or the clip begins behind the end.
    """
    if rule not in RULES:
        raise ValueError(f'rule: got {rule!r}, expected one of {RULES}{nearest(rule, RULES)}')
    video = VideoFile(path)
    frames, repeated = _frames(video, seconds, start, rule)
    # Only a walk to the end can tell how many frames the file should have had.
    missing = video.complaint() if repeated else None
    if video.damaged or video.broke_off or missing:
        why = video.broke_off or missing or f'{video.damaged} frames can not be decoded'
        raise VideoError(
            f'{path}: the file is damaged in the seconds {start} to {start + seconds} ({why}); '
            'record, download or encode it again'
        )
    if not frames:
        raise VideoError(f'{path}: ends before second {start}, at which the clip begins')
    track = SoundTrack(path, video.origin + start)
    with closing(track):
        samples = track.between(0, seconds)
        samples = samples[: max(0, round(track.end * track.rate))]
    if track.complaint:
        raise VideoError(track.complaint)
    return VideoClip(frames, samples, track.rate, repeated)


def _frames(video: VideoFile, seconds: int, start: int, rule: str) -> tuple[list[np.ndarray], int]:
    """T frames, and how many of them are copies of the last; none if the video ends before."""
    if rule == 'index':
        rate = round(video.rate)
        begin, step = round(start * video.rate), 1
        targets = [begin + int(second * rate + INSTANT * rate) for second in range(seconds)]
    else:
        begin, step = start, 1 / video.rate
        targets = [start + second + INSTANT for second in range(seconds)]
    frames: list[np.ndarray] = []
    shown: Picture | None = None
    place: int | Fraction = 0
    with closing(video.pictures()) as pictures:
        for index, picture in enumerate(pictures):
            place = index if rule == 'index' else picture.time
            while shown is not None and len(frames) < seconds and targets[len(frames)] < place:
                frames.append(shown.rgb())
            if len(frames) == seconds:
                return frames, 0
            shown = picture
    end = place + step
    if shown is None or end <= begin:
        return [], seconds
    frames += [shown.rgb()] * (seconds - len(frames))
    return frames, sum(target >= end for target in targets)
