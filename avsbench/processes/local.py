"""Several processes on this machine, which end together.

torchrun does much the same, but it gives its processes 30 seconds when it is told to end, passes
SIGUSR1 on to none of them, and prints the errors of all.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

from avsbench.processes.signals import Interrupted, handled
from avsbench.utils.exits import LAUNCHED, RECORD

GRACE = 10.0
"""Seconds in which the other processes may end by themselves after one has failed."""
POLL = 0.1


class LocalProcesses:
    """Runs one command in several processes.

    They find each other as torchrun's do (RANK, WORLD_SIZE, MASTER_ADDR, ...). A signal is passed
    on to all. When one fails, the others get a few seconds and are then killed; the error of
    the one that failed first is printed last.

    Args:
        command: Program and arguments.
        count: How many processes.
    """

    def __init__(self, command: list[str], count: int) -> None:
        self._command = command
        self._count = count
        self._processes: list[subprocess.Popen] = []
        self._signal = 0

    def run(self) -> int:
        """Start, wait for the end, print the first error; the exit code, 0 if all succeeded."""
        from torch.distributed import TCPStore  # takes seconds, which a single process is spared

        store = TCPStore('127.0.0.1', 0, is_master=True, wait_for_workers=False)
        with tempfile.TemporaryDirectory(prefix='avsbench_') as folder, handled(self._pass_on):
            try:
                for rank in range(self._count):
                    self._start(rank, store.port, self._record(folder, rank))
                killed = self._wait()
            finally:
                self._kill()
            return self._conclude(folder, killed)

    def _start(self, rank: int, port: int, record: Path) -> None:
        threads = str(max(1, (os.cpu_count() or 1) // self._count))
        defaults = {'OMP_NUM_THREADS': threads, 'MKL_NUM_THREADS': threads}
        environment = defaults | dict(os.environ)
        environment |= {
            LAUNCHED: '1',
            RECORD: str(record),
            'RANK': str(rank),
            'LOCAL_RANK': str(rank),
            'WORLD_SIZE': str(self._count),
            'LOCAL_WORLD_SIZE': str(self._count),
            'MASTER_ADDR': '127.0.0.1',
            'MASTER_PORT': str(port),
            'TORCHELASTIC_USE_AGENT_STORE': 'True',  # the store is in this process
        }
        # In a session of its own: what a terminal sends to its group is passed on only once.
        self._processes.append(
            subprocess.Popen(self._command, env=environment, start_new_session=True)
        )
        if self._signal:  # came before this one was started
            self._processes[-1].send_signal(self._signal)

    def _wait(self) -> set[int]:
        """Wait for the end; the ranks that had to be killed."""
        deadline = None
        while any(process.poll() is None for process in self._processes):
            if deadline is None and any(process.poll() for process in self._processes):
                deadline = time.monotonic() + GRACE
            if deadline is not None and time.monotonic() > deadline:
                return self._kill()
            time.sleep(POLL)
        return set()

    def _kill(self) -> set[int]:
        """Kill those that still run, with the workers of their loaders; their ranks."""
        running = {rank for rank, process in enumerate(self._processes) if process.poll() is None}
        for process in self._processes:
            if process.returncode is None or process.returncode < 0:  # its workers may live on
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        for process in self._processes:
            process.wait()
        return running

    def _conclude(self, folder: str, killed: set[int]) -> int:
        """Print why the processes have failed, if they have; the exit code of the cause."""
        codes = [process.returncode for process in self._processes]
        if self._signal and {128 + self._signal, -self._signal} & set(codes):
            print(Interrupted(self._signal), file=sys.stderr)
            return 128 + self._signal
        failed = [rank for rank, code in enumerate(codes) if code and rank not in killed]
        if not failed:
            return 0
        # One that was killed from outside left no record, but made the others fail.
        shot = [rank for rank in failed if codes[rank] < 0]
        records = {rank: self._read(folder, rank) for rank in failed}
        rank = shot[0] if shot else min(failed, key=lambda rank: records[rank]['time'])
        if shot:
            name = signal.Signals(-codes[rank]).name
            hint = ' (is the memory full?)' if codes[rank] == -signal.SIGKILL else ''
            print(f'error: process {rank} was ended by {name}{hint}', file=sys.stderr)
        elif records[rank]['message']:
            text = f'{records[rank]["traceback"]}error: {records[rank]["message"]}'
            print(text, file=sys.stderr)
        return codes[rank] if codes[rank] > 0 else 128 - codes[rank]

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._signal = self._signal or number
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)

    @staticmethod
    def _record(folder: str, rank: int) -> Path:
        return Path(folder, f'{rank}.json')

    def _read(self, folder: str, rank: int) -> dict:
        try:
            return json.loads(self._record(folder, rank).read_text(encoding='utf-8'))
        except (OSError, ValueError):  # it said itself what was wrong, as argparse does
            return {'message': '', 'traceback': '', 'time': float('inf')}
