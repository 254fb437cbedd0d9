"""The wheel and the sdist: what is in them, and that the wheel alone trains and marks a video."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
BUILD = 'from setuptools import build_meta; print(build_meta.build_{}({!r}))'
SHORT = (
    '--cfg-options train_cfg.max_epochs=1 train_dataloader.batch_size=2 '
    'train_dataloader.dataset.indices=4 val_dataloader.dataset.indices=1 '
    'default_hooks.logger.interval=1'
)


def lines_of(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def build(kind: str, source: Path, out: Path) -> Path:
    """Build a wheel or an sdist with the setuptools of the tests, which needs no network."""
    out.mkdir(exist_ok=True)
    command = [sys.executable, '-c', BUILD.format(kind, str(out))]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope='module')
def checkout(tmp_path_factory) -> Path:
    """What a build reads, without what earlier ones have left."""
    target = tmp_path_factory.mktemp('checkout') / 'avsbench'
    leave = shutil.ignore_patterns('__pycache__', '*.egg-info')
    for name in ('avsbench', 'config', 'demo', 'tools'):
        shutil.copytree(ROOT / name, target / name, ignore=leave)
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy(path, target)
    return target


@pytest.fixture(scope='module')
def sdist(checkout, tmp_path_factory) -> Path:
    return build('sdist', checkout, tmp_path_factory.mktemp('sdist'))


@pytest.fixture(scope='module')
def wheel(sdist, tmp_path_factory) -> Path:
    """Built from the sdist, as pip does where there is no wheel."""
    folder = tmp_path_factory.mktemp('wheel')
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter='data')
    (source,) = folder.iterdir()
    return build('wheel', source, folder / 'dist')


@pytest.fixture(scope='module')
def environment(wheel, tmp_path_factory) -> Path:
    """The `bin` of an environment with the wheel and, behind it, the packages of the tests."""
    folder = tmp_path_factory.mktemp('environment')
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', folder], check=True)
    python = folder / 'bin' / 'python'
    words = ['--no-deps', '--no-index', '--ignore-installed', '--disable-pip-version-check']
    pip = [sys.executable, '-m', 'pip', '--python', python, 'install', '-q', *words, wheel]
    subprocess.run(pip, check=True)
    (packages,) = folder.glob('lib/python*/site-packages')
    (packages / 'tests.pth').write_text(sysconfig.get_path('purelib'))
    return folder / 'bin'


@pytest.fixture
def call(environment, tmp_path):
    """Run the installed `avsbench` outside the checkout; what it prints."""
    variables = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}

    def run(*words: object) -> str:
        done = subprocess.run(
            [environment / 'avsbench', *map(str, words)],
            cwd=tmp_path,
            env={**variables, 'OMP_NUM_THREADS': '1'},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_contents(sdist, wheel) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    configs = {str(path.relative_to(ROOT / 'config')) for path in ROOT.glob('config/**/*.py')}
    start = 'avsbench/packaged_configs/'
    assert {name.removeprefix(start) for name in names if name.startswith(start)} == configs
    assert {'avsbench/py.typed', 'avsbench/synthetic/README.md'} <= names
    assert {'avsbench/weights/index.yaml', 'avsbench/CITATION.cff'} <= names
    outside = {name.split('/')[0] for name in names if not name.startswith('avsbench/')}
    assert all(name.endswith('.dist-info') for name in outside)
    with tarfile.open(sdist) as archive:
        inside = {name.partition('/')[2] for name in archive.getnames()}
    assert {f'config/{name}' for name in configs} <= inside
    assert {'train.sh', 'train.py', 'tools/synthetic.py', 'setup.py', 'requirements.txt'} <= inside


@pytest.mark.slow
def test_wheel_trains_and_marks_a_video(call, tmp_path) -> None:
    from video_clips import tone, write_video  # the others need no PyTorch

    assert 's4/demo' in call('list').splitlines()
    clips = '--train 4 --val 1 --test 1 --workers 1'.split()
    call('synthetic', 'clips', '--subset', 's4', '--out', 'data/synthetic', *clips)
    call('train', 's4', 's4/demo', '--amp', 'off', *SHORT.split())
    (checkpoint,) = tmp_path.glob('work_dir/s4/demo/epoch_1.pth')
    log = next(tmp_path.glob('work_dir/s4/demo/*/*.log')).read_text()
    assert len(re.findall(r'Epoch\(train\)', log)) == 2
    write_video(tmp_path / 'clip.mp4', 10, tone([440, 0]), rate=5)
    report = call('video', 'clip.mp4', '--weights', checkpoint, '--out', 'marked.mp4')
    assert '10 frames, 2 masks' in report
    assert all((tmp_path / f'marked.{kind}').is_file() for kind in ('mp4', 'csv', 'png'))


def test_constraints_allow_what_is_required() -> None:
    pins = dict(line.split('==') for line in lines_of('constraints.txt'))
    dev = re.search(r'^dev = (\[.*?^\])', (ROOT / 'pyproject.toml').read_text(), re.M | re.S)
    needed = lines_of('requirements.txt') + ast.literal_eval(dev[1])
    for requirement in map(Requirement, needed):
        pin = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin), f'{requirement} against {pin}'


def test_original_packages_replace_the_forks() -> None:
    given, original = set(lines_of('requirements.txt')), set(lines_of('requirements-original.txt'))
    assert {line.split('>')[0] for line in given - original} == {
        'onedl-mmengine',
        'onedl-mmcv',
        'onedl-mmsegmentation',
    }
    assert {line.split('==')[0] for line in original - given} == {
        'mmengine',
        'mmcv-lite',
        'mmsegmentation',
    }
