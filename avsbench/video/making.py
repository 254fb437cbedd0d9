"""Makes a video file of frames and samples in memory."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BLOCK = 1024  # samples that go to the encoder at a time, so that sound and pictures mix in the file


def make_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    rate: int,
    samples: np.ndarray,
    sample_rate: int,
    *,
    crf: int = 12,
) -> None:
    """Write H.264 pictures and AAC sound, one frame after the other.

    Args:
        path: mp4 file, replaced if there.
        frames: (H, W, 3) uint8 each, RGB, with even sides.
        rate: frames a second.
        samples: (n,) float in [-1, 1].
        sample_rate: in Hz.
        crf: quality, 0 (no loss) to 51.
    """
    pcm = np.clip(np.rint(np.asarray(samples) * 32767), -32768, 32767).astype(np.int16)
    with av.open(str(Path(path).absolute()), 'w', format='mp4') as output:
        options = {'crf': str(crf), 'preset': 'veryfast'}
        pictures = output.add_stream('libx264', rate=rate, options=options)
        pictures.pix_fmt = 'yuv420p'
        sound = output.add_stream('aac', rate=sample_rate, layout='mono')
        written = 0
        for number, pixels in enumerate(frames):
            if number == 0:
                pictures.height, pictures.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format='rgb24')
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(pictures.encode(frame))
            until = min(len(pcm), (number + 1) * sample_rate // rate)
            written = _encode_sound(output, sound, pcm, written, until)
        output.mux(pictures.encode(None))
        _encode_sound(output, sound, pcm, written, len(pcm))
        output.mux(sound.encode(None))


def _encode_sound(
    output: av.container.OutputContainer,
    stream: av.AudioStream,
    pcm: np.ndarray,
    start: int,
    stop: int,
) -> int:
    """Encode samples from `start` on, up to `stop`; return how far it went."""
    for first in range(start, stop, BLOCK):
        part = pcm[first : min(stop, first + BLOCK)]
        block = av.AudioFrame.from_ndarray(part[None], format='s16', layout='mono')
        block.sample_rate, block.pts = stream.codec_context.sample_rate, first
        block.time_base = Fraction(1, stream.codec_context.sample_rate)
        output.mux(stream.encode(block))
    return max(start, stop)
