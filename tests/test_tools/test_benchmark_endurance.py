"""Memory of a long training: what is measured, and when it is too much."""

import argparse
import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def endurance():
    """The module of tools/benchmarks."""
    sys.path.insert(0, str(ROOT / 'tools'))
    yield importlib.import_module('benchmarks.endurance')
    sys.path.remove(str(ROOT / 'tools'))


def test_one_jump_is_no_slope(endurance) -> None:
    assert endurance.slope([(100 * i, 50.0 + 3 * (i >= 5)) for i in range(30)]) == 0
    assert endurance.slope([(100 * i, 50.0 + i) for i in range(30)]) == pytest.approx(0.01)


@pytest.mark.parametrize(('leak', 'code'), [(0.0, 0), (0.004, 1)])
def test_a_leak_fails(endurance, monkeypatch, capsys, leak, code) -> None:
    found = [(step, 1000 + leak * step) for step in range(100, 5001, 100)]
    monkeypatch.setattr(endurance, 'train', lambda folder, args: found)
    args = argparse.Namespace(config='s4/demo.py', threads=1, json=None)
    assert endurance.run(args) == code
    assert f'{1000 * leak:+.2f} MiB in a thousand steps' in capsys.readouterr().out


@pytest.mark.slow
def test_memory_of_a_real_training_is_looked_at(endurance, tmp_path) -> None:
    args = argparse.Namespace(config='s4/demo.py', steps=6, every=2)
    found = endurance.train(tmp_path, args)
    assert [step for step, _ in found] == [2, 4, 6, 8]  # whole epochs of four steps
    assert all(100 < size < 8000 for _, size in found)


def test_figures_that_can_not_be_written_are_noticed_before_the_work(run_script, tmp_path) -> None:
    (tmp_path / 'file').touch()
    done = run_script('python', ROOT / 'tools/benchmark.py', 'endurance', '--json', 'file/a.json')
    assert done.returncode == 2
    assert 'can not be used as folder of the figures (is a file)' in done.stderr
