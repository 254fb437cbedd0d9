"""tools/bundle.py: what a training was is packed, checked, and done again."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from avsbench.reproduction.archive import pack, unpack

TRUST = '--trust-config'


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A finished work dir of the toy, made once."""
    root = Path(__file__).resolve().parents[2]
    folder = tmp_path_factory.mktemp('trained')
    text = (root / 'tests/test_engine/toy_config.py.txt').read_text().replace('ROOT', str(root))
    (folder / 'toy.py').write_text(text)
    toy = str(root / 'tests/test_engine')
    environment = {'PYTHONPATH': f'{root}:{toy}', 'PATH': '/usr/bin:/bin', 'OMP_NUM_THREADS': '1'}
    command = [sys.executable, str(root / 'train.py'), 's4', 'toy.py', '--work-dir', 'run']
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / 'run'


@pytest.fixture
def archive(tool, trained, tmp_path):
    path = tmp_path / 'toy.zip'
    done = tool('bundle', 'pack', trained, '--out', path)
    assert done.code == 0, done.err
    assert f'{path.stat().st_size} bytes, SHA-256' in done.out
    return path


def change(path, target, **parts):
    """Pack a bundle anew with some of its parts changed."""
    bundle = unpack(path)
    for name, content in parts.items():
        getattr(bundle, name).update(content)
    pack(bundle, target)
    return target


def test_pack(tool, trained, archive, tmp_path):
    done = tool('bundle', 'pack', trained, '--out', archive)
    assert done.code == 2 and 'pass --overwrite' in done.err
    assert tool('bundle', 'pack', trained, '--out', archive, '--overwrite').code == 0
    assert tool('bundle', 'pack', trained, '--out', tmp_path / 'a.tar').code == 2
    done = tool('bundle', 'pack', tmp_path, '--out', tmp_path / 'a.zip')
    assert done.code == 2 and 'no folder bundle in it' in done.err
    names = zipfile.ZipFile(archive).namelist()
    assert len(names) == 6 and all(name.endswith('.json') for name in names)


def test_half_a_training_is_not_packed_unless_asked(tool, trained, tmp_path):
    half = shutil.copytree(trained, tmp_path / 'half')
    path = half / 'bundle' / 'run.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | {'finished': False}))
    words = ('bundle', 'pack', half, '--out', tmp_path / 'a.zip')
    done = tool(*words)
    assert done.code == 2 and 'has not finished' in done.err
    assert tool(*words, '--unfinished').code == 0


def test_check(tool, trained, archive, tmp_path):
    done = tool('bundle', 'check', archive, TRUST)
    assert done.code == 0, done.err
    assert 's4, toy.py, seed 0, 1 process(es)' in done.out and '3 epochs, 12 iterations' in done.out
    assert 'data: the same' in done.out and 'the bundle has no hashes of its files' in done.out
    other = change(
        archive,
        tmp_path / 'other.zip',
        environment={'torch': '1.0', 'packages': {'numpy': '1.0'}},
        data={'train_dataloader': {'clips': 9}},
        run={'weight_files': [{'file': 'nowhere.pth', 'bytes': 1, 'sha256': 'abc'}]},
    )
    done = tool('bundle', 'check', other, TRUST)
    assert done.code == 1
    assert "torch: '1.0' then" in done.out and "packages.numpy: '1.0' then" in done.out
    assert 'train_dataloader: clips: 9 then, 8 now' in done.out
    assert 'nowhere.pth: not here; its SHA-256 is abc' in done.out
    assert tool('bundle', 'check', trained, TRUST).code == 0  # a work dir


def test_a_config_of_strangers_runs_nothing(tool, archive, tmp_path, monkeypatch):
    """Without trust, no module that it names is imported."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'evil.py').write_text('open("ran", "w").close()\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    evil = change(archive, tmp_path / 'evil.zip', config={'custom_imports': {'imports': ['evil']}})
    for words in (('check', evil), ('run', evil, '--work-dir', tmp_path / 'again')):
        done = tool('bundle', *words)
        assert done.code == 2 and 'custom_imports: imports or reads other files' in done.err
        assert "model.type: 'ToyNet' is no module of the toolbox" in done.err
    assert not (tmp_path / 'ran').exists() and not (tmp_path / 'again').exists()


def test_changed_words_need_no_trust(tool, archive, tmp_path, monkeypatch):
    """What the user writes is the user's; what the bundle says elsewhere still counts."""
    other = change(archive, tmp_path / 'a.zip', config={'log_level': '/theirs'})
    assert "log_level: '/theirs' may lead out" in tool('bundle', 'check', other).err
    words = ('--cfg-options', 'log_level=/mine')
    error = tool('bundle', 'check', other, *words).err
    assert 'log_level' not in error and 'custom_imports' in error


@pytest.mark.slow
def test_run(run_script, archive, tmp_path):
    done = run_script('tools/bundle.py', 'run', archive, TRUST, '--work-dir', 'again')
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'loss: 3 points, equal to the last digit' in done.stdout
    assert 'mIoU: 3 points, equal to the last digit' in done.stdout
    assert 'reproduced: tolerance 0.02' in done.stdout
    done = run_script('tools/bundle.py', 'run', archive, TRUST, '--work-dir', 'again')
    assert done.returncode == 2 and 'holds a training already' in done.stderr
    words = ('--cfg-options', 'optim_wrapper.optimizer.lr=0.5', '--work-dir', 'other')
    done = run_script('tools/bundle.py', 'run', archive, TRUST, *words)
    assert done.returncode == 1 and 'NOT reproduced' in done.stdout
    assert 'outside of the tolerance from epoch 1 on' in done.stdout


def test_run_refuses_other_data(tool, archive, tmp_path):
    other = change(archive, tmp_path / 'a.zip', data={'train_dataloader': {'clips': 9}})
    done = tool('bundle', 'run', other, TRUST, '--work-dir', tmp_path / 'again')
    assert done.code == 2 and '--any-data trains in spite of that' in done.err
    assert tool('bundle', 'run', other, '--tolerance', '2', '--work-dir', 'x').code == 2
