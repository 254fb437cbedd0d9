"""Files of the video sets that are missing, damaged, or not what they should be."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from video_trees import (
    SIZE,
    a2d_label,
    image,
    mask,
    palette_mask,
    write_a2d,
    write_davis,
    write_mat,
    write_moca,
    write_vspw,
    write_youtube_objects,
    write_youtube_vos,
)

from avsbench.datasets import (
    A2DDataset,
    DAVISDataset,
    MoCADataset,
    VideoDataset,
    VSPWDataset,
    YouTubeObjectsDataset,
    YouTubeVOSDataset,
)
from avsbench.media.faults import BrokenFileError
from avsbench.utils.errors import DataError

LOAD = [dict(type='LoadFrames')]
SHOT = 'cat/data/0007/shots/001'
MAT = 'Release/Annotations/mat/b/00005.mat'
MAKE = {
    DAVISDataset: lambda root: write_davis(root, {'bear': 8, 'cow': 3}, {'val': ['bear', 'cow']}),
    YouTubeVOSDataset: lambda root: write_youtube_vos(root, {'a': 7}),
    YouTubeObjectsDataset: lambda root: write_youtube_objects(root, {SHOT: (13, (1, 11))}),
    MoCADataset: lambda root: write_moca(
        root, {'crab': 4}, [f"{k},/crab/{k:05d}.jpg,\"[2,1,0,5,3]\",{{'1': '0'}}" for k in range(4)]
    ),
    A2DDataset: lambda root: write_a2d(root, {'b': (10, (5, 10), 1)}),
    VSPWDataset: lambda root: write_vspw(root, {'v': range(7)}, {'val': ['v']}),
}
SPLIT = {YouTubeVOSDataset: 'train', A2DDataset: 'test'}


def read(kind: type[VideoDataset], root: Path, **options: object) -> VideoDataset:
    options = {'pipeline': LOAD, 'test_mode': True} | options
    return kind(root, SPLIT.get(kind, 'val'), **options)


def message(kind: type[VideoDataset], root: Path, **options: object) -> str:
    with pytest.raises(DataError) as caught:
        read(kind, root, **options)
    return str(caught.value)


MISSING = [
    (DAVISDataset, 'JPEGImages/480p/bear/00003.jpg'),
    (DAVISDataset, 'Annotations/480p/bear/00003.png'),  # its frame is there
    (YouTubeVOSDataset, 'train/JPEGImages/a/00010.jpg'),
    (YouTubeObjectsDataset, f'frames/{SHOT}/frame0011.jpg'),  # its mask is there
    (MoCADataset, 'JPEGImages/crab/00002.jpg'),  # it has a box
    (VSPWDataset, 'data/v/origin/00000003.jpg'),  # its label is there
    (VSPWDataset, 'data/v/mask/00000003.png'),
]


@pytest.mark.parametrize(('kind', 'path'), MISSING)
def test_missing_file(kind: type[VideoDataset], path: str, tmp_path: Path) -> None:
    root = MAKE[kind](tmp_path)
    (root / path).unlink()
    text = message(kind, root)
    assert f'{path}: no such file' in text and 'missing file: 1 in 1 videos' in text
    assert 'unpack the download again' in text


@pytest.mark.parametrize('path', ['frames/b/00008.png', 'frames/b/00001.png'])
def test_missing_frame_of_a2d(path: str, tmp_path: Path) -> None:
    """Also one that no window reads: the frames after it may be off their place."""
    root = MAKE[A2DDataset](tmp_path)
    (root / path).unlink()
    text = message(A2DDataset, root)
    assert 'frames/b: 9 frames' in text and 'videoset.csv says 10 (csv row 1)' in text
    assert 'extracted frames: 1 in 1 videos' in text and 'ffmpeg -i' in text
    assert 'missing file' not in text


def test_missing_labels_of_a2d(tmp_path: Path) -> None:
    root = MAKE[A2DDataset](tmp_path)
    (root / MAT).unlink()
    assert 'mat/b: 1 labels, ' in message(A2DDataset, root)
    (root / MAT).with_name('00010.mat').unlink()
    assert 'mat/b: no labels, *.mat' in message(A2DDataset, root)
    write_mat(root / 'Release/Annotations/mat/b/00011.mat', a2d_label(1))
    assert '00011.mat: a label of a frame from 1 to 10 is expected' in message(A2DDataset, root)


LISTED = [
    (DAVISDataset, 'val_seqs.txt', 'bear\nghost\n', 'Annotations/480p/ghost'),
    (YouTubeVOSDataset, 'train_seqs.txt', 'a\nghost\n', 'train/Annotations/ghost'),
    (
        *(YouTubeObjectsDataset, 'val_seqs.txt'),
        *(f'frames/{SHOT}\nframes/cat/data/9/shots/1\n', 'frames/cat/data/9/shots/1'),
    ),
    (MoCADataset, 'val_seqs.txt', 'crab\nghost\n', 'JPEGImages/ghost'),
    (VSPWDataset, 'val.txt', 'v\nghost\n', 'data/ghost/origin'),
]


@pytest.mark.parametrize(('kind', 'file', 'lines', 'folder'), LISTED)
def test_a_list_that_names_a_missing_video(
    kind: type[VideoDataset], file: str, lines: str, folder: str, tmp_path: Path
) -> None:
    root = MAKE[kind](tmp_path)
    (root / file).write_text(lines)
    text = message(kind, root)
    assert f'{root}/{file}: 1 of 2 videos have no frames, or no folder: {root}/{folder}.' in text
    assert 'take them out of the list' in text


@pytest.mark.parametrize(
    ('lines', 'words'),
    [
        ('../bear\n', "val_seqs.txt: '../bear' is no name of a video inside the data set"),
        ('bear\nbear\n', 'val_seqs.txt: listed more than once: bear'),
        ('\n', 'val_seqs.txt: lists no video'),
    ],
)
def test_bad_lists(lines: str, words: str, tmp_path: Path) -> None:
    root = MAKE[DAVISDataset](tmp_path)
    (root / 'val_seqs.txt').write_text(lines)
    assert words in message(DAVISDataset, root)


@pytest.mark.parametrize('kind', MAKE)
def test_wrong_root(kind: type[VideoDataset], tmp_path: Path) -> None:
    assert str(tmp_path / 'none') in message(kind, tmp_path / 'none')


@pytest.mark.parametrize('frames', range(1, 6))
def test_short_videos(frames: int, tmp_path: Path) -> None:
    """Frames are repeated; each is predicted once."""
    root = write_davis(tmp_path, {'cow': frames}, {'val': ['cow']})
    dataset = read(DAVISDataset, root)
    for centre, results in enumerate(dataset):
        assert len(results['frames']) == 6
        (position,) = results['kept']
        assert results['frames'][position][0, 0, 0] == results['frame_idx'][position] == centre
        assert results['masks'][position, :, 0].sum() == centre % 5 + 1


def test_a_short_video_of_a2d(tmp_path: Path) -> None:
    """The last frame is repeated."""
    root = write_a2d(tmp_path, {'b': (3, (3,), 1)})
    results = read(A2DDataset, root)[0]
    assert [frame[0, 0, 0] for frame in results['frames']] == [1, 2, 3, 3, 3, 3]
    assert results['kept'] == [2] and results['gt_valid'].tolist() == [0, 0, 1, 0, 0, 0]


SHOT_MASK = f'youtube_masks/{SHOT}/labels/00011.jpg'
SIZES: list[tuple[type[VideoDataset], str, Callable[[Path], None]]] = [
    (DAVISDataset, 'Annotations/480p/bear/00003.png', lambda path: mask(path, 2, size=(10, 20))),
    (YouTubeObjectsDataset, SHOT_MASK, lambda path: mask(path, 2, 255, (9, 9))),
    (VSPWDataset, 'data/v/mask/00000003.png', lambda path: mask(path, 2, 1, (10, 20))),
    (A2DDataset, MAT, lambda path: write_mat(path, np.zeros((10, 20)))),
]


@pytest.mark.parametrize(('kind', 'path', 'write'), SIZES)
@pytest.mark.parametrize('check', ['fast', 'full', 'off'])
def test_mask_of_another_size(
    kind: type[VideoDataset], path: str, write: Callable, check: str, tmp_path: Path
) -> None:
    root = MAKE[kind](tmp_path)
    write(root / path)
    if check != 'off':
        assert f'{path}: ' in message(kind, root, check=check)
        return
    with pytest.raises(BrokenFileError, match=r'pixels, but .* has 20 x 12.*has the size of its'):
        list(read(kind, root, check='off'))


def test_palette_masks(tmp_path: Path) -> None:
    """Foreground is every colour but black, whatever its index; of labels the index counts."""
    root = MAKE[DAVISDataset](tmp_path)
    palette_mask(root / 'Annotations/480p/bear/00000.png', [0, 1, 2, 3])
    (results,) = read(DAVISDataset, root, indices=[0])
    assert results['masks'][3, :5, 0].tolist() == [0, 1, 1, 1, 0]
    root = MAKE[VSPWDataset](tmp_path / 'vspw')
    palette_mask(root / 'data/v/mask/00000000.png', [0, 1, 2, 3])
    (results,) = read(VSPWDataset, root, indices=[0])
    assert results['masks'][3, :5, 0].tolist() == [255, 0, 1, 2, 255]
    sorted_greys = [0, 0, 0, 255, 255, 255, 2, 2, 2]  # as programs that save images may sort them
    palette_mask(root / 'data/v/mask/00000001.png', [0, 1, 2], sorted_greys)
    (results,) = read(VSPWDataset, root, indices=[1])
    assert results['masks'][3, :4, 0].tolist() == [255, 255, 1, 255]


def test_colours_are_no_label(tmp_path: Path) -> None:
    root = MAKE[VSPWDataset](tmp_path)
    image(root / 'data/v/mask/00000003.png', 3)
    assert 'mode RGB' in message(VSPWDataset, root, check='full')


@pytest.mark.parametrize('value', [125, 254])
def test_unknown_class_of_vspw(value: int, tmp_path: Path) -> None:
    root = MAKE[VSPWDataset](tmp_path)
    mask(root / 'data/v/mask/00000003.png', 2, value)
    text = message(VSPWDataset, root, check='full')
    assert f'class numbers are 1 to 124, beside 0 and 255; found also {value} in 40 pixels' in text
    with pytest.raises(BrokenFileError, match='00000003.png: class numbers'):
        list(read(VSPWDataset, root, check='off'))


def old_format(path: Path) -> None:
    savemat(path, {'reS_id': np.zeros(SIZE)})


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:500])


BAD_MATS = [
    (old_format, 'a MATLAB file of an old format', 'old label file', 'with -v7.3'),
    (cut_off, 'not a whole MATLAB file of version 7.3', 'broken mask', 'from the download'),
    (
        *(lambda path: write_mat(path, np.zeros(SIZE), 'other'),),
        *(
            'a matrix reS_id of numbers was expected, the file holds other',
            'broken mask',
            'restore',
        ),
    ),
    (
        *(lambda path: write_mat(path, np.zeros((2, *SIZE))),),
        *('a matrix reS_id of numbers was expected', 'broken mask', 'restore'),
    ),
]


@pytest.mark.parametrize(('write', 'words', 'kind', 'remedy'), BAD_MATS)
def test_bad_labels_of_a2d(
    write: Callable, words: str, kind: str, remedy: str, tmp_path: Path
) -> None:
    root = MAKE[A2DDataset](tmp_path)
    write(root / MAT)
    text = message(A2DDataset, root)
    assert f'{MAT}: {words}' in text and f'{kind}: 1 in 1 videos' in text and remedy in text
    with pytest.raises(BrokenFileError, match='00005.mat: '):
        list(read(A2DDataset, root, check='off'))


@pytest.mark.parametrize('value', [80, -1, 2.5, float('nan')])
def test_unknown_class_of_a2d(value: float, tmp_path: Path) -> None:
    root = MAKE[A2DDataset](tmp_path)
    write_mat(root / MAT, np.full(SIZE, value))
    text = message(A2DDataset, root, check='full')
    assert f'{MAT}: class indices are 0 to 79, found also {value}' in text


BAD_ROWS = [
    ('b,48,0:00:01,0:00:05,12,20,10,2\n', 'row 2 has 8 columns, expected 9: id, label'),
    ('b,48,0:00:01,0:00:05,12,20,10,2,1,7\n', 'row 2 has 10 columns'),
    ('b,48,0:00:01,0:00:05,12,20,ten,2,1\n', 'row 2: b,48.*numbers of frames above 0'),
    ('b,48,0:00:01,0:00:05,12,20,10,2,2\n', r'0 \(train\) or 1 \(test\) in the last'),
    ('a,48,0:00:01,0:00:05,12,20,10,2,1\n', 'listed more than once: a'),
]


@pytest.mark.parametrize(('row', 'words'), BAD_ROWS)
def test_bad_rows_of_a2d(row: str, words: str, tmp_path: Path) -> None:
    root = MAKE[A2DDataset](tmp_path)
    path = root / 'Release/videoset.csv'
    path.write_text('a,48,0:00:01,0:00:05,12,20,10,2,1\n' + row)
    with pytest.raises(DataError, match=f'videoset.csv: .*{words}'):
        read(A2DDataset, root)
    path.write_text('')
    assert 'videoset.csv: it has no rows' in message(A2DDataset, root)
    path.write_text('b,48,0:00:01,0:00:05,12,20,10,2,0\n')
    assert "no row has the usage of split 'test'" in message(A2DDataset, root)


def test_a_video_of_moca_without_a_box(tmp_path: Path) -> None:
    root = write_moca(
        tmp_path, {'crab': 2, 'carb': 2}, ["0,/crab/00000.jpg,\"[2,1,0,5,3]\",{'1': '0'}"]
    )
    text = message(MoCADataset, root)
    assert "no box in any row of video 'carb'" in text and "did you mean 'crab'?" in text


def test_metadata_of_moca_before_any_motion(tmp_path: Path) -> None:
    root = write_moca(tmp_path, {'crab': 2}, ['0,/crab/00000.jpg,"[2,1,0,5,3]",{}'])
    assert "annotations.csv: row 2: metadata '{}'" in message(MoCADataset, root)
