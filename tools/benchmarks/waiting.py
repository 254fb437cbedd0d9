"""How OpenMP's threads should wait for each other: spinning or asleep, on idle and on busy cores.

Training steps of a small network (`tools/benchmark.py train_step`), in processes of their own since
OpenMP reads its settings once. The policies take turns; in the busy half another process computes
on one core all the time. `avsbench` sets the policy that this measurement chose.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from avsbench.processes.program import environment_of
from benchmarks.harness import header
from benchmarks.rows import append_row, describe, read_rows

POLICIES = {
    'default': {},
    'active': {'OMP_WAIT_POLICY': 'ACTIVE'},
    'passive': {'OMP_WAIT_POLICY': 'PASSIVE'},
}
SETTINGS = ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')
ENDLESS = 'while True: pass'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py waiting`."""
    parser.add_argument('--config', default='s4/demo.py', help='default: %(default)s')
    parser.add_argument('--clips', type=int, help="of a step; default: the config's batch size")
    parser.add_argument('--steps', type=int, default=10, help='of each process')
    parser.add_argument('--rounds', type=int, default=3, help='processes of each policy')
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--json', type=Path, help='append the results there, a line each')


def run(args: argparse.Namespace) -> int:
    """Measure all policies on idle and on busy cores, and print a line for each."""
    header(args.threads)
    for cores in ('idle', 'busy'):
        found: dict[str, list[float]] = {policy: [] for policy in POLICIES}
        with busy_core() if cores == 'busy' else nullcontext():
            for _ in range(args.rounds):
                for policy, setting in POLICIES.items():
                    found[policy].append(milliseconds_of_step(args, setting))
        base = statistics.median(found['default'])
        for policy, times in found.items():
            middle = statistics.median(times)
            print(
                f'{cores} cores, {policy}: {middle:.0f} ms per step ({min(times):.0f} to '
                f'{max(times):.0f}), {base / middle:.2f} times the speed of the default',
                flush=True,
            )
            row = {'kind': 'waiting', 'config': args.config, 'cores': cores, 'policy': policy}
            append_row(args.json, {**row, **describe('cpu'), 'step_ms': times})
    return 0


def milliseconds_of_step(args: argparse.Namespace, setting: dict[str, str]) -> float:
    """The median step of a new process with these environment variables."""
    inherited = {name: value for name, value in environment_of().items() if name not in SETTINGS}
    environment = {**inherited, **setting, 'OMP_NUM_THREADS': str(args.threads)}
    command = [sys.executable, sys.argv[0], 'train_step', '--config', args.config]
    command += ['--precision', 'fp32', '--variants', 'operator', '--steps', str(args.steps)]
    if args.clips is not None:
        command += ['--clips', str(args.clips)]
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / 'rows.jsonl'
        subprocess.run(
            [*command, '--json', str(rows)],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        (row,) = read_rows([rows])
    return row['step_ms']


@contextmanager
def busy_core() -> Iterator[subprocess.Popen]:
    """Another process computes until the end of the block."""
    with subprocess.Popen([sys.executable, '-c', ENDLESS]) as process:
        try:
            yield process
        finally:
            process.kill()
