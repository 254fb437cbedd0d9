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
    samples: np.ndarray,
    sample_rate: int,
    *,
    crf: int = 12,
) -> None:
    """Write H.264 video and AAC audio, one frame after the other.

    Args:
        path: The mp4 file; replaced if it exists.
        frames: (H, W, 3) uint8 each, RGB, with even sides.
        rate: Frames per second.
        samples: (n,) float in [-1, 1].
        sample_rate: In Hz.
        crf: Quality, 0 (lossless) to 51.
    """
    pcm = np.clip(np.rint(np.asarray(samples) * 32767), -32768, 32767).astype(np.int16)
    with av.open(str(Path(path).absolute()), 'w', format='mp4') as output:
        options = {'crf': str(crf), 'preset': 'veryfast'}
        video = output.add_stream('libx264', rate=rate, options=options)
        video.pix_fmt = 'yuv420p'
        audio = output.add_stream('aac', rate=sample_rate, layout='mono')
        written = 0
        for number, pixels in enumerate(frames):
            if number == 0:
                video.height, video.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(video.encode(frame))
            until = min(len(pcm), (number + 1) * sample_rate // rate)
            written = _encode_audio(output, audio, pcm, written, until)
        output.mux(video.encode(None))
        _encode_audio(output, audio, pcm, written, len(pcm))
        output.mux(audio.encode(None))


def _encode_audio(
    output: OutputContainer, stream: av.AudioStream, pcm: np.ndarray, start: int, stop: int
) -> int:
    """Encode the samples from `start` to `stop`; return where the next call starts."""
    for first in range(start, stop, BLOCK):
        part = pcm[first : min(stop, first + BLOCK)]
        block = av.AudioFrame.from_ndarray(part[None], format='s16', layout='mono')
        block.sample_rate, block.pts = stream.codec_context.sample_rate, first
        block.time_base = Fraction(1, stream.codec_context.sample_rate)
        output.mux(stream.encode(block))
    return max(start, stop)
