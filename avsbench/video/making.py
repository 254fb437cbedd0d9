"""Makes a video file from frames and samples in memory."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avsbench.video.containers import av

if TYPE_CHECKING:
    from av.container import OutputContainer

BLOCK = 1024  # samples encoded at a time, so that audio and video interleave in the file


def make_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    rate: int,
    samples: np.ndarray | None = None,
    sample_rate: int | None = None,
    *,
    crf: int = 12,
) -> None:
    """Write H.264 video, and AAC audio if there are samples, one frame after the other.

    Args:
        path: The mp4 file; replaced if it exists.
        frames: (H, W, 3) uint8 each, RGB, with even sides.
        rate: Frames per second.
        samples: (n,) float in [-1, 1]; None for a video without an audio track.
        sample_rate: Of the samples, in Hz.
        crf: Quality, 0 (lossless) to 51.
    """
    with av.open(str(Path(path).absolute()), 'w', format='mp4') as output:
        options = {'crf': str(crf), 'preset': 'veryfast'}
        video = output.add_stream('libx264', rate=rate, options=options)
        video.pix_fmt = 'yuv420p'
        audio = None if samples is None else _AudioTrack(output, samples, sample_rate)
        for number, pixels in enumerate(frames):
            if number == 0:
                video.height, video.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(video.encode(frame))
            if audio is not None:
                audio.write((number + 1) * sample_rate // rate)
        output.mux(video.encode(None))
        if audio is not None:
            audio.finish()


class _AudioTrack:
    """Encodes samples (n,) float, as far as the frames have come."""

    def __init__(self, output: OutputContainer, samples: np.ndarray, rate: int) -> None:
        pcm = np.clip(np.rint(np.asarray(samples) * 32767), -32768, 32767)
        self.pcm = pcm.astype(np.int16)
        self.output = output
        self.stream = output.add_stream('aac', rate=rate, layout='mono')
        self.written = 0

    def write(self, stop: int) -> None:
        """Encode the samples up to `stop`."""
        rate = self.stream.codec_context.sample_rate
        stop = min(stop, len(self.pcm))
        for first in range(self.written, stop, BLOCK):
            part = self.pcm[first : min(stop, first + BLOCK)]
            block = av.AudioFrame.from_ndarray(part[None], format='s16', layout='mono')
            block.sample_rate, block.pts = rate, first
            block.time_base = Fraction(1, rate)
            self.output.mux(self.stream.encode(block))
        self.written = max(self.written, stop)

    def finish(self) -> None:
        """Encode the rest."""
        self.write(len(self.pcm))
        self.output.mux(self.stream.encode(None))
