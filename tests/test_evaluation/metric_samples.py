"""Data samples for the tests of the metric."""

import torch

from avsbench.structures import AVSDataSample


def make_sample(index, gt, logits=None, pred=None, gt_valid=None, frame_valid=None, clip_id=None):
    """One clip; all its frames exist and are annotated unless said otherwise."""
    frames = len(gt)
    every = torch.ones(frames, dtype=torch.bool)
    sample = AVSDataSample(
        metainfo=dict(
            clip_id=clip_id or f'clip{index:02d}',
            subset='s4',
            sample_idx=index,
            ori_shape=tuple(gt.shape[1:]),
            img_shape=tuple(gt.shape[1:]),
            frame_paths=[f'/data/clip{index:02d}/{frame}.png' for frame in range(frames)],
            flip=False,
        )
    )
    sample.gt_masks = gt.long()
    sample.gt_valid = every.clone() if gt_valid is None else gt_valid
    sample.frame_valid = every.clone() if frame_valid is None else frame_valid
    if logits is not None:
        sample.seg_logits = logits
        sample.pred_masks = (logits[:, 0].sigmoid() > 0.5).to(torch.uint8)
    if pred is not None:
        sample.pred_masks = pred.to(torch.uint8)
    return sample


def binary_samples(count, frames=5, size=(12, 14), seed=0):
    """Clips with plausible and with silent frames."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for index in range(count):
        field = torch.randn(frames, *size, generator=generator)
        gt = field > 0.3
        gt[torch.rand(frames, generator=generator) < 0.3] = False
        logits = 2 * field + torch.randn(frames, *size, generator=generator)
        samples.append(make_sample(index, gt, logits=logits[:, None]))
    return samples


def semantic_samples(count, classes=6, frames=10, size=(12, 14), seed=0):
    """Clips of 10 frames, every second one with 5 that only fill it up."""
    generator = torch.Generator().manual_seed(seed)

    def labels():
        return torch.randint(0, classes, (frames, *size), generator=generator)

    samples = []
    for index in range(count):
        gt = labels().clamp(max=classes - 2)
        pred = torch.where(torch.rand(gt.shape, generator=generator) < 0.6, gt, labels())
        valid = torch.ones(frames, dtype=torch.bool)
        if index % 2:
            valid[frames // 2 :] = False
            gt[~valid] = 0
            pred[~valid] = 0
        samples.append(make_sample(index, gt, pred=pred, gt_valid=valid, frame_valid=valid.clone()))
    return samples
