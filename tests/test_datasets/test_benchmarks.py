"""What the benchmarks compare is the same: a ratio of two different things would be worthless."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from avsbench.datasets import AVSSDataset
from avsbench.datasets.transforms import LoadClip
from avsbench.media.log_mel import log_mel_patches, read_wav

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools'))
from benchmarks import audio, data  # noqa: E402


def test_published_sample(tmp_path: Path) -> None:
    data.write_clip(tmp_path, (96, 160))
    pipeline = [
        LoadClip().add_images,
        dict(type='ClipResize', size=(224,) * 2),
    ]
    dataset = AVSSDataset(tmp_path, 'test', check='off', pipeline=pipeline)
    results = dataset[0]
    images, labels = data.published_sample(tmp_path / 'v2' / 'clip')
    assert len(np.unique(labels)) > 2
    assert (labels[:, 0].numpy() == results['masks']).all()
    packed = {
        'inputs': {'frames': torch.from_numpy(np.stack(results['frames'])).permute(0, 3, 1, 2)},
        'data_samples': _Sample(torch.from_numpy(results['masks'])),
    }
    assert data.sample_error((images, labels), packed) < 1e-6
    packed['data_samples'].gt_masks[0, 0, 0] += 1
    assert data.sample_error((images, labels), packed) == float('inf')


class _Sample:
    def __init__(self, gt_masks: torch.Tensor) -> None:
        self.gt_masks = gt_masks


@pytest.mark.parametrize(('rate', 'channels'), [(16000, 1), (16000, 2), (44100, 2)])
def test_published_log_mel(tmp_path: Path, rate: int, channels: int) -> None:
    audio.write_wav(tmp_path / 'x.wav', rate, channels, 2)
    published = audio.published_log_mel(tmp_path / 'x.wav')
    ours = log_mel_patches(*read_wav(tmp_path / 'x.wav'))
    assert published.shape == (2, 1, 96, 64)
    assert audio.difference(published, ours) == 0
    assert audio.difference(published + 1, ours) > 0.5
