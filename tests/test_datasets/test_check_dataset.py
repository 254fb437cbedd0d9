"""tools/check_dataset.py as a command."""

import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dataset_trees import make_avss, make_s4
from video_trees import (
    write_a2d,
    write_davis,
    write_moca,
    write_vspw,
    write_youtube_objects,
    write_youtube_vos,
)

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tools' / 'check_dataset.py'


@pytest.fixture(scope='module')
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('healthy')
    make_s4(folder)
    make_avss(folder)
    return folder


@pytest.fixture
def s4_copy(healthy: Path, tmp_path: Path, run: Callable) -> Path:
    return Path(shutil.copytree(healthy / 'Single-source', tmp_path / 'Single-source'))


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> Callable[..., tuple[int, str]]:
    """The command in `tmp_path`, in this process: (exit code, what it printed)."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', ['check_dataset.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(SCRIPT), run_name='__main__')
        return caught.value.code, ''.join(capsys.readouterr())

    return call


def test_as_a_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, 's4'], cwd=tmp_path, capture_output=True, timeout=120
    )
    assert done.returncode == 1
    assert b'data/Single-source/s4_meta_data.csv: no such file' in done.stdout
    assert b'Traceback' not in done.stderr


def test_healthy_tree_by_config(healthy: Path, tmp_path: Path, run: Callable) -> None:
    config = ROOT / 'config/s4/pvt2.py'
    code, text = run(config, '--data-root', healthy / 'Single-source')
    assert code == 0, text
    assert 'train: 2 clips; 10 frames (2 annotated); log-mel stored for 0, from wav for 2' in text
    assert 'test: 1 clips; 5 frames (5 annotated)' in text
    assert 'every clip can be used' in text
    assert 'warning' not in text
    assert not list(tmp_path.iterdir())


def test_full_check_fills_the_cache(healthy: Path, tmp_path: Path, run: Callable) -> None:
    code, text = run('avss', '--data-root', healthy / 'AVSS', '--full')
    assert code == 0, text
    assert '1 v1s, 1 v2; 2 index' in text
    assert len(list((tmp_path / 'data/cache/log_mel').iterdir())) == 4


def test_faults_of_all_splits_are_listed(s4_copy: Path, run: Callable) -> None:
    (s4_copy / 's4_data/gt_masks/val/dog_barking/c/c_2.png').unlink()
    frame = s4_copy / 's4_data/visual_frames/test/dog_barking/d/d_1.png'
    frame.write_bytes(frame.read_bytes()[:100])
    code, text = run('s4', '--data-root', s4_copy)
    assert code == 1
    val, test = text[text.index('val:') : text.index('test:')], text[text.index('test:') :]
    assert 'missing file: 1 in 1 clips' in val
    assert 'c_2.png' in val
    assert 'data_root' in val
    assert 'broken image: 1 in 1 clips' in test
    assert 'd_1.png' in test
    assert 'NOT every clip can be used' in test


def test_a_clip_in_two_splits_is_a_warning(s4_copy: Path, run: Callable) -> None:
    data = s4_copy / 's4_data'
    for kind in ('visual_frames', 'gt_masks'):
        shutil.copytree(data / kind / 'val/dog_barking/c', data / kind / 'test/dog_barking/c')
    shutil.copy(data / 'audio_wav/val/dog_barking/c.wav', data / 'audio_wav/test/dog_barking')
    csv = s4_copy / 's4_meta_data.csv'
    csv.write_text(csv.read_text() + 'c,0,dog_barking,test\n')
    code, text = run('s4', '--data-root', s4_copy)
    assert code == 0
    assert (
        'warning: 1 clips are in more than one split by their name: val dog_barking/c = test '
        'dog_barking/c' in text
    )
    assert 'first frame' not in text
    _, text = run('s4', '--data-root', s4_copy, '--full')
    assert 'more than one split by their first frame: val dog_barking/c = test' in text


VIDEO_CONFIG = """
subset = 'davis'
data_root = {davis!r}
train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(type='DAVISDataset', data_root=data_root, split='train'),
            dict(type='YouTubeVOSDataset', data_root={ytvos!r}, split='train'),
        ],
    )
)
val_dataloader = dict(
    dataset=dict(type='DAVISDataset', data_root=data_root, split='val', test_mode=True)
)
test_dataloader = dict(
    dataset=dict(type='A2DDataset', data_root={a2d!r}, split='test', test_mode=True)
)
"""


def test_video_sets(tmp_path: Path, run: Callable) -> None:
    """Joined data sets come one by one; videos, not windows, are counted and compared."""
    splits = {'train': ['bear', 'cow'], 'val': ['dog']}
    davis = write_davis(tmp_path / 'DAVIS', {'bear': 8, 'cow': 4, 'dog': 3}, splits)
    ytvos = write_youtube_vos(tmp_path / 'YTVOS', {'a': 7})
    a2d = write_a2d(tmp_path / 'A2D', {'b': (10, (5, 10), 1)})
    config = tmp_path / 'config.py'
    config.write_text(VIDEO_CONFIG.format(davis=str(davis), ytvos=str(ytvos), a2d=str(a2d)))
    code, text = run(config)
    assert code == 0, text
    assert 'train (davis): 2 videos; 12 clips; 12 frames (12 annotated)\n' in text
    assert 'train (youtube_vos): 1 videos; 2 clips; 7 frames (7 annotated)\n' in text
    assert 'val: 1 videos; 3 clips; 3 frames (3 annotated)\n' in text
    assert 'test: 1 videos; 2 clips; 10 frames (2 annotated)\n' in text
    assert 'warning' not in text and 'log-mel' not in text
    (davis / 'val_seqs.txt').write_text('dog\nbear\n')
    (davis / 'JPEGImages/480p/bear/00003.jpg').unlink()
    code, text = run(config)
    assert code == 1
    assert '  1 videos cannot be used:\n  missing file: 1 in 1 videos' in text
    assert 'warning: 1 videos are in more than one split by their name: train (davis) bear' in text


BOX = "0,/crab/00000.jpg,\"[2,4,0,5,3]\",{'1': '0'}"
BY_NAME = [
    (
        'davis',
        lambda root: write_davis(root, {'a': 3, 'b': 2}, {'train': 'a', 'val': 'b'}),
        'train: 1',
    ),
    ('youtube_vos', lambda root: write_youtube_vos(root, {'a': 7}), 'train: 1 videos; 2 clips; 7'),
    (
        'youtube_objects',
        lambda root: write_youtube_objects(root, {'cat/data/1/shots/1': (13, (1, 11))}),
        'test (val): 1 videos; 2 clips; 13 frames (2 annotated)',
    ),
    ('moca', lambda root: write_moca(root, {'crab': 4}, [BOX]), 'test (val): 1 videos; 1 clips; 4'),
    (
        'a2d',
        lambda root: write_a2d(root, {'a': (9, (2, 7), 0), 'b': (9, (2, 7), 1)}),
        'val (test): 1 videos; 2 clips; 9 frames (2 annotated)',
    ),
    (
        'vspw',
        lambda root: write_vspw(root, {'v': [1, 2], 'w': [3]}, {'train': ['v'], 'val': ['w']}),
        'val: 1 videos; 1 clips; 1 frames (1 annotated)',
    ),
]


@pytest.mark.parametrize(('subset', 'write', 'words'), BY_NAME)
def test_video_sets_by_name(
    subset: str, write: Callable, words: str, tmp_path: Path, run: Callable
) -> None:
    code, text = run(subset, '--data-root', write(tmp_path / 'data'))
    assert code == 0 and words in text, text


def test_missing_root_and_split(s4_copy: Path, run: Callable) -> None:
    code, text = run('s4')
    assert code == 1
    assert text.count('data/Single-source/s4_meta_data.csv: no such file') == 3
    csv = s4_copy / 's4_meta_data.csv'
    csv.write_text(csv.read_text().replace(',val', ',valid'))
    code, text = run('s4', '--data-root', s4_copy)
    assert code == 1
    assert "no clips of split 'val'; did you mean 'valid'?" in text
    assert 'test: 1 clips' in text


@pytest.mark.parametrize(
    ('target', 'words'),
    [
        ('s5', "one of 's4', 'ms3', 'avss', 'custom', 'davis'"),
        ('s5', "did you mean 's4'?"),
        ('config/s4/pvt3.py', 'pvt3.py'),
        (ROOT / 'config/_base_/default_runtime.py', 'no train_, val_ or test_dataloader'),
    ],
)
def test_wrong_target(run: Callable, target: object, words: str) -> None:
    code, text = run(target)
    assert code == 2
    assert words in text
    assert 'Traceback' not in text
