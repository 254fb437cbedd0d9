"""Fixtures that several test folders use: a run with a toy network on toy clips."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tool_fixtures import tool  # noqa: F401  a fixture

ROOT = Path(__file__).resolve().parents[1]
TOY_FOLDER = ROOT / 'tests' / 'test_engine'
sys.path.insert(0, str(TOY_FOLDER))  # for `toy`, which a config imports by name


def pytest_configure() -> None:
    """Let signals act as in a terminal; a shell lets what runs in the background ignore them."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_finish() -> None:
    """What was imported stays: not looking through it saves half a second of each collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def give_memory_back(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test with full-size networks: the C library keeps GBs of what was freed otherwise."""
    yield
    if request.node.get_closest_marker('slow') and sys.platform == 'linux':
        gc.collect()
        trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)  # not in every C library
        if trim is not None:
            trim(0)


@pytest.fixture
def toy_config(tmp_path: Path) -> Path:
    """A config file for the toy network of test_engine/toy.py, three epochs of four steps."""
    path = tmp_path / 'toy.py'
    path.write_text((TOY_FOLDER / 'toy_config.py.txt').read_text().replace('ROOT', str(ROOT)))
    return path


@pytest.fixture
def run_script(tmp_path: Path):
    """Run a script of the repository in `tmp_path`; returns the finished process."""

    def run(*arguments: str, timeout: float = 240, **environment: str):
        variables = {**os.environ, 'PYTHON': sys.executable, 'OMP_NUM_THREADS': '1'}
        variables['PYTHONPATH'] = f'{ROOT}{os.pathsep}{TOY_FOLDER}'
        variables.update(environment)
        command = [str(arguments[0]), *map(str, arguments[1:])]
        if command[0].endswith('.sh'):
            command = ['bash', str(ROOT / command[0]), *command[1:]]
        elif command[0] == 'python':
            command[0] = sys.executable
        elif command[0].endswith('.py'):
            command = [sys.executable, str(ROOT / command[0]), *command[1:]]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture(scope='session')
def custom_data():
    """A function that makes a folder of small videos and their masks."""
    from video_clips import SIZE, tone, write_video

    def make(root: Path, seconds: int = 5, classes: int | None = None) -> Path:
        for number, name in enumerate(('train/a', 'train/b', 'val/a', 'test/a')):
            video = root / 'videos' / f'{name}.mp4'
            video.parent.mkdir(parents=True, exist_ok=True)
            write_video(video, 4 * seconds, tone([300 + 300 * number] * seconds), rate=4)
            mask = np.zeros(SIZE, np.uint8)
            mask[: SIZE[0] // 2] = 255 if classes is None else classes - 1
            mask[-4:] = 0 if classes is None else 1
            for second in range(1, seconds + 1):
                path = root / 'masks' / name / f'{second}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(path)
        return root

    return make
