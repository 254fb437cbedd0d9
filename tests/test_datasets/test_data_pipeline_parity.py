"""A small tree in every subset's layout, and what the published data set classes return for it."""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import PIL
import pytest
import torch
import torch.nn.functional as F
from dataset_trees import write_image, write_wav
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from avsbench.layouts.avss_classes import palette
from avsbench.models.data_preprocessor import AVSDataPreprocessor
from avsbench.registry import DATASETS

ROOT = Path(__file__).resolve().parents[2]
PARITY = ROOT / 'tests' / 'parity'
sys.path.insert(0, str(PARITY))
import seeded  # noqa: E402

FIXTURE = json.loads((PARITY / 'data_pipeline.json').read_text())
STORED = np.load(PARITY / 'data_pipeline.npz')
FOLDERS = {'s4': 'Single-source', 'ms3': 'Multi-sources', 'avss': 'AVSS'}
TOLERANCE = 1e-4
# The published pictures were made with Pillow 13, whose bilinear resize rounds to other grey levels
# than the one before: by one level in a tenth of the pixels, divided by the smallest deviation.
NEW_RESIZE = int(PIL.__version__.split('.')[0]) >= 13
GREY_LEVEL = 0.0 if NEW_RESIZE else 1.01 / 255 / 0.224


def write_entry(root: Path, path: str, kind: str, *values: object) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == 'text':
        target.write_text(values[0])
    elif kind == 'json':
        target.write_text(json.dumps(values[0]))
    elif kind == 'image':
        pixels = np.rint(128 + 50 * seeded.image(*values).astype(np.float64))
        write_image(target, np.clip(pixels, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy())
    elif kind == 'mask':
        write_image(target, (seeded.mask(*values) * 255).astype(np.uint8))
    elif kind == 'label_rgb':
        write_image(target, palette()[seeded.labels(*values)])
    elif kind == 'label_index':
        write_image(target, seeded.labels(*values).astype(np.uint8))
    elif kind == 'log_mel_pkl':
        tensor = torch.from_numpy(seeded.log_mel(*values)).requires_grad_()
        target.write_bytes(pickle.dumps(tensor))
    else:
        assert kind == 'wav'
        wave = seeded.waveform(*values).astype(np.float64)
        write_wav(target, np.rint(wave * 32767).astype(np.int16), values[2])


@pytest.fixture(scope='module')
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('tree')
    for path, kind, *values in FIXTURE['files']:
        write_entry(root, path, kind, *values)
    return root


def load(
    tree: Path,
    config: str,
    split: str,
    index: int = 0,
    *,
    size: int | None = None,
    label_source: str | None = None,
) -> dict:
    """A clip through the data set and data preprocessor of a config: the tensors of a batch of 1.

    Args:
        tree: Holds the three subsets.
        config: Name in config/_base_/datasets.
        split: Split of the data set.
        index: Position of the clip.
        size: Resize to this side instead of the config's.
        label_source: Option of AVSSDataset instead of the config's.
    """
    cfg = Config.fromfile(ROOT / 'config' / '_base_' / 'datasets' / f'{config}.py')
    dataset = cfg[f'{split}_dataloader'].dataset
    dataset.data_root = str(tree / FOLDERS[cfg.subset])
    if label_source is not None:
        dataset.label_source = label_source
    for transform in dataset.pipeline:
        if 'cache_dir' in transform:
            transform.cache_dir = str(tree / 'cache')
        if size is not None and transform.type == 'ClipResize':
            transform.size = (size, size)
    batch = pseudo_collate([DATASETS.build(dataset)[index]])
    padded = AVSDataPreprocessor(num_frames=10 if cfg.subset == 'avss' else 5)(batch)
    sample = padded['data_samples'][0]
    return {
        'clip_id': sample.clip_id,
        'imgs': padded['inputs']['frames'],
        'audio': padded['inputs']['audio'],
        'masks': sample.gt_masks[:, None],
        'frame_valid': sample.frame_valid,
        'gt_valid': sample.gt_valid,
    }


def check(name: str, value: torch.Tensor, tolerance: float = 0.0, absolute: float = 0.0) -> None:
    meta, stored = FIXTURE['outputs'][name], STORED[name]
    assert list(value.shape) == meta['shape']
    found = value.detach().double().numpy().ravel()[:: meta['stride']]
    allowed = tolerance * np.abs(stored).max() + absolute
    np.testing.assert_allclose(found, stored, rtol=0, atol=allowed)


BINARY = [
    ('AVSBench.s4.train', 's4', 'train', None),
    ('AVSBench.s4.test', 's4', 'test', None),
    ('AVSBench.ms3.test', 'ms3', 'test', None),
    ('AVSegFormer.s4.val', 's4_512', 'val', None),
    ('AVSegFormer.ms3.test', 'ms3_512', 'test', None),
    ('MoDAT.s4.val', 's4', 'val', None),
    ('MED-VT.s4.test_384', 's4', 'test', 384),
    ('MED-VT.ms3.test_384', 'ms3', 'test', 384),
]


@pytest.mark.parametrize(('name', 'config', 'split', 'size'), BINARY)
def test_binary_subsets(tree: Path, name: str, config: str, split: str, size: int | None) -> None:
    clip = load(tree, config, split, size=size)
    check(f'{name}.imgs', clip['imgs'], TOLERANCE)
    check(f'{name}.audio', clip['audio'])
    check(f'{name}.masks', clip['masks'][clip['gt_valid']])


def test_catr_enlarges_normalised_frames_only(tree: Path) -> None:
    clip = load(tree, 's4', 'test')
    frames = F.interpolate(clip['imgs'], (448, 448), mode='bilinear', align_corners=False)
    check('CATR.s4.test.imgs', frames, TOLERANCE)
    check('CATR.s4.test.collated', frames[:, None], TOLERANCE)
    check('CATR.s4.test.masks', clip['masks'][:, 0])
    check('CATR.s4.test.audio', clip['audio'])


AVSS = [
    ('train', 0, 'v1strain_0_5000'),
    ('train', 1, 'v2train_1000_11000'),
    ('val', 0, 'v2val_2000_12000'),
    ('test', 0, 'v1mtest_0_5000'),
]


@pytest.mark.parametrize(('split', 'index', 'uid'), AVSS)
def test_avss(tree: Path, split: str, index: int, uid: str) -> None:
    clip = load(tree, 'avss', split, index)
    assert clip['clip_id'].endswith(uid)
    name = f'AVSegFormer.avss.{split}.{uid}'
    check(f'{name}.imgs', clip['imgs'], TOLERANCE, GREY_LEVEL)
    check(f'{name}.labels', clip['masks'])
    check(f'{name}.vid_flag', clip['frame_valid'])
    check(f'{name}.gt_flag', clip['gt_valid'])
    by_colour = load(tree, 'avss', split, index, label_source='rgb')
    check(f'{name}.labels', by_colour['masks'])
    assert clip['audio'].shape == (10, 1, 96, 64)
    silent = (clip['audio'] == 0).flatten(1).all(dim=1)
    assert (silent == ~clip['frame_valid']).all()


def test_palette() -> None:
    check('palette', torch.from_numpy(palette()))
