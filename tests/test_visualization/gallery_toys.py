"""Clips and a network that draw simple masks, to try the drawing with."""

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel

from avsbench.registry import DATASETS, MODELS
from avsbench.structures import AVSDataSample

SIZE = (24, 32)
COLOURS = np.array([(200, 40, 40), (40, 160, 60), (60, 60, 220)], np.uint8)


def make_clip(seconds=3, loud=0, classes=1, clip_id='toy/one', index=0):
    """A packed clip in which object `loud` of three is sounding in every second."""
    frames = np.full((seconds, *SIZE, 3), 230, np.uint8)
    gt = torch.zeros(seconds, *SIZE, dtype=torch.uint8)
    for position, colour in enumerate(COLOURS):
        box = (slice(None), slice(8, 18), slice(2 + 10 * position, 10 + 10 * position))
        frames[box] = colour
        if position == loud:
            gt[box] = 1 if classes == 1 else position + 1
    audio = torch.full((seconds, 1, 96, 64), -4.6)
    audio[..., 20 * loud : 20 * loud + 4] = 1
    every = torch.ones(seconds, dtype=torch.bool)
    sample = AVSDataSample(
        metainfo=dict(clip_id=clip_id, sample_idx=index, ori_shape=SIZE, img_shape=SIZE)
    )
    sample.gt_masks, sample.gt_valid, sample.frame_valid = gt, every, every.clone()
    frames = torch.from_numpy(frames).permute(0, 3, 1, 2)
    return dict(inputs=dict(frames=frames, audio=audio), data_samples=sample)


@DATASETS.register_module()
class ToyClips(BaseDataset):
    """Clips that the csv `ann_file` lists, one id per line."""

    def load_data_list(self):
        lines = open(self.ann_file).read().splitlines()
        return [dict(clip_id=line, csv_path=self.ann_file) for line in lines]

    def __getitem__(self, index):
        info = self.get_data_info(index)
        return make_clip(loud=index % 3, clip_id=info['clip_id'], index=index)


@MODELS.register_module()
class ToySegmentor(BaseModel):
    """Marks what has one colour; its bias is its only weight."""

    def __init__(self, colour=(200, 40, 40)):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.register_buffer('colour', torch.tensor(colour).view(3, 1, 1), persistent=False)

    def forward(self, inputs, data_samples, mode='tensor'):
        assert mode == 'predict' and not self.training
        for frames, sample in zip(inputs['frames'], data_samples, strict=True):
            near = (frames == self.colour).all(1, keepdim=True)
            sample.seg_logits = torch.where(near, 3.0, -3.0) + self.bias
            sample.pred_masks = (sample.seg_logits[:, 0] > 0).to(torch.uint8)
        return data_samples
