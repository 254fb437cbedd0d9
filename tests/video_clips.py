"""Small video files of every kind, and a network whose masks depend on the audio alone."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from mmengine.model import BaseModel

from avsbench.registry import MODELS

SIZE = (48, 64)  # (H, W)
RATE = 16000  # Hz
LOW, HIGH = 300.0, 3000.0  # Hz: mark the left half of the frame, the right half
MEL_MIDDLE = 27  # band at about 1.2 kHz, between the two

CONFIG = """
custom_imports = dict(imports=['video_clips'])
default_scope = 'avsbench'
subset = '{subset}'
num_classes = {classes}
model = dict(
    type='ToyListener',
    data_preprocessor=dict(type='AVSDataPreprocessor', {policy}),
    num_classes=num_classes,
)
test_dataloader = dict(
    dataset=dict(
        type='{dataset}',
        data_root='data/none',
        split='test',
        pipeline=[
            dict(type='LoadClip'),
            dict(type='ClipResize', size=(32, 32)),
            dict(type='PackAVSInputs'),
        ],
    )
)
"""
KINDS = {
    's4': dict(
        subset='s4',
        classes=1,
        policy="clip_policy='pad', num_frames=5",
        dataset='S4Dataset',
    ),
    'avss': dict(
        subset='avss',
        classes=71,
        policy="clip_policy='pad', num_frames=10",
        dataset='AVSSDataset',
    ),
}
TONE_CLASSES = (7, 13)  # of the network with several classes: low, high


@MODELS.register_module()
class ToyListener(BaseModel):
    """Marks the left half under low tones, the right half under high ones, nothing in silence.

    Args:
        data_preprocessor: Config.
        num_classes: 1, or more for one class on each side.
    """

    def __init__(self, data_preprocessor: dict, num_classes: int = 1) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.num_classes = num_classes
        self.lengths: list[tuple[int, ...]] = []

    def forward(self, inputs: dict, data_samples: list, mode: str = 'tensor') -> list:
        assert mode == 'predict' and not self.training
        self.lengths.append(inputs['clip_lengths'])
        print('network called', flush=True)  # counted where it runs in another process
        # Patch k is of 0.96 k s and so begins in the second before: the middle of it counts.
        energy = inputs['audio'][:, 0].exp().median(1).values  # (N, 64)
        low, high = energy[:, :MEL_MIDDLE].mean(1), energy[:, MEL_MIDDLE:].mean(1)
        loud = torch.maximum(low, high) > 0.02
        count, _, height, width = inputs['frames'].shape
        left = torch.arange(width) < width // 2
        wanted = torch.where((low > high)[:, None], left, ~left) & loud[:, None]  # (N, w)
        where = wanted[:, None].expand(count, height, width)
        logits = torch.full((count, self.num_classes, height, width), -4.0)
        if self.num_classes == 1:
            logits[:, 0] = torch.where(where, 4.0, -4.0)
        else:
            logits[:, 0] = torch.where(where, -4.0, 4.0)
            for name, chosen in zip(TONE_CLASSES, (low > high, low <= high), strict=True):
                logits[:, name] = torch.where(where & chosen[:, None, None], 6.0, -4.0)
        start = 0
        for sample, length in zip(data_samples, inputs['clip_lengths'], strict=True):
            sample.seg_logits = logits[start : start + length] + self.bias
            several = self.num_classes > 1
            part = sample.seg_logits
            sample.pred_masks = (part.argmax(1) if several else part[:, 0] > 0).byte()
            start += length
        return data_samples


def toy_listener(folder: Path, kind: str = 's4') -> tuple[Path, Path]:
    """Config and checkpoint of a `ToyListener`."""
    config, checkpoint = folder / f'listener_{kind}.py', folder / f'listener_{kind}.pth'
    config.write_text(CONFIG.format(**KINDS[kind]))
    torch.save({'state_dict': {'bias': torch.zeros(1)}}, checkpoint)
    return config, checkpoint


def tone(pitches: Sequence[float], rate: int = RATE, seconds: float = 1.0) -> np.ndarray:
    """(n,) float: one tone after the other, `seconds` each; 0 Hz is silence."""
    t = np.arange(round(rate * seconds)) / rate
    return np.concatenate([0.5 * np.sin(2 * np.pi * pitch * t) for pitch in pitches])


def numbered_frames(count: int, size: tuple[int, int] = SIZE) -> Iterable[np.ndarray]:
    """Frames whose number can be read from their brightness: `frame_number` undoes it."""
    for number in range(count):
        frame = np.full((*size, 3), 20 + 7 * (number % 32), np.uint8)
        frame[: size[0] // 4, : size[1] // 4] = (220, 40, 40)  # shows which corner is up
        yield frame


def frame_number(frame: np.ndarray) -> int:
    """Number of a frame, modulo 32."""
    height, width = frame.shape[:2]
    return round((float(np.median(frame[height // 2 :, width // 2 :])) - 20) / 7)


def write_video(
    path: Path,
    frames: Iterable[np.ndarray] | int,
    samples: np.ndarray | None,
    *,
    rate: int | Fraction = 25,
    sample_rate: int = RATE,
    codec: str = 'libx264',
    pix_fmt: str = 'yuv420p',
    audio_codec: str = 'aac',
    times: Sequence[float] | None = None,
    container: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video file.

    Args:
        path: The file.
        frames: (H, W, 3) uint8 each, or the number of numbered ones.
        samples: (n,) or (n, 2) float in [-1, 1]; None for no audio track.
        rate: Frames per second.
        sample_rate: In Hz.
        codec: Of the video.
        pix_fmt: Of the video.
        audio_codec: Of the audio.
        times: Seconds of each frame, for a variable frame rate.
        container: Its name; None to go by the suffix.
        options: Of the container.
    """
    if isinstance(frames, int):
        frames = numbered_frames(frames)
    with av.open(str(path), 'w', format=container, options=options or {}) as output:
        frames = list(frames)
        video = output.add_stream(codec, rate=rate)
        shape = frames[0].shape if frames else (*SIZE, 3)
        video.height, video.width, video.pix_fmt = shape[0], shape[1], pix_fmt
        if times is not None:
            video.codec_context.time_base = Fraction(1, 90000)
        audio = None
        if samples is not None:
            layout = 'stereo' if samples.ndim == 2 else 'mono'
            audio = output.add_stream(audio_codec, rate=sample_rate, layout=layout)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format='rgb24')
            if times is not None:
                frame.time_base = Fraction(1, 90000)
                frame.pts = round(times[number] * 90000)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio is not None:
            pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
            block = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format='s16', layout=layout)
            block.sample_rate, block.pts = sample_rate, 0
            output.mux(audio.encode(block))
            output.mux(audio.encode(None))
    return path


def rotate_by_metadata(path: Path) -> None:
    """Set the metadata of an mp4 that makes players rotate it a quarter turn clockwise."""
    set_display_matrix(path, 0, 1, -1, 0)


def set_display_matrix(path: Path, a: int, b: int, c: int, d: int) -> None:
    """Make players show the pixel (x, y) of an mp4 at (a x + c y, b x + d y)."""
    content = bytearray(path.read_bytes())
    header = content.find(b'tkhd')  # of the first track, the video
    matrix = header + 4 + 40
    width, height = (
        int.from_bytes(content[matrix + 36 + k : matrix + 40 + k], 'big') for k in (0, 4)
    )
    moved = [-min(0, p * width, q * height, p * width + q * height) for p, q in ((a, c), (b, d))]
    values = (a << 16, b << 16, 0, c << 16, d << 16, 0, *moved, 1 << 30)
    content[matrix : matrix + 36] = b''.join(v.to_bytes(4, 'big', signed=True) for v in values)
    path.write_bytes(content)
