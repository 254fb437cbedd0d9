"""Custom videos and masks without a csv."""

import os
import re

import numpy as np
import pytest
from PIL import Image
from video_clips import RATE, SIZE, frame_number, numbered_frames, tone, write_video

from avsbench.datasets import FolderAVSDataset
from avsbench.datasets.preparation.custom_tree import (
    CustomTree,
    clip_starts,
    names_by_fractions,
    names_by_list,
)
from avsbench.media.faults import BrokenFileError
from avsbench.media.images import read_frame
from avsbench.media.log_mel import read_wav
from avsbench.utils.errors import ConfigError, DataError

PIPELINE = [dict(type='LoadClip'), dict(type='PackAVSInputs')]
ALL = dict(fractions={'train': 1.0})
VIDEO_RATE = 8


def save_mask(path, value=255):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(SIZE, np.uint8)
    mask[: int(path.stem)] = value
    Image.fromarray(mask).save(path)


@pytest.fixture
def root(tmp_path):
    """A video of 12 seconds with masks at 2, 11 and 12, one of 3 seconds with a mask at 3."""
    for name, seconds, masks in (('street/dog 1', 12, (2, 11, 12)), ('cat', 3, (3,))):
        video = tmp_path / 'videos' / f'{name}.mp4'
        video.parent.mkdir(parents=True, exist_ok=True)
        write_video(
            video, numbered_frames(VIDEO_RATE * seconds), tone([440] * seconds), rate=VIDEO_RATE
        )
        for second in masks:
            save_mask(tmp_path / 'masks' / name / f'{second}.png')
    return tmp_path


def test_clips_of_a_folder(root):
    dataset = FolderAVSDataset(str(root), 'train', pipeline=PIPELINE, **ALL)
    ids = [info['clip_id'] for info in dataset.clip_infos()]
    assert ids == ['cat@0', 'street/dog 1@0', 'street/dog 1@10']
    valid = [dataset[index]['data_samples'].gt_valid.tolist() for index in range(3)]
    assert valid == [
        [False, False, True, False, False],
        [False, True, False, False, False],
        [True, True, False, False, False],
    ]
    item = dataset[2]
    assert item['inputs']['frames'].shape == (5, 3, *SIZE)
    assert item['inputs']['audio'].shape == (5, 1, 96, 64)
    rows = item['data_samples'].gt_masks[:2].any(-1).sum(-1)
    assert rows.tolist() == [11, 12]
    assert dataset.summary() | {'audio': None, 'padded_audio': None, 'cut_audio': None} == {
        'subset': 'custom',
        'split': 'train',
        'synthetic': False,
        'clips': 3,
        'frames': 15,
        'annotated_frames': 4,
        'audio': None,
        'padded_audio': None,
        'cut_audio': None,
    }


def test_frames_are_those_at_15_16_of_each_second(root):
    dataset = FolderAVSDataset(str(root), 'train', pipeline=PIPELINE, **ALL)
    frames = [read_frame(path) for path in dataset.get_data_info(1)['frame_paths']]
    expected = [int(VIDEO_RATE * (second + 15 / 16)) % 32 for second in range(5)]
    assert [frame_number(frame) for frame in frames] == expected
    assert frames[0].shape == (*SIZE, 3)
    # beyond the end of the video, its last frame
    late = [frame_number(read_frame(p)) for p in dataset.get_data_info(2)['frame_paths']]
    assert late[2:] == [(12 * VIDEO_RATE - 1) % 32] * 3


def test_audio_of_a_clip_is_as_long_as_the_clip(root):
    dataset = FolderAVSDataset(str(root), 'train', **ALL)
    for index, seconds in ((0, 3), (1, 5), (2, 2)):
        samples, rate = read_wav(dataset.get_data_info(index)['audio_path'])
        assert rate == RATE and len(samples) == 5 * RATE
        loud = np.abs(samples).reshape(50, -1).max(1) > 0.2
        assert loud[: 10 * seconds].all() and not loud[10 * seconds + 2 :].any()


def test_what_is_prepared_is_kept_until_the_video_changes(root):
    FolderAVSDataset(str(root), 'train', **ALL)
    frame = root / 'prepared/frames/cat/1.jpg'
    Image.new('RGB', SIZE[::-1]).save(frame)
    FolderAVSDataset(str(root), 'train', **ALL)
    assert not read_frame(frame).any()
    video = root / 'videos/cat.mp4'
    later = frame.stat().st_mtime + 10
    os.utime(video, (later, later))
    FolderAVSDataset(str(root), 'train', **ALL)
    assert read_frame(frame).any()


def test_length_of_a_clip(root):
    dataset = FolderAVSDataset(str(root), 'train', num_frames=10, pipeline=PIPELINE, **ALL)
    assert [info['clip_id'] for info in dataset.clip_infos()][-1] == 'street/dog 1@10'
    assert dataset[1]['inputs']['frames'].shape[0] == 10
    shorter = FolderAVSDataset(str(root), 'train', num_frames=1, pipeline=PIPELINE, **ALL)
    assert len(shorter) == 4 and shorter[3]['data_samples'].gt_valid.tolist() == [True]


def test_classes(root):
    for second, value in ((2, 1), (11, 2), (12, 2)):
        save_mask(root / 'masks/street/dog 1' / f'{second}.png', value)
    save_mask(root / 'masks/cat/3.png', 1)
    classes = ('background', 'dog', 'piano')
    arguments = dict(classes=classes, pipeline=PIPELINE, check='full', **ALL)
    dataset = FolderAVSDataset(str(root), 'train', **arguments)
    assert dataset.metainfo['classes'] == classes and len(dataset.metainfo['palette']) == 3
    assert dataset[2]['data_samples'].gt_masks.unique().tolist() == [0, 2]
    save_mask(root / 'masks/cat/3.png', 3)
    with pytest.raises(DataError, match='class indices are 0 to 2, found also 3'):
        FolderAVSDataset(str(root), 'train', **arguments)


def test_lists(root):
    (root / 'mine.txt').write_text('\ufeff# all\nstreet/dog 1 # the dog\n\n')
    dataset = FolderAVSDataset(str(root), 'val', split_list='mine.txt')
    ids = {info['clip_id'] for info in dataset.clip_infos()}
    assert ids == {'street/dog 1@0', 'street/dog 1@10'}


@pytest.mark.parametrize(
    'text, message',
    [
        ('street/dog 2', "line 1: no video 'street/dog 2'; did you mean 'street/dog 1'"),
        ('a\n\na', "lines 1 and 3: 'a' named twice"),
        ('# none', 'names no video'),
    ],
)
def test_malformed_lists(tmp_path, text, message):
    path = tmp_path / 'list.txt'
    path.write_text(text)
    with pytest.raises(DataError, match=re.escape(f'{path}')) as error:
        names_by_list(['a', 'street/dog 1'], path)
    assert message in str(error.value)
    with pytest.raises(DataError, match='none.txt: no such list of videos'):
        names_by_list(['a'], tmp_path / 'none.txt')


def test_listed_names_may_hold_what_begins_comments(tmp_path):
    known = ['song #1 (live)', 'song', '#3', 'plain']
    path = tmp_path / 'list.txt'
    path.write_text('# my list\nsong #1 (live)  # loud\n#3\nplain# a # comment\nsong # 1\n')
    assert names_by_list(known, path) == ['song #1 (live)', '#3', 'plain', 'song']
    path.write_text('sing #1\n')
    with pytest.raises(DataError, match="line 1: no video 'sing'; did you mean 'song'"):
        names_by_list(known, path)


@pytest.mark.parametrize(
    'place',
    ['masks/cat/.DS_Store', 'masks/cat/Thumbs.db', 'masks/cat/._1.png', 'videos/._b.mp4']
    + ['videos/.DS_Store', 'videos/__MACOSX/b.mp4'],
)
def test_what_systems_leave_in_folders_is_not_seen(root, place):
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).write_bytes(b'x')
    assert len(FolderAVSDataset(str(root), 'train', **ALL)) == 3


def test_fractions():
    shares = {'train': 0.8, 'val': 0.1, 'test': 0.1}
    names = [f'v{number}' for number in range(50)]
    splits = [names_by_fractions(names, split, shares) for split in shares]
    assert [len(split) for split in splits] == [40, 5, 5]
    assert sorted(sum(splits, [])) == sorted(names)
    assert splits == [names_by_fractions(names[::-1], split, shares) for split in shares]
    assert splits[1] != names[40:45]  # drawn, not in their order
    for count, expected in ((3, [1, 1, 1]), (4, [2, 1, 1]), (11, [9, 1, 1])):
        found = [len(names_by_fractions(names[:count], split, shares)) for split in shares]
        assert found == expected
    assert names_by_fractions(['a'], 'train', {'train': 1.0, 'val': 0}) == ['a']


@pytest.mark.parametrize(
    'split, shares, message',
    [
        ('vall', {'train': 0.9, 'val': 0.1}, "did you mean 'val'"),
        ('val', {'train': 0.9, 'val': 0.2}, 'sum to 1'),
        ('val', {'train': 1.5, 'val': -0.5}, 'sum to 1'),
        ('val', {'train': 1.0, 'val': 0.0}, "'val' gets none of 2 videos"),
        ('val', {'train': 0.8, 'val': 0.1, 'test': 0.1}, "'val' gets none of 2 videos"),
    ],
)
def test_malformed_fractions(split, shares, message):
    with pytest.raises(DataError, match=message):
        names_by_fractions(['a', 'b'], split, shares)


def test_clips_lie_where_masks_are():
    assert clip_starts([1, 5], 5) == [0]
    assert clip_starts([5, 6, 23], 5) == [0, 5, 20]


def test_a_video_without_masks_is_named(root):
    (root / 'masks/cat/3.png').unlink()
    with pytest.raises(DataError, match=r'1 of 2 videos.*have no mask: cat; add at least .*1\.png'):
        FolderAVSDataset(str(root), 'train', **ALL)


@pytest.mark.parametrize('name', ['03.png', '0.png', 'x.png', '3.jpg'])
def test_masks_of_other_names_are_named(root, name):
    save_mask(root / 'masks/cat/4.png')
    (root / 'masks/cat/4.png').rename(root / 'masks/cat' / name)
    with pytest.raises(DataError, match=f'named <second>.png.*found also {name}'):
        FolderAVSDataset(str(root), 'train', **ALL)


def test_a_mask_after_the_end_of_the_video(root):
    """There is no frame that it could belong to; a second attempt doesn't forget that."""
    save_mask(root / 'masks/cat/4.png')
    for _ in range(2):
        with pytest.raises(DataError, match=r'cat\.mp4: ends in second 3, before second 4, which'):
            FolderAVSDataset(str(root), 'train', **ALL)


def test_mask_of_another_size(root):
    Image.new('L', (8, 8)).save(root / 'masks/cat/3.png')
    with pytest.raises(DataError, match='sizes differ') as error:
        FolderAVSDataset(str(root), 'train', **ALL)
    assert 'csv row' not in str(error.value)
    with pytest.raises(BrokenFileError, match='8 x 8'):
        FolderAVSDataset(str(root), 'train', check='off', pipeline=PIPELINE, **ALL)[0]


def test_unreadable_videos_are_all_named(root):
    for name in ('x', 'y'):
        (root / f'videos/{name}.mp4').write_bytes(b'junk')
        save_mask(root / f'masks/{name}/1.png')
    with pytest.raises(DataError, match='2 of 5 clips.*cannot be made') as error:
        FolderAVSDataset(str(root), 'train', **ALL)
    assert 'x.mp4' in str(error.value) and 'y.mp4' in str(error.value)


def test_folders_and_names(root, tmp_path):
    with pytest.raises(DataError, match='no such folder of videos'):
        FolderAVSDataset(str(tmp_path / 'none'), 'train')
    (root / 'videos/cat.mov').write_bytes((root / 'videos/cat.mp4').read_bytes())
    with pytest.raises(DataError, match=r'cat\.mov and .*cat\.mp4 have one name'):
        FolderAVSDataset(str(root), 'train', **ALL)
    with pytest.raises(ConfigError, match='num_frames=0'):
        FolderAVSDataset(str(root), 'train', num_frames=0)


def test_frames_to_draw_on(root):
    tree = CustomTree.of(root)
    task = tree.frames_task('cat', root / 'videos/cat.mp4')
    assert [os.path.basename(path) for path in task.frame_paths] == ['1.jpg', '2.jpg', '3.jpg']
    assert task.wav_path is None


def test_maskiges(tool, custom_data, tmp_path):
    root = custom_data(tmp_path)
    with_maskiges = [PIPELINE[0], dict(type='LoadMaskiges'), *PIPELINE[1:]]
    with pytest.raises(DataError, match='avsbench data maskiges custom --data-root'):
        FolderAVSDataset(str(root), 'train', pipeline=with_maskiges)
    call = ['prepare_maskiges', 'custom', '--data-root', root, '--source', 'superpixels']
    done = tool(*call, '--workers', 0)
    assert done.code == 0, done.err
    dataset = FolderAVSDataset(str(root), 'train', pipeline=with_maskiges)
    assert dataset[0]['inputs']['frames'].shape == (5, 6, *SIZE)
