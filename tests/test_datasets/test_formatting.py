"""PackAVSInputs: from a loaded clip to tensors."""

import numpy as np
import pytest
import torch

from avsbench.datasets.transforms import PackAVSInputs
from avsbench.utils.errors import ConfigError


def clip() -> dict:
    """A loaded clip whose masks are a function of its frames, so that a mismatch shows."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (20, 30, 3), dtype=np.uint8) for _ in range(3)]
    return {
        'clip_id': 'a/b',
        'subset': 's4',
        'sample_idx': 4,
        'frame_paths': [f'{k}.png' for k in range(3)],
        'frames': images,
        'masks': np.stack([image[..., 0] // 64 for image in images]),
        'gt_valid': np.array([True, False, False]),
        'log_mel': np.zeros((3, 1, 96, 64), np.float32),
        'front_end': 'vggish',
        'ori_shape': (20, 30),
        'img_shape': (20, 30),
    }


def test_pack() -> None:
    packed = PackAVSInputs().transform(clip())
    frames, audio, sample = (
        packed['inputs']['frames'],
        packed['inputs']['audio'],
        packed['data_samples'],
    )
    assert frames.shape == (3, 3, 20, 30)
    assert frames.dtype == torch.uint8
    assert frames.is_contiguous()
    assert (frames[2, 1].numpy() == clip()['frames'][2][..., 1]).all()
    assert audio.shape == (3, 1, 96, 64)
    assert (sample.gt_masks.numpy() == clip()['masks']).all()
    assert sample.gt_valid.tolist() == [True, False, False]
    assert sample.frame_valid.tolist() == [True, True, True]
    assert sample.metainfo == {
        'clip_id': 'a/b',
        'subset': 's4',
        'sample_idx': 4,
        'ori_shape': (20, 30),
        'img_shape': (20, 30),
        'frame_paths': ['0.png', '1.png', '2.png'],
        'front_end': 'vggish',
        'flip': False,
    }


def test_pack_after_flip_and_without_masks() -> None:
    results = clip() | {'flip': True}
    del results['masks']
    packed = PackAVSInputs().transform(results)
    assert packed['data_samples'].flip is True
    assert 'gt_masks' not in packed['data_samples']
    assert (packed['inputs']['frames'][0, 0].numpy() == clip()['frames'][0][..., 0]).all()


def test_pack_names_the_missing_loader() -> None:
    results = clip()
    del results['frames']
    with pytest.raises(ConfigError, match='LoadFrames, must come before it in the pipeline'):
        PackAVSInputs().transform(results)


def window(**changed: object) -> dict:
    """What a pipeline passes on of a window of a video."""
    results = clip()
    del results['log_mel'], results['front_end']
    results['masks'] = np.random.default_rng(1).integers(0, 2, (3, 20, 30), dtype=np.uint8)
    results['gt_valid'] = np.array([False, False, True])
    return results | {'video': 'a', 'frame_idx': [4, 0, 1], 'kept': [2]} | changed


def test_pack_of_a_video() -> None:
    results = window(gt_boxes=[None, None, (1, 2, 3, 4)], motions=[None, None, 2])
    packed = PackAVSInputs().transform(results)
    sample = packed['data_samples']
    assert packed['inputs'].keys() == {'frames'}
    assert packed['inputs']['frames'].shape == (3, 3, 20, 30)
    assert (sample.gt_masks.numpy() == results['masks'][2:]).all()
    assert sample.gt_valid.tolist() == sample.frame_valid.tolist() == [True]
    assert sample.metainfo == {
        'clip_id': 'a/b',
        'subset': 's4',
        'sample_idx': 4,
        'ori_shape': (20, 30),
        'img_shape': (20, 30),
        'frame_paths': ['2.png'],
        'video': 'a',
        'frame_idx': [1],
        'kept': [2],
        'gt_boxes': [(1, 2, 3, 4)],
        'motions': [2],
        'flip': False,
    }


def test_pack_of_a_video_that_is_wanted_whole() -> None:
    packed = PackAVSInputs().transform(window(kept=None))
    sample = packed['data_samples']
    assert 'kept' not in sample
    assert sample.frame_idx == [4, 0, 1]
    assert len(sample.gt_masks) == len(sample.frame_valid) == 3


def test_pack_tells_the_size_of_masks_that_were_not_resized() -> None:
    sample = PackAVSInputs().transform(window(img_shape=(10, 15)))['data_samples']
    assert sample.pred_shape == (20, 30)
    assert sample.gt_masks.shape == (1, 20, 30)


def test_pack_puts_maskiges_behind_the_frames() -> None:
    results = clip()
    results['maskiges'] = [255 - frame for frame in results['frames']]
    frames = PackAVSInputs().transform(results)['inputs']['frames']
    assert frames.shape == (3, 6, 20, 30)
    assert frames.dtype == torch.uint8 and frames.is_contiguous()
    assert (frames[:, :3].numpy() == np.stack(clip()['frames']).transpose(0, 3, 1, 2)).all()
    assert (frames[:, 3:] == 255 - frames[:, :3]).all()
