"""A2D, VSPW and MoCA: labels and boxes."""

from pathlib import Path

import numpy as np
import pytest
from video_trees import write_a2d, write_classes, write_moca, write_vspw

from avsbench.datasets import A2DDataset, MoCADataset, VSPWDataset
from avsbench.datasets.video.a2d_classes import CLASSES as A2D_CLASSES
from avsbench.datasets.video.vspw_classes import CLASSES as VSPW_CLASSES
from avsbench.engine.seeded_dataset import SeededDataset
from avsbench.utils.errors import ConfigError, DataError

PIPELINE = [dict(type='LoadFrames'), dict(type='PackAVSInputs')]
VIDEOS = {'a': (14, (1, 4, 12), 0), 'b': (10, (5, 10), 1), 'c': (9, (4,), 0)}


@pytest.fixture
def a2d(tmp_path: Path) -> Path:
    return write_a2d(tmp_path / 'A2D', VIDEOS)


def test_a2d_to_test_on(a2d: Path) -> None:
    dataset = A2DDataset(a2d, 'test', test_mode=True, pipeline=PIPELINE)
    assert [info['clip_id'] for info in dataset.clip_infos()] == ['b/00005', 'b/00010']
    packed = dataset[1]
    sample = packed['data_samples']
    assert packed['inputs']['frames'][:, 0, 0, 0].tolist() == [5, 6, 7, 8, 9, 10]
    assert sample.kept == [5] and sample.frame_idx == [9] and sample.gt_valid.tolist() == [True]
    assert sample.gt_masks.shape == (1, 12, 20)
    assert sample.gt_masks[0, :, 7].tolist() == [10] + [0] * 11
    assert dataset.summary()['annotated_frames'] == 2
    assert dataset.get_data_info(0)['csv_row'] == 2


def drawn(dataset: SeededDataset, index: int, epoch: int) -> str:
    dataset.set_epoch(epoch)
    return dataset[index]['data_samples'].clip_id


def test_a2d_draws_a_labelled_frame_in_each_epoch(a2d: Path) -> None:
    dataset = A2DDataset(a2d, 'train', pipeline=PIPELINE)
    assert len(dataset) == 2
    seeded = SeededDataset(dataset, seed=0)
    clips = [drawn(seeded, 0, epoch) for epoch in range(20)]
    assert set(clips) == {'a/00001', 'a/00004', 'a/00012'}
    assert clips == [drawn(seeded, 0, epoch) for epoch in range(20)]
    sample = seeded[0]['data_samples']
    assert sample.gt_valid.sum() == 1 and 'kept' not in sample and sample.sample_idx == 0
    (position,) = np.flatnonzero(sample.gt_valid)
    number = int(sample.clip_id[-2:])
    assert sample.frame_idx[position] == number - 1
    assert sample.gt_masks[position, 0, 0] == number
    assert drawn(seeded, 1, 0) == 'c/00004'
    summary = dataset.summary()
    assert (summary['clips'], summary['frames'], summary['annotated_frames']) == (2, 23, 4)


def test_a2d_by_the_published_rule(a2d: Path) -> None:
    """It needs three frames behind the labelled one, with which the published network fails."""
    with pytest.raises(
        ConfigError, match=r"around frame 12 of video 'a', which has 14.*'last_fram"
    ):
        A2DDataset(a2d, 'train', end_rule='published')
    usable = write_a2d(a2d.parent / 'usable', {'a': (14, (1, 4, 11), 0)})
    rules = [
        [info['frame_idx'] for info in A2DDataset(usable, 'train', **options).clip_infos()]
        for options in ({'end_rule': 'published'}, {})
    ]
    assert rules[0] == rules[1]


def test_names_of_a2d_classes() -> None:
    assert len(A2D_CLASSES) == len(set(A2D_CLASSES)) == 80
    assert (A2D_CLASSES[0], A2D_CLASSES[34]) == ('background', 'ball-flying')
    assert A2D_CLASSES[79] == 'dog-none'


def test_a2d_without_h5py(a2d: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'h5py', None)
    with pytest.raises(ConfigError, match=r"reading A2D's labels needs h5py.*\[a2d\]"):
        A2DDataset(a2d, 'test')


# ----------------------------------------------------------------------------------------- VSPW


@pytest.fixture
def vspw(tmp_path: Path) -> Path:
    videos = {'v': [3, 4, 7, 8, 9, 20, 21, 30], 'w': [1, 2]}
    return write_vspw(tmp_path / 'VSPW', videos, {'train': ['v'], 'val': ['v', 'w'], 'test': ['w']})


def test_vspw(vspw: Path) -> None:
    dataset = VSPWDataset(vspw, 'val', test_mode=True, pipeline=PIPELINE)
    assert len(dataset) == 10
    info = dataset.get_data_info(2)
    assert info['clip_id'] == 'v/00000007' and info['num_classes'] == 124
    packed = dataset[2]
    assert packed['inputs']['frames'][:, 0, 0, 0].tolist() == [30, 3, 4, 7, 8, 9]
    labels = packed['data_samples'].gt_masks[0, :, 0]
    assert labels.tolist() == [255, 0, 1, 123, 255] + [2] * 7
    assert dataset.metainfo['classes'] == tuple(VSPW_CLASSES)
    assert (VSPW_CLASSES[0], VSPW_CLASSES[123], len(VSPW_CLASSES)) == ('wall', 'train', 124)


def test_disjoint_windows_of_vspw(vspw: Path) -> None:
    dataset = VSPWDataset(vspw, 'val', windows='disjoint', test_mode=True, pipeline=PIPELINE)
    infos = list(dataset.clip_infos())
    assert [info['kept'] for info in infos] == [list(range(6)), [4, 5], [0, 1]]
    sample = dataset[1]['data_samples']
    assert sample.frame_idx == [6, 7] and sample.gt_masks.shape == (2, 12, 20)
    assert [info['clip_id'] for info in infos] == ['v/00000008', 'v/00000020', 'w/00000002']
    assert len(VSPWDataset(vspw, 'train', windows='disjoint')) == 8  # no matter for a training


def test_vspw_without_labels_of_its_test_part(vspw: Path) -> None:
    for path in (vspw / 'data/w/mask').iterdir():
        path.unlink()
    dataset = VSPWDataset(vspw, 'test', test_mode=True, pipeline=PIPELINE)
    assert dataset[0]['data_samples'].gt_valid.tolist() == [False]
    with pytest.raises(
        DataError, match=r'missing file: 2 in 1 videos.*w/mask/00000001.png: no such'
    ):
        VSPWDataset(vspw, 'val')


def test_classes_of_vspw(vspw: Path) -> None:
    write_classes(vspw, ['others', *(f'c{k}' for k in range(124))])
    dataset = VSPWDataset(vspw, 'train')
    assert dataset.metainfo['classes'][:2] == ('c0', 'c1')
    write_classes(vspw, ['others', 'wall', 'sky'])
    with pytest.raises(DataError, match=r'class numbers are 1 to 2, .* found also 3 in 140 pixels'):
        VSPWDataset(vspw, 'train', check='full')
    for bad in (['wall', 'others'], ['others']):
        write_classes(vspw, bad)
        with pytest.raises(DataError, match=r"label_num_dic_final.json: expected .* 'others'"):
            VSPWDataset(vspw, 'train')
    (vspw / 'label_num_dic_final.json').write_text('[1]')
    with pytest.raises(DataError, match='not a readable table of classes'):
        VSPWDataset(vspw, 'train')


# ----------------------------------------------------------------------------------------- MoCA

ROWS = [
    "0,/crab/00000.jpg,\"[2,4,0,5,3]\",{'1': '0'}",
    "1,/crab/00001.jpg,[],{'1': '2'}",
    '2,/crab/00002.jpg,"[2,-3,1,5,3]",{}',
    "3,/seal/00001.jpg,\"[2,1,1,5,3]\",{'1': '2'}",
]


@pytest.fixture
def moca(tmp_path: Path) -> Path:
    return write_moca(tmp_path / 'MoCA', {'crab': 4, 'seal': 3}, ROWS)


def test_moca(moca: Path) -> None:
    dataset = MoCADataset(moca, 'val', test_mode=True, pipeline=PIPELINE)
    ids = [info['clip_id'] for info in dataset.clip_infos()]
    assert ids == ['crab/00000', 'crab/00002', 'seal/00001']  # not the row without a box
    packed = dataset[1]
    sample = packed['data_samples']
    assert packed['inputs']['frames'][:, 0, 0, 0].tolist() == [3, 0, 1, 2, 3, 0]
    assert sample.gt_boxes == [(-3, 1, 5, 3)] and sample.motions == [0]  # of the row before
    assert sample.gt_valid.tolist() == [True] and 'gt_masks' not in sample
    assert 'pred_shape' not in sample and sample.ori_shape == (12, 20)
    summary = dataset.summary()
    assert (summary['videos'], summary['frames'], summary['annotated_frames']) == (2, 7, 3)


def test_the_list_of_moca(moca: Path) -> None:
    (moca / 'val_seqs.txt').write_text('seal\n')
    assert len(MoCADataset(moca, 'val', test_mode=True)) == 1


def test_nothing_can_be_trained_on_moca(moca: Path) -> None:
    with pytest.raises(ConfigError, match='boxes and no masks.*test_mode=True'):
        MoCADataset(moca, 'val')
