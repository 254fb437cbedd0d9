"""Masks of another size than their frames: refused, or resized separately as published."""

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SIZE, mask, write_image
from PIL import Image

from avsbench.datasets import S4Dataset
from avsbench.utils.errors import ConfigError, DataError

LOAD = dict(type='LoadClip', mask_size='separate')
PACK = dict(type='PackAVSInputs')
LARGE = (31, 45)


@pytest.fixture
def root(s4_root: Path) -> Path:
    """S4 whose test masks have a size of their own."""
    for number, path in enumerate(sorted((s4_root / 's4_data/gt_masks/test').rglob('*.png'))):
        write_image(path, resized(mask(number).astype(np.uint8), LARGE))
    return s4_root


def resized(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(array).resize(size[::-1], Image.Resampling.NEAREST))


def dataset(root: Path, *steps: dict, check: str = 'full') -> S4Dataset:
    return S4Dataset(str(root), 'test', check=check, pipeline=list(steps))


@pytest.mark.parametrize('size', [(10, 14), SIZE])
def test_both_are_resized_separately(root: Path, size: tuple) -> None:
    data = dataset(root, LOAD, dict(type='ClipResize', size=size), PACK)
    packed = data[0]
    assert packed['inputs']['frames'].shape[-2:] == size
    for mask_path, found in zip(
        data.get_data_info(0)['mask_paths'], packed['data_samples'].gt_masks, strict=True
    ):
        expected = resized(np.asarray(Image.open(mask_path)), size) // 255
        assert (found.numpy() == expected).all() and expected.any()


@pytest.mark.parametrize('check', ['fast', 'full'])
def test_an_error_by_default(root: Path, check: str) -> None:
    with pytest.raises(DataError, match='sizes differ') as caught:
        dataset(root, dict(type='LoadClip'), PACK, check=check)
    assert '45 x 31 pixels' in str(caught.value) and "mask_size='separate'" in str(caught.value)
    with pytest.raises(DataError, match='45 x 31 pixels'):
        dataset(root, dict(type='LoadClip'), check='off')[0]


@pytest.mark.parametrize('check', ['fast', 'full'])
def test_the_masks_of_a_clip_have_one_size(root: Path, check: str) -> None:
    path = dataset(root, LOAD, PACK).get_data_info(0)['mask_paths'][3]
    write_image(Path(path), np.zeros(SIZE, np.uint8))
    with pytest.raises(DataError, match='sizes differ') as caught:
        dataset(root, LOAD, PACK, check=check)
    assert path in str(caught.value) and 'has 45 x 31' in str(caught.value)
    with pytest.raises(DataError, match='has 45 x 31'):
        dataset(root, LOAD, check='off')[0]


def test_no_crop_before_they_are_resized(root: Path) -> None:
    crop = dict(type='ClipRandomCrop', size=(8, 8))
    with pytest.raises(ConfigError, match='resize both before the crop'):
        dataset(root, LOAD, crop, PACK)[0]
    resize = dict(type='ClipResize', size=SIZE)
    assert dataset(root, LOAD, resize, crop, PACK)[0]['data_samples'].gt_masks.shape == (5, 8, 8)


def test_other_values_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected one of 'error', 'separate'"):
        S4Dataset('nowhere', 'test', check='off', pipeline=[dict(type='LoadClip', mask_size='x')])


def test_masks_are_brought_to_a_size_of_their_own(root: Path) -> None:
    step = dict(type='ClipResize', size=(10, 14), mask_size=(6, 8))
    data = dataset(root, LOAD, step, PACK)
    packed, info = data[0], data.get_data_info(0)
    sample = packed['data_samples']
    assert packed['inputs']['frames'].shape[-2:] == (10, 14)
    assert tuple(sample.img_shape) == (10, 14) and tuple(sample.pred_shape) == (6, 8)
    for path, found in zip(info['mask_paths'], sample.gt_masks, strict=True):
        expected = resized(np.asarray(Image.open(path)), (6, 8)) // 255
        assert (found.numpy() == expected).all() and expected.any()
