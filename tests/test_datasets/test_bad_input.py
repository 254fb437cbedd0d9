"""Data that can't be used: one error before anything is trained, naming file, place, way out."""

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SIZE, noise, random_image, write_image, write_wav
from PIL import Image

from avsbench.datasets import AVSSDataset, MS3Dataset, S4Dataset
from avsbench.layouts.avss_classes import palette
from avsbench.utils.errors import DataError

FRAME = 's4_data/visual_frames/train/dog_barking/-a_1/-a_1_3.png'
MASK = 's4_data/gt_masks/train/dog_barking/-a_1/-a_1_1.png'
WAV = 's4_data/audio_wav/train/dog_barking/-a_1.wav'
LOG_MEL = 's4_data/audio_log_mel/train/dog_barking/-a_1.pkl'


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        call()
    return str(caught.value)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def nan_wav(path: Path) -> None:
    wave = noise('nan', 5)
    wave[100] = np.nan
    write_wav(path, wave, subtype='FLOAT')


class Malicious:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple:
        return os.system, (f'touch {self.marker}',)


def malicious_pickle(path: Path) -> None:
    path.parent.mkdir(parents=True)
    content = pickle.dumps(Malicious(path.parents[5] / 'marker'))
    path.write_bytes(content + bytes(130_000))  # as large as a whole one


def short_log_mel(path: Path) -> None:
    import torch

    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(torch.zeros(2, 1, 96, 64)))


def full_size_two(path: Path) -> None:
    """Two patches in a file that is as large as one of five."""
    short_log_mel(path)
    path.write_bytes(path.read_bytes() + bytes(80_000))


# (name, how the tree is damaged, level of the check, words of the message)
CASES = [
    ('missing frame', lambda r: (r / FRAME).unlink(), 'fast', ['missing file: 1 in 1', FRAME]),
    ('missing mask', lambda r: (r / MASK).unlink(), 'fast', ['missing file', MASK]),
    ('missing audio', lambda r: (r / WAV).unlink(), 'fast', ['missing audio', WAV]),
    ('truncated frame', lambda r: cut(r / FRAME), 'fast', ['broken image', 'cut off', FRAME]),
    ('truncated mask', lambda r: cut(r / MASK), 'fast', ['broken mask', 'cut off', MASK]),
    ('empty frame', lambda r: (r / FRAME).write_bytes(b''), 'fast', ['not a whole image', FRAME]),
    (
        'mask of another size',
        lambda r: write_image(r / MASK, np.zeros((SIZE[0] + 1, SIZE[1]), np.uint8)),
        'fast',
        ['sizes differ', MASK, '32 x 25 pixels', 'has 32 x 24'],
    ),
    (
        'frame of another size',
        lambda r: write_image(r / FRAME, random_image('x', 1)[:, :-2]),
        'fast',
        ['sizes differ', FRAME, '30 x 24 pixels'],
    ),
    ('truncated audio', lambda r: cut(r / WAV), 'fast', ['cut off', '30 more bytes', WAV]),
    (
        'no samples',
        lambda r: write_wav(r / WAV, np.zeros(0)),
        'fast',
        ['broken audio', 'holds no samples', WAV],
    ),
    (
        'less than a patch',
        lambda r: write_wav(r / WAV, noise('x', 0.9)),
        'fast',
        ['short audio', '0.900 s', '0.975 s', WAV],
    ),
    ('NaN in the audio', lambda r: nan_wav(r / WAV), 'fast', ['NaN', 'sample 100', WAV]),
    (
        'truncated log-mel',
        lambda r: short_log_mel(r / LOG_MEL),
        'fast',
        ['broken log-mel', '5 log-mel patches take 122880 or more', LOG_MEL],
    ),
    (
        'wrong number of patches',
        lambda r: full_size_two(r / LOG_MEL),
        'full',
        ['2 log-mel patches, the clip has 5 frames', LOG_MEL],
    ),
    (
        'malicious log-mel',
        lambda r: malicious_pickle(r / LOG_MEL),
        'full',
        ['broken log-mel', 'refused', f'asks for {os.system.__module__}.system', LOG_MEL],
    ),
    (
        'mask of several channels',
        lambda r: write_image(r / MASK, random_image('x', 1)),
        'fast',
        ['mask form', 'one channel was expected, not mode RGB', MASK],
    ),
    (
        'grey mask',
        lambda r: write_image(r / MASK, random_image('x', 1)[..., 0]),
        'full',
        ['mask values', "grey='foreground'", MASK],
    ),
]


@pytest.mark.parametrize(
    ('damage', 'level', 'words'), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_broken_files(s4_root: Path, damage: Callable, level: str, words: list[str]) -> None:
    damage(s4_root)
    message = error_of(lambda: S4Dataset(s4_root, 'train', check=level))
    assert "S4Dataset, split 'train'" in message
    assert '1 of 2 clips cannot be used' in message
    assert '(csv row 2)' in message
    assert 'to fix it: ' in message
    assert f'python -m avsbench data check s4 --data-root {s4_root}' in message
    for word in words:
        assert word in message
    assert not (s4_root.parent / 'marker').exists()
    S4Dataset(s4_root, 'train', check='off')


def large_log_mel(path: Path, patches: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, patches)


def archive(root: Path) -> None:
    (root / NPY).parent.mkdir(parents=True, exist_ok=True)
    with open(root / NPY, 'wb') as file:
        np.savez(file, np.zeros((5, 1, 96, 64), np.float32))


def boasting_header(root: Path) -> None:
    """An array of 2**31 patches, 50 TB, by its header."""
    large_log_mel(root / NPY, np.zeros((5, 1, 96, 64), np.float32))
    content = (root / NPY).read_bytes().replace(b'(5, 1', b'(2147483648, 1', 1)
    (root / NPY).write_bytes(content.replace(b' ' * 9, b'', 1))


NPY = LOG_MEL.replace('.pkl', '.npy')
UNCHECKED = [  # (how the tree is damaged, words of the error when the clip is read)
    (lambda r: (r / FRAME).unlink(), ['no such file', FRAME]),
    (lambda r: cut(r / FRAME), ['not a whole image', FRAME]),
    (lambda r: write_image(r / FRAME, random_image('x', 1)[:-1]), [FRAME, '32 x 23 pixels']),
    (lambda r: write_image(r / MASK, np.zeros((24, 30), np.uint8)), [MASK, '30 x 24 pixels']),
    (lambda r: cut(r / WAV), ['cut off', WAV]),
    (lambda r: write_wav(r / WAV, noise('x', 0.9)), ['shorter than 0.975 s', WAV]),
    (lambda r: malicious_pickle(r / LOG_MEL), ['refused', LOG_MEL]),
    (
        lambda r: large_log_mel(r / NPY, np.zeros((10, 1, 96, 64))),
        ['10 log-mel patches, the clip has 5 frames', NPY],
    ),
    (
        lambda r: large_log_mel(r / NPY, np.zeros((5, 96, 64))),
        ['float64 of shape (5, 96, 64), expected float32 (n, 1, 96, 64)', NPY],
    ),
    (lambda r: large_log_mel(r / NPY, np.full((5, 1, 96, 64), np.nan)), ['NaN', NPY]),
    (lambda r: large_log_mel(r / NPY, np.array([None])), ['not readable as log-mel', NPY]),
    (archive, ['it is an archive (.npz), not an array', NPY]),
    (boasting_header, ['not readable as log-mel', NPY]),
]


@pytest.mark.parametrize(('damage', 'words'), UNCHECKED)
def test_an_unchecked_clip_fails_when_it_is_read(
    s4_root: Path, damage: Callable, words: list[str]
) -> None:
    damage(s4_root)
    dataset = S4Dataset(s4_root, 'train', check='off', pipeline=[dict(type='LoadClip')])
    message = error_of(lambda: dataset[0])
    for word in words:
        assert word in message
    assert 'To fix it: ' in message
    assert not (s4_root.parent / 'marker').exists()
    dataset[1]


def test_the_header_of_a_stored_array_is_checked_fast(s4_root: Path) -> None:
    for array, words in (
        (np.zeros((5, 96, 64)), 'float64 of shape (5, 96, 64)'),
        (np.zeros((10, 1, 96, 64)), '10 log-mel patches, the clip has 5 frames'),
    ):
        large_log_mel(s4_root / NPY, array)
        assert words in error_of(lambda: S4Dataset(s4_root, 'train'))
    for damage in (archive, boasting_header):
        damage(s4_root)
        assert 'broken log-mel: 1' in error_of(lambda: S4Dataset(s4_root, 'train'))


def test_examples_are_limited(s4_root: Path) -> None:
    shutil.rmtree(s4_root / 's4_data/visual_frames')
    message = error_of(lambda: S4Dataset(s4_root, 'train'))
    assert 'missing file: 10 in 2 clips' in message
    assert message.count('visual_frames') == 5
    assert '... and 5 more' in message
    assert 'data_root' in message
    assert f"is data_root='{s4_root}' the right folder?" in message


def test_every_kind_is_reported_once(s4_root: Path) -> None:
    (s4_root / FRAME).unlink()
    cut(s4_root / MASK)
    (s4_root / 's4_data/audio_wav/train/cat_meowing/b.wav').unlink()
    message = error_of(lambda: S4Dataset(s4_root, 'train'))
    for kind in ('missing file', 'broken mask', 'missing audio'):
        assert message.count(f'  {kind}: 1 in 1 clips') == 1


def rewrite(root: Path, old: str, new: str) -> Path:
    path = next(root.glob('*.csv'))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


CSV_CASES = [
    ('name,start', 'nam,start', ["no column 'name'; did you mean 'nam'?", "'category', 'split'"]),
    ('category', 'kind', ["no column 'category'", "Columns found: 'name', 'start', 'kind'"]),
    (
        'train',
        'training',
        ["no clips of split 'train'; did you mean 'training'?", "'val' (1 clip)"],
    ),
    ('b,0,cat_meowing', '-a_1,0,dog_barking', ['dog_barking/-a_1 in rows 2, 3']),
    ('b,0,cat_meowing', '../b,0,cat_meowing', ["row 3, column 'name'", "'../b'"]),
    ('b,0,cat_meowing', 'b,0,..', ["row 3, column 'category'", "'..'"]),
    ('b,0,cat_meowing', 'b,0,', ["column 'category' is empty in row 3"]),
    ('b,0,cat_meowing', 'b,0,cat_meowing,x,y', ['not a readable csv']),
]


@pytest.mark.parametrize(('old', 'new', 'words'), CSV_CASES)
def test_broken_csv(s4_root: Path, old: str, new: str, words: list[str]) -> None:
    path = rewrite(s4_root, old, new)
    message = error_of(lambda: S4Dataset(s4_root, 'train'))
    for word in (str(path), *words):
        assert word in message


@pytest.mark.parametrize('content', [b'', b'\xff\xfe\x00\x01', b'name,category,split\n'])
def test_no_csv_at_all(s4_root: Path, content: bytes) -> None:
    (s4_root / 's4_meta_data.csv').write_bytes(content)
    assert 's4_meta_data.csv' in error_of(lambda: S4Dataset(s4_root, 'train'))


def test_a_csv_in_another_folder_is_found(ms3_root: Path) -> None:
    message = error_of(lambda: MS3Dataset(ms3_root.parent, 'train'))
    assert f"Set data_root='{ms3_root}'" in message
    message = error_of(lambda: MS3Dataset(ms3_root / 'no', 'train'))
    assert 'its folder does not exist' in message
    (ms3_root / 'ms3_meta_data.csv').rename(ms3_root / 'meta.csv')
    assert 'csv files in that folder: meta.csv' in error_of(lambda: MS3Dataset(ms3_root, 'train'))


# ------------------------------------------------------------------------------------------- AVSS

V1S, V2 = 'v1s/one_0_5000', 'v2/two_0_10000'


def foreign_colour(root: Path) -> None:
    shutil.rmtree(root / V2 / 'labels_semantic')
    rgb = palette()[np.zeros(SIZE, np.uint8)]
    rgb[0, :2] = 7, 8, 9
    write_image(root / V2 / 'labels_rgb/4.png', rgb)


AVSS_CASES = [
    (
        lambda r: shutil.rmtree(r / V2),
        'fast',
        ['missing file: 20 in 1 clips', f'{V2}/frames/0.jpg', 'missing audio'],
    ),
    (lambda r: (r / V2 / 'frames/3.jpg').unlink(), 'fast', ['missing file', f'{V2}/frames/3.jpg']),
    (lambda r: (r / V2 / 'frames/9.jpg').unlink(), 'fast', ['missing file', f'{V2}/frames/9.jpg']),
    (
        lambda r: [(r / V2 / f'frames/{k}.jpg').unlink() for k in range(5, 10)],
        'fast',
        ['missing file: 5 in 1 clips', f'{V2}/frames/5.jpg'],
    ),
    (
        lambda r: write_image(r / V2 / 'frames/10.jpg', random_image('x', 1)),
        'fast',
        [f'{V2}: its frames or labels are numbered 0 to 10, expected 10 of them'],
    ),
    (
        lambda r: write_image(r / V1S / 'labels_rgb/6.png', random_image('x', 1)),
        'fast',
        [f'{V1S}: its frames or labels are numbered 0 to 6, expected 5 or 10 of them'],
    ),
    (
        lambda r: (r / V2 / 'labels_semantic/3.png').unlink(),
        'fast',
        ['missing file', f'{V2}/labels_semantic/3.png'],
    ),
    (foreign_colour, 'full', ['label values', '(7, 8, 9) in 2 pixels', f'{V2}/labels_rgb/4.png']),
    (
        lambda r: write_image(r / V1S / 'labels_semantic/0.png', np.full(SIZE, 3, np.uint8)),
        'fast',
        ['labels differ', 'label_source', '768 of 768 pixels differ in class'],
    ),
]


@pytest.mark.parametrize(('damage', 'level', 'words'), AVSS_CASES)
def test_broken_avss(avss_root: Path, damage: Callable, level: str, words: list[str]) -> None:
    damage(avss_root)
    message = error_of(lambda: AVSSDataset(avss_root, 'train', check=level))
    for word in words:
        assert word in message


def test_unknown_colours_may_be_background(avss_root: Path) -> None:
    foreign_colour(avss_root)
    pipeline = [dict(type='LoadClip', unknown_colour='background')]
    dataset = AVSSDataset(avss_root, 'train', check='full', pipeline=pipeline)
    assert (dataset[1]['masks'][4] == 0).all()


def test_label_folder_must_be_known(avss_root: Path) -> None:
    path = rewrite(avss_root, 'train,v2', 'train,v3')
    message = error_of(lambda: AVSSDataset(avss_root, 'train'))
    assert f"{path}: row 3, column 'label': 'v3', expected one of v2, v1m, v1s" in message


def test_avss_sound_may_be_short_but_not_empty(avss_root: Path) -> None:
    """The published code pads with zeros here, so even no patch at all is defined."""
    wav = avss_root / V2 / 'audio.wav'
    write_wav(wav, noise('x', 0.5))
    assert AVSSDataset(avss_root, 'train').summary()['padded_audio'] == 1
    write_wav(wav, np.zeros(0))
    assert 'holds no samples' in error_of(lambda: AVSSDataset(avss_root, 'train'))


def test_full_check_finds_what_the_fast_one_cannot(avss_root: Path) -> None:
    path = avss_root / V2 / 'frames/2.jpg'
    Image.fromarray(random_image('x', 1)).save(path, format='PNG')
    content = bytearray(path.read_bytes())
    content[600:700] = bytes(100)
    path.write_bytes(content)
    AVSSDataset(avss_root, 'train')
    message = error_of(lambda: AVSSDataset(avss_root, 'train', check='full'))
    assert 'broken image' in message
    assert str(path) in message
