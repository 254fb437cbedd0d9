"""One clip of a video: a frame for each second, and the audio as a mono waveform.

The published preprocessing of AVSBench takes the frame at 15/16 of each second, by its number in
the file; seconds after the end of the video get the last frame.
"""

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from avsbench.utils.checks import check_choice
from avsbench.utils.errors import counted
from avsbench.video.audio import AudioTrack
from avsbench.video.containers import VideoError
from avsbench.video.reading import DecodedFrame, VideoFile

RULES = ('index', 'time')
# Which moment of a second its frame shows, as AVSBench's preprocessing takes it.
INSTANT = Fraction(15, 16)


@dataclass(frozen=True)
class VideoClip:
    """T seconds of a video.

    Attributes:
        frames: T frames (H, W, 3) uint8, RGB, one per second.
        samples: (n,) float64 in [-1, 1), mono; fewer than T seconds where the audio ends earlier.
        rate: Sample rate in Hz.
        repeated: Frames at the end that repeat the last one because the video is shorter.
        absent: Those of them whose second has no frame at all.
    """

    frames: list[np.ndarray]
    samples: np.ndarray
    rate: int
    repeated: int
    absent: int = 0


def read_clip(path: str | Path, seconds: int, *, start: int = 0, rule: str = 'index') -> VideoClip:
    """Read the frames and the audio of one clip.

    Args:
        path: The video file.
        seconds: T.
        start: Second at which the clip begins; 0 is the first frame.
        rule: 'index': as published, frame int(r / 16 * 15) of each r frames, r being the rounded
            frame rate. 'time': the frame on screen after 15/16 of the second, for files with a
            variable frame rate. With a whole number of frames per second both agree.

    Raises:
        ConfigError: There is no such rule.
        VideoError: The file is not readable or damaged, or the clip begins after its end.
    """
    check_choice('rule', rule, RULES)
    video = VideoFile(path)
    frames, repeated, absent = _frames(video, seconds, start, rule)
    # How many frames are missing is known only once the end was reached.
    missing = video.warning() if repeated else None
    if video.damaged or video.read_error or missing:
        why = video.read_error or missing or f'{counted(video.damaged, "frame")} cannot be decoded'
        raise VideoError(
            f'{path}: the file is damaged in the seconds {start} to {start + seconds} ({why}); '
            'record, download or encode it again'
        )
    if not frames:
        raise VideoError(f'{path}: ends before second {start}, at which the clip begins')
    with closing(AudioTrack(path, video.origin + start)) as track:
        samples = track.between(0, seconds)
        samples = samples[: max(0, round(track.end * track.rate))]
        damage = track.warning()
    if damage:
        raise VideoError(damage)
    return VideoClip(frames, samples, track.rate, repeated, absent)


def _frames(
    video: VideoFile, seconds: int, start: int, rule: str
) -> tuple[list[np.ndarray], int, int]:
    """T frames, how many of them repeat the last one, and how many of those have no second.

    There are none if the video ends before `start`.
    """
    if rule == 'index':
        rate = round(video.rate)
        begin, step = round(start * video.rate), 1
        targets = [begin + int(second * rate + INSTANT * rate) for second in range(seconds)]
        begins = [begin + second * rate for second in range(seconds)]
    else:
        begin, step = start, 1 / video.rate
        begins = [start + second for second in range(seconds)]
        targets = [start + second + INSTANT for second in range(seconds)]
    frames: list[np.ndarray] = []
    shown: DecodedFrame | None = None
    place: int | Fraction = 0
    with closing(video.frames()) as decoded:
        for index, frame in enumerate(decoded):
            place = index if rule == 'index' else frame.time
            while shown is not None and len(frames) < seconds and targets[len(frames)] < place:
                frames.append(shown.rgb())
            if len(frames) == seconds:
                return frames, 0, 0
            shown = frame
    end = place + step
    if shown is None or end <= begin:
        return [], seconds, seconds
    frames += [shown.rgb()] * (seconds - len(frames))
    absent = sum(first > place for first in begins)
    return frames, sum(target >= end for target in targets), absent
