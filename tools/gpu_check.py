"""Build, test and time everything on this machine's GPU, and write each figure as it comes.

Each part runs in a process of its own under a time limit; what goes wrong in one is recorded and
does not stop the others. `tools/gpu_check.sh` starts this; docs/benchmarks/README.md describes it.
"""

import argparse
import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from gpu_check_parts import PARTS, ROOT, SANITIZER_ERROR, Part, Setting

STAGES = (1, 2)
NO_BUDGET = 1800.0  # seconds that a part may take where nothing limits the whole
LEAST = 5.0  # seconds: with less left, no part is begun
TAIL_LINES = 15  # of a part's output, printed, and kept beside its result


@dataclass
class Outcome:
    """What became of a part.

    Attributes:
        name: Of the part.
        status: 'passed', 'failed', 'absent' (can't be run here, or needn't: no failure) or 'late'
            (not begun, as no time was left).
        seconds: That it took.
        detail: Why.
        figures: What it measured; of a failed part, what it had written before.
        tail: Last lines of its output.
    """

    name: str
    status: str
    seconds: float = 0.0
    detail: str = ''
    figures: Any = None
    tail: list[str] = field(default_factory=list)


class Report:
    """Everything known so far, in `report.json` at every moment.

    Args:
        folder: Where to write it.
        head: What was measured, and how.
    """

    def __init__(self, folder: Path, head: dict[str, Any]) -> None:
        self.path = folder / 'report.json'
        self.head = head
        self.outcomes: list[Outcome] = []
        self.write(complete=False)

    def add(self, outcome: Outcome) -> None:
        """Take a part's outcome in."""
        self.outcomes.append(outcome)
        self.write(complete=False)

    def write(self, *, complete: bool) -> None:
        """Replace the file at once, so that it is whole whenever the machine goes away."""
        parts = [asdict(outcome) for outcome in self.outcomes]
        text = json.dumps({**self.head, 'complete': complete, 'parts': parts}, indent=2)
        whole = self.path.with_suffix('.tmp')
        whole.write_text(text + '\n', encoding='utf-8')
        whole.replace(self.path)


def main() -> int:
    """Run the parts that were asked for; the exit code."""
    start = time.monotonic()
    args = parse_arguments()
    trouble = missing_torch() or ('' if args.dry_run else missing_gpu())
    if trouble:
        print(f'gpu_check: {trouble}', file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the part that runs, too
    folder = args.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    library = args.library and args.library.resolve()
    brief = args.budget is not None
    setting = Setting(folder, library, args.wheels, brief=brief, dry=args.dry_run)
    parts = [part for part in (make(setting) for make in PARTS) if wanted(part, args)]
    head = {
        'date': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'commit': args.commit or first_line('git', '-C', str(ROOT), 'rev-parse', 'HEAD'),
        'stage': args.stage,
        'budget': args.budget,
        'dry_run': args.dry_run,
        'machine': describe_machine(gpu=not args.dry_run),
    }
    report = Report(folder, head)
    run_parts(parts, report, None if args.budget is None else start + args.budget)
    report.write(complete=True)
    print(f'\n{table(report.outcomes)}\nfigures: {report.path}')
    return 1 if any(outcome.status in ('failed', 'late') for outcome in report.outcomes) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    names = [make(Setting(Path(), None, None)).name for make in PARTS]
    add = parser.add_argument
    add('--out', type=Path, default=ROOT / 'work_dir' / 'gpu_check', help='folder of the figures')
    add('--stage', type=int, choices=STAGES, help='half of the parts; default: all')
    add('--parts', choices=names, nargs='+', metavar='PART', help=f'some of: {" ".join(names)}')
    add('--budget', type=float, metavar='SECONDS', help='for the whole run')
    add('--dry-run', action='store_true', help='without a GPU: what can run on the CPU, small')
    add('--wheels', type=Path, metavar='FOLDER', help='packages to install from, without a network')
    add('--library', type=Path, metavar='FILE', help='_library.so to try before building one')
    add('--commit', help="default: the checkout's, where it has git's files")
    args = parser.parse_args()
    for path in (args.wheels, args.library):
        if path is not None and not path.exists():
            parser.error(f'{path} does not exist')
    return args


def wanted(part: Part, args: argparse.Namespace) -> bool:
    """Whether to run a part: named, of the stage, or the packages without which none would run."""
    if part.name == 'wheels':
        return args.wheels is not None
    if args.parts:
        return part.name in args.parts
    return args.stage is None or part.stage in (None, args.stage)


def missing_torch() -> str:
    """Why nothing can be checked without it; empty where it is there."""
    there = importlib.util.find_spec('torch')
    return '' if there else f'nothing checked: {sys.executable} has no PyTorch'


def missing_gpu() -> str:
    """Why nothing can be checked here; empty where it can."""
    import torch

    if torch.version.cuda is None:
        return f'nothing checked: PyTorch {torch.__version__} is built without CUDA'
    if not torch.cuda.is_available():
        return f'nothing checked: PyTorch {torch.__version__} finds no GPU here'
    return ''


def run_parts(parts: list[Part], report: Report, deadline: float | None) -> None:
    """Run each part, whatever became of those before it, as long as there is time."""
    passed: set[str] = set()
    for part in parts:
        left = NO_BUDGET if deadline is None else deadline - time.monotonic()
        print(f'== {part.name}', flush=True)
        if part.absent or part.instead in passed:
            why = part.absent or f'not needed: {part.instead!r} passed'
            outcome = Outcome(part.name, 'absent', detail=why)
        elif left < LEAST:
            outcome = Outcome(part.name, 'late', detail='no time left')
        else:
            limit = left if deadline is None else min(left, part.limit)
            outcome = run_part(part, limit, report.path.parent / 'log.txt')
        if outcome.status == 'passed':
            passed.add(part.name)
        report.add(outcome)
        print(f'== {part.name}: {outcome.status} {outcome.detail}'.rstrip(), flush=True)


def run_part(part: Part, limit: float, log: Path) -> Outcome:
    """Run a part's command within `limit` seconds, show the end of its output, and judge it."""
    for stale in part.writes:
        stale.unlink(missing_ok=True)
    start = time.monotonic()
    code, lines = run_command(part, limit, log)
    seconds = round(time.monotonic() - start, 1)
    outcome = Outcome(part.name, 'failed', seconds, tail=lines[-TAIL_LINES:])
    if not part.shows:
        print('\n'.join(outcome.tail), flush=True)
    if code is None:
        outcome.detail = f'stopped after {limit:.0f} s'
    elif code == SANITIZER_ERROR:
        outcome.detail = 'compute-sanitizer found errors'
    elif code != 0:
        outcome.detail = f'exit code {code}'
        if part.unusable and any(part.unusable in line for line in lines):
            outcome.status, outcome.detail = 'absent', part.unusable
    else:
        outcome.status = 'passed'
    if part.figures is not None:
        try:
            outcome.figures = part.figures(lines)
        except Exception as error:  # recorded, as any other failure of a part
            if outcome.status == 'passed':
                outcome.status, outcome.detail = 'failed', f'{type(error).__name__}: {error}'
    return outcome


def run_command(part: Part, limit: float, log: Path) -> tuple[int | None, list[str]]:
    """Exit code (None: stopped at the limit) and lines of output, appended to the log as they come.

    The part's processes end with it, and with this one.
    """
    environment = {**os.environ, 'PYTHONUNBUFFERED': '1', 'MPLBACKEND': 'Agg', **part.environment}
    with log.open('ab') as output:
        output.write(f'== {part.name}: {" ".join(part.command)}\n'.encode())
        output.flush()
        begin = output.tell()
        try:
            process = subprocess.Popen(
                part.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return 127, [str(error)]
        try:
            code = wait_for(process, limit, Lines(log, begin) if part.shows else None)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            stop_group(process)
    with log.open('rb') as written:
        written.seek(begin)
        return code, written.read().decode(errors='replace').splitlines()


class Lines:
    """The lines that are added to a file, printed when they are whole.

    Args:
        path: The file.
        begin: Bytes before the first line.
    """

    def __init__(self, path: Path, begin: int) -> None:
        self.path = path
        self.place = begin

    def show(self) -> None:
        """Print those since the last call."""
        with self.path.open('rb') as file:
            file.seek(self.place)
            whole, newline, _ = file.read().rpartition(b'\n')
        if newline:
            self.place += len(whole) + 1
            print(whole.decode(errors='replace'), flush=True)


def wait_for(process: subprocess.Popen, limit: float, lines: Lines | None) -> int:
    """The exit code of a process; its lines are printed meanwhile.

    Raises:
        subprocess.TimeoutExpired: After `limit` seconds.
    """
    if lines is None:
        return process.wait(limit)
    end = time.monotonic() + limit
    try:
        while True:
            left = end - time.monotonic()
            try:
                return process.wait(min(1.0, max(0.0, left)))
            except subprocess.TimeoutExpired:
                if left <= 0:
                    raise
            lines.show()
    finally:
        lines.show()


def stop_group(process: subprocess.Popen) -> None:
    """End what is left of a part, with the compilers and workers that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def table(outcomes: list[Outcome]) -> str:
    """What is printed at the end."""
    lines = [f'{"part":12s} {"result":8s} {"seconds":>8s}']
    lines += [f'{o.name:12s} {o.status:8s} {o.seconds:8.1f}  {o.detail}'.rstrip() for o in outcomes]
    return '\n'.join(lines)


def describe_machine(*, gpu: bool) -> dict[str, Any]:
    """The processor and what runs on it, and the GPU and what drives it."""
    import torch

    return {
        **(describe_gpu() if gpu else {}),
        'cpu_cores': os.cpu_count(),
        'platform': platform.platform(),
        'python': platform.python_version(),
        'torch': torch.__version__,
        'torch_cuda': torch.version.cuda,
    }


def describe_gpu() -> dict[str, Any]:
    """The first GPU and what drives it."""
    import torch

    properties = torch.cuda.get_device_properties(0)
    query = ('nvidia-smi', '--format=csv,noheader')
    return {
        'gpu': properties.name,
        'gpus': torch.cuda.device_count(),
        'compute_capability': f'{properties.major}.{properties.minor}',
        'multiprocessors': properties.multi_processor_count,
        'memory_bytes': properties.total_memory,
        'l2_cache_bytes': properties.L2_cache_size,
        'driver': first_line(*query, '--query-gpu=driver_version'),
        'most_mhz': first_line(*query, '--query-gpu=clocks.max.sm'),
        'nvcc': first_line('nvcc', '--version', last=True),
    }


def first_line(*command: str, last: bool = False) -> str | None:
    """First (or last) line that a command prints; None if it can't be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[-1 if last else 0] if lines else None


if __name__ == '__main__':
    sys.exit(main())
