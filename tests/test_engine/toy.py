"""A network, a data set and a metric of a few lines, to run the engine with."""

import os
import signal

import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import nn
from torch.utils.data import Dataset

from avsbench.registry import DATASETS, HOOKS, METRICS, MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import DataError


@DATASETS.register_module()
class ToyDataset(Dataset):
    """Clips of one pixel: the target is whether the input is above 0.

    Args:
        size: Number of clips.
        noise: Scale of random numbers added to each input, drawn anew each time.
        broken: Position of a clip that can't be read, or None.
    """

    METAINFO = dict(classes=('silent', 'sounding'))

    def __init__(self, size: int = 8, noise: float = 0.0, broken: int | None = None) -> None:
        self.size = size
        self.noise = noise
        self.broken = broken
        self.metainfo = self.METAINFO

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict:
        if index == self.broken:
            raise DataError(f'clip_{index}.png: truncated')
        generator = torch.Generator().manual_seed(index)
        value = torch.randn(4, generator=generator)
        target = (value.sum() > 0).float()
        drawn = torch.randn(4)
        sample = AVSDataSample(gt_masks=target, metainfo=dict(clip_id=f'clip_{index}'))
        sample.drawn = drawn
        return dict(inputs=value + self.noise * drawn, data_samples=sample)

    def summary(self) -> dict:
        return dict(clips=self.size)


@MODELS.register_module()
class ToyHead(nn.Module):
    """A linear map behind dropout.

    Args:
        width: Channels that come in.
        num_classes: Channels that go out.
        dropout: Share of channels that are dropped in training.
    """

    def __init__(self, width: int, num_classes: int = 1, dropout: float = 0.5) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, num_classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@MODELS.register_module()
class OtherHead(ToyHead):
    """Another head with the same keys."""


@MODELS.register_module()
class ToyNet(BaseModel):
    """A backbone and a head.

    Args:
        width: Channels in between.
        decode_head: Config.
        diverge_at: Step, counted from 0, whose loss is NaN; -1 for none.
    """

    def __init__(self, decode_head: dict, width: int = 8, diverge_at: int = -1) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU())
        self.unused = nn.Linear(2, 2)
        self.decode_head = MODELS.build({'width': width, **decode_head})
        self.diverge_at = diverge_at
        self.step = 0
        self.dtypes: set = set()

    def forward(self, inputs: list, data_samples: list, mode: str = 'tensor'):
        features = self.backbone(torch.stack(inputs))
        logits = self.decode_head(features)[:, 0]
        self.dtypes.add(logits.dtype)
        if mode == 'predict':
            for sample, logit in zip(data_samples, logits, strict=True):
                sample.seg_logits = logit
            return data_samples
        target = torch.stack([sample.gt_masks for sample in data_samples])
        loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), target)
        if self.step == self.diverge_at:
            loss = loss * float('nan')
        self.step += 1
        return dict(loss_mask=loss)

    @property
    def missing_pretrained(self) -> list[str]:
        return ['pretrained/toy.pth']


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """Share of clips with the right prediction, and the mean logit."""

    def process(self, data_batch, data_samples) -> None:
        for sample in data_samples:
            right = (sample['seg_logits'] > 0).float() == sample['gt_masks']
            self.results.append((float(right), float(sample['seg_logits'])))

    def compute_metrics(self, results: list) -> dict:
        right, logits = zip(*results, strict=True)
        return dict(mIoU=sum(right) / len(results), mean_logit=sum(logits) / len(results))


@HOOKS.register_module()
class StopHook(Hook):
    """End the process after the first epoch has been saved."""

    priority = 'LOWEST'

    def before_train_epoch(self, runner) -> None:
        if runner.epoch == 1:
            raise RuntimeError('stopped')


@HOOKS.register_module()
class SignalHook(Hook):
    """Send the launcher of this process SIGTERM in the second step, as a batch system does."""

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if runner.iter == 1 and runner.rank == 1:
            os.kill(os.getppid(), signal.SIGTERM)


class At(Hook):
    """Does something once, when a method of the hook is called for the n-th time."""

    def __init__(self, method: str, count: int, action, priority: str = 'NORMAL') -> None:
        self.priority = priority
        self._left = count
        self._action = action
        setattr(self, method, self._call)

    def _call(self, *args, **kwargs) -> None:
        self._left -= 1
        if self._left == 0:
            self._action()


def equal(one, other) -> bool:
    """Whether two structures hold the same bits."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other
