"""The pipelines of COMBO's data set configs, on small trees."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from avsbench.config.paths import CONFIG_ROOT
from avsbench.maskiges import plan, prepare, save_maskige
from avsbench.registry import DATASETS

ROOTS = {'s4': 's4_root', 'ms3': 'ms3_root', 'avss': 'avss_root'}


@pytest.fixture
def build(request, tmp_path: Path):
    """A function: subset -> {split: data set of its config}, with superpixel Maskiges."""

    def get(subset: str) -> dict:
        cfg = Config.fromfile(CONFIG_ROOT / '_base_' / 'datasets' / f'{subset}_combo.py')
        root = str(request.getfixturevalue(ROOTS[subset]))
        configs = {s: cfg[f'{s}_dataloader'].dataset for s in ('train', 'val', 'test')}
        for config in configs.values():
            config.data_root = root
            for transform in config.pipeline:
                if 'cache_dir' in transform:
                    transform.cache_dir = str(tmp_path / 'cache')
        bare = [DATASETS.build({**config, 'check': 'off'}) for config in configs.values()]
        prepare(plan(bare, None))
        return {split: DATASETS.build(config) for split, config in configs.items()}

    return get


@pytest.mark.parametrize('subset', ROOTS)
def test_shapes_flags_and_values(subset: str, build) -> None:
    np.random.seed(0)
    padded, lengths = 0, set()
    for split, dataset in build(subset).items():
        for clip in (dataset[index] for index in range(len(dataset)) for _ in range(6)):
            frames, sample = clip['inputs']['frames'], clip['data_samples']
            count = len(frames)
            lengths.add(count)
            assert frames.shape == (count, 6, 224, 224) and frames.dtype == torch.uint8
            assert clip['inputs']['audio'].shape == (count, 1, 96, 64)
            assert sample.frame_valid.tolist() == [True] * count
            first_only = split == 'train' and (
                subset == 's4' or (subset == 'avss' and 'v1s' in sample.clip_id)
            )
            assert sample.gt_valid.tolist() == ([True] + [not first_only] * (count - 1))
            found = set(sample.gt_masks.unique().tolist())
            allowed = set(range(71)) if subset == 'avss' else {0, 1}
            if split == 'train' and subset != 'avss':
                allowed |= {255}
                outside = sample.gt_masks == 255
                padded += bool(outside.any())
                # what is padded is padded in all frames, in both images, and is grey
                assert (outside == outside[0]).all()
                assert (frames.permute(0, 2, 3, 1)[outside] == 128).all()
            assert found <= allowed
    assert lengths == ({5, 10} if subset == 'avss' else {5})
    assert (padded > 0) is (subset != 'avss')


def test_tests_are_not_random(build) -> None:
    dataset = build('s4')['test']
    clips = [dataset[0]['inputs']['frames'] for _ in range(3)]
    assert torch.equal(clips[0], clips[1]) and torch.equal(clips[0], clips[2])


@pytest.mark.parametrize('jitter', [False, True])
def test_geometry_is_one_and_jitter_is_each_pictures_own(build, jitter: bool) -> None:
    """All frames and Maskiges of a clip show the same image before they are augmented."""
    dataset = build('ms3')['train']
    if not jitter:
        steps = dataset.pipeline.transforms
        steps[:] = [s for s in steps if type(s).__name__ != 'ClipPhotoMetricDistortion']
    (info,) = dataset.clip_infos()
    values = np.random.default_rng(0).integers(1, 150, (4, 4), dtype=np.uint8)
    save_maskige(info['maskige_paths'][0], values.repeat(6, 0).repeat(8, 1), 'x')
    for path in (*info['frame_paths'], *info['maskige_paths'][1:]):
        shutil.copy(info['maskige_paths'][0], path)
    for path in info['mask_paths'][1:]:
        shutil.copy(info['mask_paths'][0], path)
    np.random.seed(0)
    for _ in range(6):
        clip = dataset[0]
        masks = clip['data_samples'].gt_masks
        assert (masks == masks[0]).all()
        images = clip['inputs']['frames'].reshape(10, 3, 224, 224)
        assert len(images.flatten(1).unique(dim=0)) == 1 or jitter
        assert len(images.flatten(1).unique(dim=0)) >= 7 or not jitter
