"""Maskiges in data sets: found, checked before anything starts, loaded, packed."""

import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SIZE
from PIL import Image

from avsbench.commands.main import run_avsbench
from avsbench.datasets import AVSSDataset, MS3Dataset, S4Dataset
from avsbench.datasets.transforms import LoadMaskiges
from avsbench.maskiges import PALETTE, save_maskige
from avsbench.media.faults import BrokenFileError
from avsbench.utils.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]
LOAD = [dict(type='LoadClip'), dict(type='LoadMaskiges')]
PIPELINE = [*LOAD, dict(type='PackAVSInputs')]
AVSS = [
    dict(type='LoadClip'),
    dict(type='ClipResize', size=(224, 224)),
    dict(type='LoadMaskiges', size=(224, 224)),
    dict(type='PackAVSInputs'),
]


def values_of(path: str, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Other pixel values for each file."""
    rng = np.random.default_rng(sum(path.encode()))
    return rng.integers(0, 150, size, dtype=np.uint8)


def write_maskiges(root: Path, kind: type, size: tuple[int, int] = SIZE) -> list[str]:
    """Maskiges of all clips, in their order."""
    paths = [
        path
        for split in ('train', 'val', 'test')
        for info in kind(str(root), split, check='off').clip_infos()
        for path in info['maskige_paths']
    ]
    for path in paths:
        save_maskige(path, values_of(path, size), 'x')
    return paths


@pytest.mark.parametrize(('kind', 'tree'), [(S4Dataset, 's4_root'), (MS3Dataset, 'ms3_root')])
def test_maskiges_follow_the_frames(kind: type, tree: str, request) -> None:
    root = request.getfixturevalue(tree)
    write_maskiges(root, kind)
    for split in ('train', 'val', 'test'):
        dataset = kind(str(root), split, pipeline=PIPELINE)
        frames = dataset[0]['inputs']['frames']
        info = dataset.get_data_info(0)
        assert frames.shape == (5, 6, *SIZE)
        for frame, path, maskige in zip(
            frames, info['frame_paths'], info['maskige_paths'], strict=True
        ):
            image = np.asarray(Image.open(path).convert('RGB'))
            assert (frame[:3].numpy().transpose(1, 2, 0) == image).all()
            colours = PALETTE[values_of(maskige)]
            assert (frame[3:].numpy().transpose(1, 2, 0) == colours).all()


def test_maskiges_of_cut_frames(avss_root: Path) -> None:
    write_maskiges(avss_root, AVSSDataset, (224, 224))
    lengths = set()
    for split in ('train', 'val', 'test'):
        for clip in AVSSDataset(str(avss_root), split, pipeline=AVSS):
            frames = clip['inputs']['frames']
            assert frames.shape[1:] == (6, 224, 224)
            lengths.add(len(frames))
    assert lengths == {5, 10}


def test_without_the_transform_nothing_is_looked_for(s4_root: Path) -> None:
    pipeline = [step for step in PIPELINE if step['type'] != 'LoadMaskiges']
    dataset = S4Dataset(str(s4_root), 'train', pipeline=pipeline)
    assert dataset[0]['inputs']['frames'].shape == (5, 3, *SIZE)


@pytest.mark.parametrize('check', ['fast', 'full'])
def test_missing_ones_stop_before_the_start(s4_root: Path, check: str) -> None:
    with pytest.raises(DataError) as caught:
        S4Dataset(str(s4_root), 'train', pipeline=PIPELINE, check=check)
    text = str(caught.value)
    assert '2 of 2 clips cannot be used' in text
    assert 'missing Maskige: 10 in 2 clips' in text and '... and 5 more' in text
    assert 's4_data/pre_SAM_mask/train/dog_barking/-a_1/-a_1_1_mask_color.png: no such' in text
    command = f'data maskiges s4 --data-root {s4_root} --source superpixels'
    assert f'python -m avsbench {command}' in text
    assert 'is data_root' not in text


def test_the_named_command_fixes_it(s4_root: Path, monkeypatch) -> None:
    with pytest.raises(DataError) as caught:
        S4Dataset(str(s4_root), 'train', pipeline=PIPELINE)
    line = next(line for line in str(caught.value).splitlines() if 'To make what is miss' in line)
    words = line.split('python -m avsbench ')[1].split()
    monkeypatch.setattr(sys, 'argv', ['avsbench', *words, '--workers', '0'])
    assert not run_avsbench()
    assert len(S4Dataset(str(s4_root), 'train', pipeline=PIPELINE, check='full')) == 2


@pytest.mark.parametrize('check', ['fast', 'full'])
def test_broken_ones_and_wrong_sizes(s4_root: Path, check: str) -> None:
    cut, large, *_ = write_maskiges(s4_root, S4Dataset)
    Path(cut).write_bytes(Path(cut).read_bytes()[:200])
    save_maskige(large, np.zeros((224, 224), np.uint8), 'x')
    with pytest.raises(DataError) as caught:
        S4Dataset(str(s4_root), 'train', pipeline=PIPELINE, check=check)
    text = str(caught.value)
    assert 'broken Maskige: 2 in 1 clips' in text
    assert cut in text and f'{large}: 224 x 224 pixels, expected 32 x 24' in text
    assert '`avsbench data maskiges`, which replaces files that are not whole' in text


def test_the_size_of_cut_frames_is_checked(avss_root: Path) -> None:
    write_maskiges(avss_root, AVSSDataset)
    with pytest.raises(DataError, match='32 x 24 pixels, expected 224 x 224'):
        AVSSDataset(str(avss_root), 'val', pipeline=AVSS)


def test_one_that_vanishes_later_stops_the_run(s4_root: Path) -> None:
    paths = write_maskiges(s4_root, S4Dataset)
    dataset = S4Dataset(str(s4_root), 'train', pipeline=PIPELINE)
    Path(paths[3]).unlink()
    with pytest.raises(BrokenFileError, match='no such file.*avsbench data maskiges') as caught:
        dataset[0]
    assert caught.value.kind == 'missing Maskige'
    save_maskige(paths[3], np.zeros((5, 5), np.uint8), 'x')
    with pytest.raises(BrokenFileError, match='5 x 5 pixels, expected 32 x 24'):
        dataset[0]


def test_check_dataset_names_the_command(
    s4_root: Path, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture
) -> None:
    config = tmp_path / 'combo.py'
    config.write_text(
        f"_base_ = '{ROOT}/config/_base_/datasets/s4_combo.py'\ndefault_scope = 'avsbench'\n"
    )
    words = ['check_dataset.py', str(config), '--data-root', str(s4_root)]
    monkeypatch.setattr(sys, 'argv', words)
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(ROOT / 'tools' / 'check_dataset.py'), run_name='__main__')
    assert caught.value.code == 1
    text = capsys.readouterr().out
    assert text.count('missing Maskige: 5 in 1 clips') == 2
    assert f'python -m avsbench data maskiges s4 --data-root {s4_root} --source' in text


def clip(**more: object) -> dict:
    return {
        'img_shape': SIZE,
        'ori_shape': SIZE,
        'frame_paths': ['a'],
        'maskige_paths': ['nowhere.png'],
        **more,
    }


@pytest.mark.parametrize(
    ('results', 'words'),
    [
        ({'maskige_paths': []}, 'must come after LoadClip'),
        (clip(flip=False), 'must come before ClipRandomFlip'),
        (clip(img_shape=(12, 16)), r'images are \(24, 32\).*place of the pipeline \(12, 16\)'),
    ],
)
def test_wrong_places_in_the_pipeline(results: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        LoadMaskiges().transform(results)


def test_frame_selection_keeps_the_right_ones(s4_root: Path) -> None:
    paths = write_maskiges(s4_root, S4Dataset)
    pipeline = [*LOAD, dict(type='KeepAnnotatedFrames'), dict(type='PackAVSInputs')]
    late = [LOAD[0], dict(type='KeepAnnotatedFrames'), LOAD[1], PIPELINE[-1]]
    for steps in (pipeline, late):
        frames = S4Dataset(str(s4_root), 'train', pipeline=steps)[0]['inputs']['frames']
        assert frames.shape == (1, 6, *SIZE)
        colours = PALETTE[values_of(paths[0])]
        assert (frames[0, 3:].numpy().transpose(1, 2, 0) == colours).all()


def test_unused_maskiges_are_not_checked(s4_root: Path) -> None:
    write_maskiges(s4_root, S4Dataset)
    shutil.rmtree(s4_root / 's4_data/pre_SAM_mask/val')
    assert len(S4Dataset(str(s4_root), 'val', check='full')) == 1
