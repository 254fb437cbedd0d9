"""A network without sound that marks what moves in a clip, and frames in which a disc moves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from PIL import Image
from video_clips import frame_number

from avsbench.registry import MODELS
from avsbench.utils.maps import resize

DISC_SIZE = (48, 64)  # (H, W)
GREY, DISC = 90, 200

CONFIG = """
custom_imports = dict(imports=['motion_clips'])
default_scope = 'avsbench'
subset = 'davis'
num_classes = 1
model = dict(
    type='ToyMotion',
    data_preprocessor=dict(type='AVSDataPreprocessor', clip_policy='pack'),
    audio_encoder=None,
)
test_dataloader = dict(
    dataset=dict(
        type='DAVISDataset',
        data_root='data/none',
        split='val',
        pipeline=[
            dict(type='LoadFrames'),
            dict(type='ClipResizeShorter', shorter=32, longest=64, masks=False),
            dict(type='PackAVSInputs'),
        ],
        test_mode=True,
    )
)
"""


@MODELS.register_module()
class ToyMotion(BaseModel):
    """Marks where a frame is brighter than the first or the last other frame of its clip.

    Args:
        data_preprocessor: Config.
        audio_encoder: None.
        num_classes: 1, or more to give the class 1 to what moves and the class 0 to the rest.

    Attributes:
        clips: For each clip so far, the numbers of its frames, see `video_clips.numbered_frames`.
        kept: For each clip, the numbers of the frames that were predicted.
    """

    def __init__(
        self, data_preprocessor: dict, audio_encoder: None = None, num_classes: int = 1
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.num_classes = num_classes
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.clips: list[list[int]] = []
        self.kept: list[list[int]] = []

    def forward(self, inputs: dict, data_samples: list, mode: str = 'tensor') -> list:
        assert mode == 'predict' and not self.training and 'audio' not in inputs
        preprocessor = self.data_preprocessor
        frames = inputs['frames'] * preprocessor.std + preprocessor.mean
        for clip, sample in zip(frames.split(inputs['clip_lengths']), data_samples, strict=True):
            numbers = [frame_number(frame.permute(1, 2, 0).numpy()) for frame in clip]
            grey = clip.mean(1)  # (T, h, w)
            moving = grey - grey.min(0).values > 40
            positions = sample.get('kept') or list(range(len(clip)))
            self.clips.append(numbers)
            self.kept.append([numbers[position] for position in positions])
            maps = torch.where(moving, 4.0, -4.0)[positions, None] + self.bias
            sample.seg_logits = resize(maps, inputs.get('pred_shape', maps.shape[-2:]))
            sample.pred_masks = (sample.seg_logits[:, 0] > 0).byte()
            if self.num_classes > 1:
                labels = F.one_hot(sample.pred_masks.long(), self.num_classes)
                sample.seg_logits = 9.0 * labels.permute(0, 3, 1, 2) + self.bias
        return data_samples


def toy_motion(folder: Path) -> tuple[Path, Path]:
    """Config and checkpoint of a `ToyMotion`."""
    config, checkpoint = folder / 'motion.py', folder / 'motion.pth'
    config.write_text(CONFIG)
    torch.save({'state_dict': {'bias': torch.zeros(1)}}, checkpoint)
    return config, checkpoint


def disc_mask(number: int) -> np.ndarray:
    """(H, W) bool: the disc in a frame; it moves by 2 pixels in each."""
    rows, columns = np.mgrid[: DISC_SIZE[0], : DISC_SIZE[1]]
    return (rows - 24) ** 2 + (columns - (10 + 2 * number) % 64) ** 2 < 7**2


def disc_frames(count: int) -> list[np.ndarray]:
    """Frames (H, W, 3) uint8 of a bright disc that moves over grey."""
    frames = [np.full((*DISC_SIZE, 3), GREY, np.uint8) for _ in range(count)]
    for number, frame in enumerate(frames):
        frame[disc_mask(number)] = DISC
    return frames


def disc_davis(root: Path, videos: Sequence[str], count: int) -> Path:
    """A DAVIS tree of videos of the disc, all in the split val."""
    for video in videos:
        for number, frame in enumerate(disc_frames(count)):
            mask = np.uint8(255) * disc_mask(number)
            parts = (('JPEGImages', 'jpg', frame), ('Annotations', 'png', mask))
            for kind, suffix, pixels in parts:
                path = root / kind / '480p' / video / f'{number:05d}.{suffix}'
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
    (root / 'val_seqs.txt').write_text('\n'.join(videos))
    return root
