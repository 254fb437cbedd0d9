"""Data samples for the tests of the video metrics."""

import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement

from avsbench.registry import METRICS

CONFIGS = {
    'davis': dict(type='DAVISMetric'),
    'youtube_objects': dict(type='YouTubeObjectsMetric'),
    'moca': dict(type='MoCAMetric'),
    'a2d': dict(type='A2DMetric', num_classes=6),
    'vspw': dict(type='VSPWMetric', num_classes=6, window_lengths=(2, 4)),
}
LENGTHS = {'alpha': 7, 'beta': 5, 'gamma': 1, 'delta': 2}


def make_videos(kind, seed=0):
    """{video: its maps and annotations}, n frames each."""
    rng = np.random.default_rng(seed)
    classes = 6 if kind in ('a2d', 'vspw') else 2
    names = LENGTHS
    if kind == 'youtube_objects':
        places = ('cat', '1', '1'), ('cat', '1', '2'), ('cat', '2', '1'), ('dog', '1', '1')
        shots = ['{}/data/000{}/shots/00{}'.format(*place) for place in places]
        names = dict(zip(shots, LENGTHS.values(), strict=True))
    videos = {}
    for name, frames in names.items():
        target = rng.integers(0, classes, (frames, 12, 15), np.uint8)
        wrong = rng.random(target.shape) < 0.3
        pred = np.where(wrong, rng.integers(0, classes, target.shape, np.uint8), target)
        videos[name] = dict(pred_masks=pred, gt_masks=target, gt_valid=np.ones(frames, bool))
        if kind == 'moca':
            del videos[name]['gt_masks']
            corner, size = rng.uniform(-3, 9, (frames, 2)), rng.uniform(8, 20, (frames, 2))
            videos[name]['gt_boxes'] = np.concatenate([corner, size], 1).astype(np.float32)
            videos[name]['motions'] = rng.integers(0, 2, frames)
    return videos


def make_samples(videos, window=1):
    """Data samples of up to `window` frames each."""
    samples = []
    for name, fields in videos.items():
        count = len(fields['pred_masks'])
        for start in range(0, count, window):
            frames = range(start, min(start + window, count))
            sample = BaseDataElement(
                metainfo=dict(
                    sample_idx=len(samples), video=name, frame_idx=list(frames), ori_shape=(24, 30)
                )
            )
            for key, value in fields.items():
                sample.set_field(torch.from_numpy(value[frames.start : frames.stop]), key)
            samples.append(sample)
    return samples


def evaluate(config, samples, batch=1, size=None):
    evaluator = Evaluator(METRICS.build(config))
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples) if size is None else size)


def equal(first, second):
    pairs = zip(first.values(), second.values(), strict=True)
    return first.keys() == second.keys() and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs
    )


every_metric = pytest.mark.parametrize('kind', CONFIGS)
