"""DAVIS, YouTube-VOS and YouTube-Objects: lists, frames, masks, items."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from mmengine.registry import DefaultScope
from video_trees import write_davis, write_youtube_objects, write_youtube_vos

from avsbench.datasets import DAVISDataset, YouTubeObjectsDataset, YouTubeVOSDataset
from avsbench.datasets.video.listing import stem
from avsbench.engine.samplers import VideoSampler
from avsbench.engine.seeded_dataset import SeededDataset
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError, DataError

PIPELINE = [dict(type='LoadFrames'), dict(type='PackAVSInputs')]


@pytest.fixture
def davis(tmp_path: Path) -> Path:
    splits = {'train': ['bear'], 'val': ['dog', 'cow']}
    return write_davis(tmp_path / 'DAVIS', {'bear': 8, 'cow': 4, 'dog': 1}, splits)


def stems(info: dict) -> list[int]:
    return [int(stem(path)) for path in info['frame_paths']]


def test_davis_to_test_on(davis: Path) -> None:
    dataset = DAVISDataset(davis, 'val', test_mode=True, pipeline=PIPELINE)
    infos = list(dataset.clip_infos())
    assert [info['clip_id'] for info in infos] == ['dog/00000', *(f'cow/0000{k}' for k in range(4))]
    assert stems(infos[2]) == infos[2]['frame_idx'] == [2, 3, 0, 1, 2, 3]
    assert [info['kept'] for info in infos] == [[0]] + [[3]] * 4
    assert [path is not None for path in infos[2]['mask_paths']] == [0, 0, 0, 1, 0, 0]
    packed = dataset[2]
    sample = packed['data_samples']
    assert packed['inputs']['frames'].shape == (6, 3, 12, 20)
    assert packed['inputs']['frames'][:, 0, 0, 0].tolist() == [2, 3, 0, 1, 2, 3]
    assert sample.gt_masks.shape == (1, 12, 20) and sample.gt_masks.sum() == 2 * 20
    assert (sample.video, sample.frame_idx, sample.kept) == ('cow', [1], [3])
    assert dataset.summary() == {
        'subset': 'davis',
        'split': 'val',
        'videos': 2,
        'clips': 5,
        'frames': 5,
        'annotated_frames': 5,
    }


def test_davis_to_train_on(davis: Path) -> None:
    dataset = DAVISDataset(davis, 'train', pipeline=PIPELINE)
    assert len(dataset) == 8
    sample = dataset[0]['data_samples']
    assert sample.frame_idx == [5, 6, 7, 0, 1, 2] and 'kept' not in sample
    rows = sample.gt_masks.sum((1, 2)) / 20
    assert rows.tolist() == [1, 2, 3, 1, 2, 3] and sample.gt_valid.all()
    assert len(DAVISDataset(davis, 'train', centre_step=3)) == 3


def test_clips_of_another_length(davis: Path) -> None:
    dataset = DAVISDataset(davis, 'val', num_frames=3, test_mode=True)
    assert dataset.get_data_info(1)['frame_idx'] == [3, 0, 1]


def test_the_official_index_of_davis(davis: Path) -> None:
    (davis / 'val_seqs.txt').unlink()
    lines = [
        f'/JPEGImages/480p/{name}/{k:05d}.jpg /Annotations/480p/{name}/{k:05d}.png \n'
        for name, frames in (('cow', 4), ('dog', 1))
        for k in range(frames)
    ]
    index = davis / 'ImageSets/480p/val.txt'
    index.parent.mkdir(parents=True)
    index.write_text(''.join(lines))
    dataset = DAVISDataset(davis, 'val', test_mode=True)
    assert [info['video'] for info in dataset.clip_infos()] == ['cow'] * 4 + ['dog']
    for path in davis.glob('*/480p/cow/00003.*'):  # the end is lost, and only the index tells it
        path.unlink()
    with pytest.raises(DataError, match=r'missing file: 2(.|\n)*cow/00003'):
        DAVISDataset(davis, 'val', test_mode=True)
    index.write_text('cow\n')
    with pytest.raises(DataError, match=r"480p/val.txt: 'cow', expected lines such as /JPEGImages"):
        DAVISDataset(davis, 'val')


def test_davis_2017_is_refused(davis: Path) -> None:
    write_davis(davis, {f'v{k}': 1 for k in range(30)}, {'val': [f'v{k}' for k in range(30)]})
    with pytest.raises(DataError, match=r'val_seqs.txt: this is DAVIS 2017.*Download "DAVIS 2016'):
        DAVISDataset(davis, 'val')
    (davis / 'val_seqs.txt').unlink()
    (davis / 'ImageSets/2017').mkdir(parents=True)
    with pytest.raises(DataError, match='ImageSets/2017: this is DAVIS 2017'):
        DAVISDataset(davis, 'val')


def test_another_list(davis: Path) -> None:
    (davis / 'mine.txt').write_text('\ncow\n')
    assert len(DAVISDataset(davis, 'val', ann_file='mine.txt')) == 4
    with pytest.raises(DataError, match=r'yours.txt: no such file.*data_root or ann_file'):
        DAVISDataset(davis, 'val', ann_file='yours.txt')


def test_youtube_vos(tmp_path: Path) -> None:
    root = write_youtube_vos(tmp_path / 'YTVOS', {'b': 8, 'a': 7})
    dataset = YouTubeVOSDataset(root, 'train', pipeline=PIPELINE)
    ids = [info['clip_id'] for info in dataset.clip_infos()]
    assert ids == ['a/00000', 'a/00030', 'b/00000', 'b/00030']
    assert stems(dataset.get_data_info(2)) == [25, 30, 35, 0, 5, 10]
    mask = dataset[2]['data_samples'].gt_masks[0, :, 0]
    assert mask.tolist() == [1, 0, 1] + [0] * 9  # any object, by the brightness of its colour
    assert dataset.summary()['annotated_frames'] == 15


def test_davis_and_youtube_vos_together(davis: Path, tmp_path: Path) -> None:
    """As a config has it: mmengine's ConcatDataset, seeded samples."""
    root = write_youtube_vos(tmp_path / 'YTVOS', {'a': 7})
    parts = [
        dict(type='DAVISDataset', data_root=str(davis), split='train', pipeline=PIPELINE),
        dict(type='YouTubeVOSDataset', data_root=str(root), split='train', pipeline=PIPELINE),
    ]
    with DefaultScope.overwrite_default_scope('avsbench'):
        joint = DATASETS.build(dict(type='ConcatDataset', datasets=parts))
    assert isinstance(joint, ConcatDataset) and len(joint) == 8 + 2
    assert joint.metainfo['classes'] == ('background', 'object')
    seeded = SeededDataset(joint, seed=0)
    seeded.set_epoch(0)
    assert seeded[7]['data_samples'].video == 'bear'
    assert seeded[9]['data_samples'].clip_id == 'a/00030'
    assert seeded.get_data_info(9)['subset'] == 'youtube_vos'


def test_samples_of_a_video_follow_one_another(davis: Path) -> None:
    dataset = DAVISDataset(davis, 'val', test_mode=True)
    assert list(VideoSampler(dataset)) == list(range(5))


SHOTS = {
    'cat/data/0007/shots/001': (13, (1, 11)),
    'boat/data/0001/shots/002': (4, (2,)),
    'boat/data/0001/shots/003': (4, ()),
}


@pytest.fixture
def youtube_objects(tmp_path: Path) -> Path:
    return write_youtube_objects(tmp_path / 'all frames' / 'YTO', SHOTS)


def test_youtube_objects(youtube_objects: Path) -> None:
    """Frames with a mask are the items; a root whose name holds "frames" is left alone."""
    dataset = YouTubeObjectsDataset(youtube_objects, 'val', test_mode=True, pipeline=PIPELINE)
    assert [info['clip_id'] for info in dataset.clip_infos()] == [
        'boat/data/0001/shots/002/frame0002',
        'cat/data/0007/shots/001/frame0001',
        'cat/data/0007/shots/001/frame0011',
    ]
    packed = dataset[2]
    assert packed['inputs']['frames'][:, 0, 0, 0].tolist() == [8, 9, 10, 11, 12, 13]
    assert packed['data_samples'].gt_masks[0, :, 0].tolist() == [0] + [1] * 11
    assert packed['data_samples'].video == 'cat/data/0007/shots/001'
    summary = dataset.summary()
    assert (summary['videos'], summary['clips'], summary['frames']) == (2, 3, 17)
    assert summary['annotated_frames'] == 3


def test_the_list_of_youtube_objects(youtube_objects: Path) -> None:
    path = youtube_objects / 'val_seqs.txt'
    path.write_text('frames/cat/data/0007/shots/001\nframes/boat/data/0001/shots/003\n')
    dataset = YouTubeObjectsDataset(youtube_objects, 'val', test_mode=True)
    assert {info['video'] for info in dataset.clip_infos()} == {'cat/data/0007/shots/001'}
    path.write_text('cat/data/0007/shots/001\n')
    with pytest.raises(DataError, match=r'val_seqs.txt: .*expected lines such as frames/aeroplane'):
        YouTubeObjectsDataset(youtube_objects, 'val')


def test_wrong_options(davis: Path) -> None:
    with pytest.raises(ConfigError, match=r"DAVISDataset: split='vall'.*did you mean 'val'"):
        DAVISDataset(davis, 'vall')
    with pytest.raises(ConfigError, match='num_frames=0'):
        DAVISDataset(davis, 'val', num_frames=0)


def test_only_the_masks_that_are_wanted_are_read(davis: Path) -> None:
    dataset = DAVISDataset(davis, 'val', test_mode=True, pipeline=PIPELINE[:1])
    results = dataset[1]
    assert results['gt_valid'].tolist() == [False] * 3 + [True] + [False] * 2
    assert np.flatnonzero(results['masks'].any((1, 2))).tolist() == [3]
