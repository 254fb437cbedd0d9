"""tools/benchmark.py waiting: what each process is told, and what is printed of them."""

import argparse
import importlib
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture
def waiting(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module('benchmarks.waiting')


@pytest.fixture
def args(waiting: ModuleType, tmp_path: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    waiting.add_arguments(parser)
    words = ['--rounds', '2', '--clips', '1', '--threads', '2', '--json', str(tmp_path / 'rows')]
    return parser.parse_args(words)


def test_processes_get_the_policy_alone(args, waiting, monkeypatch) -> None:
    monkeypatch.setenv('OMP_WAIT_POLICY', 'ACTIVE')
    monkeypatch.setenv('GOMP_SPINCOUNT', '7')
    seen = []

    def stand_in(command: list[str], env: dict[str, str], **_: object) -> None:
        seen.append((command, env))
        Path(command[command.index('--json') + 1]).write_text(json.dumps({'step_ms': 12.5}))

    monkeypatch.setattr(subprocess, 'run', stand_in)
    for setting in waiting.POLICIES.values():
        assert waiting.milliseconds_of_step(args, setting) == 12.5
    policies = [env.get('OMP_WAIT_POLICY') for _, env in seen]
    assert policies == [None, 'ACTIVE', 'PASSIVE']
    assert all('GOMP_SPINCOUNT' not in env and env['OMP_NUM_THREADS'] == '2' for _, env in seen)
    assert all(command[-4:-2] == ['--clips', '1'] for command, _ in seen)


def test_speed_is_told_against_the_default(args, waiting, monkeypatch, capsys) -> None:
    busy = []

    def stand_in(_: argparse.Namespace, setting: dict[str, str]) -> float:
        slow = busy == [True] and setting != waiting.POLICIES['passive']
        return 400.0 if slow else 100.0

    @contextmanager
    def busy_core() -> Iterator[None]:
        busy.append(True)
        yield
        busy.append(False)

    monkeypatch.setattr(waiting, 'milliseconds_of_step', stand_in)
    monkeypatch.setattr(waiting, 'busy_core', busy_core)
    assert waiting.run(args) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if ' per step ' in line]
    assert len(lines) == 6 and busy == [True, False]
    assert lines[2] == (
        'idle cores, passive: 100 ms per step (100 to 100), 1.00 times the speed of the default'
    )
    assert lines[5].startswith('busy cores, passive: 100 ms per step') and ' 4.00 times' in lines[5]
    rows = [json.loads(line) for line in args.json.read_text().splitlines()]
    assert [row['cores'] for row in rows] == ['idle'] * 3 + ['busy'] * 3


def test_the_core_is_busy_until_the_end_of_the_block(waiting) -> None:
    with waiting.busy_core() as process:
        assert process.poll() is None
    assert process.poll() is not None
