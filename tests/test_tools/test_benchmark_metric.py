import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools'


@pytest.fixture(scope='module')
def harness():
    sys.path.insert(0, str(TOOLS))
    try:
        return importlib.import_module('benchmarks.harness')
    finally:
        sys.path.remove(str(TOOLS))


def run_benchmark(*words, **environment):
    return subprocess.run(
        [sys.executable, str(TOOLS / 'benchmark.py'), *words],
        env={**os.environ, 'OMP_NUM_THREADS': '1', **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def spin(steps):
    return lambda: sum(range(steps))


def test_metric_benchmark_finds_equal_values_and_keeps_its_goals():
    process = run_benchmark('metric', '--rounds', '1', '--size', '64', '--frames', '4')
    assert process.returncode == 0, process.stdout + process.stderr
    for kind in ('fscore', 'avss'):
        assert f'{kind}: 4 frames, 64 px, float32, threads 1' in process.stdout
    assert process.stdout.count('error 0, allowed 0: same') == 2
    assert process.stdout.count('must       15x: met') == 1
    assert 'allocator GLIBC_TUNABLES=(not set' in process.stdout


def test_allocator_is_pinned_and_printed():
    words = ('--allocator', 'tuned', 'metric', '--kind', 'fscore', '--rounds', '1', '--size', '64')
    process = run_benchmark(*words, GLIBC_TUNABLES='glibc.malloc.top_pad=1')
    assert process.returncode == 0, process.stdout + process.stderr
    assert 'allocator GLIBC_TUNABLES=glibc.malloc.hugetlb=1' in process.stdout


def test_compare_measures_a_ratio(harness, capsys):
    result = harness.compare('sum', spin(200_000), spin(20_000), rounds=3, must=2, stretch=1000)
    assert 4 < result.ratio < 25 and len(result.ratios) == 3 and result.ok
    assert harness.exit_code([result]) == 0
    out = capsys.readouterr().out
    assert 'must       2x: met' in out and 'stretch    1000x: NOT met' in out


def test_missed_must_and_other_values_fail(harness, capsys):
    slow = harness.compare('slow', spin(10), spin(100_000), rounds=1, must=1)
    other = harness.compare('other', lambda: 1.0, lambda: 1.5, rounds=1, check=lambda a, b: b - a)
    nan = harness.compare(
        'nan', lambda: 0, lambda: 0, rounds=1, check=lambda a, b: float('nan'), tolerance=1
    )
    assert not (slow.ok or other.ok or nan.ok)
    assert harness.exit_code([slow]) == harness.exit_code([other]) == 1
    out = capsys.readouterr().out
    assert 'FAILED: slow: the must is missed' in out
    assert 'FAILED: other: the values differ' in out and 'DIFFERENT' in out


def test_tolerance_admits_small_errors(harness):
    result = harness.compare(
        'near', lambda: 1.0, lambda: 1.1, rounds=1, check=lambda a, b: b - a, tolerance=0.2
    )
    assert result.ok and result.error == pytest.approx(0.1)


def test_variants_take_turns_with_an_untimed_call_each(harness):
    calls = []
    harness.compare(
        'turns',
        lambda: calls.append('b'),
        lambda: calls.append('c'),
        rounds=2,
        check=lambda a, b: 0.0,
    )
    assert ''.join(calls) == 'bc' + 'bbcc' * 2


def test_one_callable_may_be_both_variants(harness):
    call = spin(100)
    assert len(harness.compare('same', call, call, rounds=2).ratios) == 2


def test_quartiles(harness):
    assert harness.quartiles([4, 1, 2, 3]) == (1.75, 2.5, 3.25)
    assert harness.quartiles([5.0]) == (5.0, 5.0, 5.0)


@pytest.mark.parametrize('arguments', [dict(rounds=0), dict(clock='sun')])
def test_arguments_are_checked(harness, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        harness.compare('x', spin(1), spin(1), **arguments)
