"""Build, test and time the CUDA operators on this machine's GPU, and write the figures.

Each part runs in a process of its own under a time limit; what goes wrong in one is recorded and
does not stop the others. `tools/gpu_check.sh` starts this.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
GPU_TESTS = 'ops/tests/test_cuda.py'
# Every kernel, all types, idle lanes, several rounds and bands, samples outside; a few minutes.
SANITIZER_TESTS = (
    'test_values_and_gradients or test_head_widths or test_numbers_of_points or test_far_outside '
    'or test_level_shapes or test_nothing_to_do'
)
SANITIZER_ERROR = 86  # exit code that the sanitizer gives when it finds something
TAIL_LINES = 15  # of a part's output, kept beside its result


@dataclass
class Part:
    """One thing to do.

    Attributes:
        name: of the part.
        command: words; empty where it can't be run here.
        limit: seconds after which it is stopped.
        environment: variables beside the present ones.
        figures: makes the part's figures once the command has ended well; what it raises makes
            the part fail.
        absent: why there is nothing to run.
        unusable: text by which a failed command says that it can't work on this machine.
    """

    name: str
    command: list[str]
    limit: float
    environment: dict[str, str] = field(default_factory=dict)
    figures: Callable[[], Any] | None = None
    absent: str = ''
    unusable: str = ''


@dataclass
class Outcome:
    """What became of a part: 'passed', 'failed' or 'absent' (not a failure), and why."""

    name: str
    status: str
    seconds: float
    detail: str = ''
    figures: Any = None
    tail: list[str] = field(default_factory=list)


def main() -> int:
    """Run the parts that were asked for; the exit code."""
    args = parse_arguments()
    trouble = missing_gpu()
    if trouble:
        print(f'gpu_check: {trouble}', file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix='gpu_check_') as folder:
        parts = [make(Path(folder)) for name, make in PARTS.items() if name in args.parts]
        report = {'date': now(), 'machine': describe_machine()}
        outcomes = run_parts(parts)
    report['environment'] = environment()
    report['parts'] = [asdict(outcome) for outcome in outcomes]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=2) + '\n', encoding='utf-8')
    print(f'\n{table(outcomes)}\nfigures: {args.out}')
    return 1 if any(outcome.status == 'failed' for outcome in outcomes) else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--out', type=Path, default=ROOT / 'work_dir' / 'gpu_check.json')
    parser.add_argument('--parts', choices=PARTS, nargs='+', default=list(PARTS))
    return parser.parse_args()


def missing_gpu() -> str:
    """Why nothing can be checked here; empty where it can."""
    try:
        import torch
    except ModuleNotFoundError:
        return f'nothing checked: {sys.executable} has no PyTorch'
    if torch.version.cuda is None:
        return f'nothing checked: PyTorch {torch.__version__} is built without CUDA'
    if not torch.cuda.is_available():
        return f'nothing checked: PyTorch {torch.__version__} finds no GPU here'
    return ''


def build_part(folder: Path) -> Part:
    """The library, for this GPU unless TORCH_CUDA_ARCH_LIST says otherwise."""
    import torch

    major, minor = torch.cuda.get_device_capability()
    architectures = os.environ.get('TORCH_CUDA_ARCH_LIST', '').strip() or f'{major}.{minor}'
    return Part(
        'build',
        ['bash', 'ops/make.sh'],
        limit=1800,
        environment={
            'AVSBENCH_OPS_CUDA': '1',
            'AVSBENCH_OPS_OPTIONAL': '0',
            'TORCH_CUDA_ARCH_LIST': architectures,
            'PYTHON': sys.executable,
        },
        figures=lambda: {'architectures': architectures},
    )


def tests_part(folder: Path) -> Part:
    """The operators' tests on the GPU."""
    command, figures = pytest_command(folder / 'tests.xml')
    return Part('tests', command, limit=1200, figures=figures)


def sanitizer_part(tool: str) -> Callable[[Path], Part]:
    """Some of the tests under a tool of compute-sanitizer."""

    def make(folder: Path) -> Part:
        command, figures = pytest_command(folder / f'{tool}.xml', '-k', SANITIZER_TESTS)
        program = shutil.which('compute-sanitizer')
        sanitizer = [str(program), '--tool', tool, '--error-exitcode', str(SANITIZER_ERROR)]
        # Each tensor an allocation of its own, so that an access past its end is detected.
        return Part(
            tool,
            [*sanitizer, '--target-processes', 'all', *command],
            limit=1800,
            environment={'PYTORCH_NO_CUDA_MEMORY_CACHING': '1'},
            figures=figures,
            absent='' if program else 'compute-sanitizer is not installed',
            unusable='Device not supported',
        )

    return make


def benchmark_part(folder: Path) -> Part:
    """The operators against PyTorch's own."""
    path = folder / 'benchmark.json'
    return Part(
        'benchmark',
        [sys.executable, 'tools/benchmark.py', 'ops_cuda', '--json', str(path)],
        limit=1800,
        environment={'AVSBENCH_OPS': 'cuda'},
        figures=lambda: json.loads(path.read_text()),
    )


def training_part(name: str, config: str, size: int) -> Callable[[Path], Part]:
    """Training steps of AVSegFormer under AMP, with and without torch.compile."""

    def make(folder: Path) -> Part:
        path = folder / f'{name}.json'
        options = ['--config', config, '--size', str(size), '--json', str(path)]
        return Part(
            name,
            [sys.executable, 'tools/benchmark.py', 'train_step', *options],
            limit=1800,
            environment={'AVSBENCH_OPS': 'cuda'},
            figures=lambda: json.loads(path.read_text()),
        )

    return make


PARTS: dict[str, Callable[[Path], Part]] = {
    'build': build_part,
    'tests': tests_part,
    'memcheck': sanitizer_part('memcheck'),
    'racecheck': sanitizer_part('racecheck'),
    'benchmark': benchmark_part,
    'train_demo': training_part('train_demo', 's4/demo.py', 64),
    'train_pvt2': training_part('train_pvt2', 's4/pvt2.py', 224),
}


def pytest_command(report: Path, *options: str) -> tuple[list[str], Callable[[], dict[str, int]]]:
    """The GPU tests, and what reads their numbers; without one that ran they have not passed."""
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-rs', GPU_TESTS]

    def figures() -> dict[str, int]:
        suite = next(ElementTree.parse(report).iter('testsuite'))
        counts = {name: int(suite.get(name, 0)) for name in ('tests', 'failures', 'errors')}
        counts['skipped'] = int(suite.get('skipped', 0))
        if counts['tests'] == counts['skipped']:
            raise RuntimeError(f'all of {counts["tests"]} tests were skipped')
        return counts

    return [*command, f'--junitxml={report}', *options], figures


def run_parts(parts: list[Part]) -> list[Outcome]:
    """Run each part, whatever became of those before it."""
    outcomes = []
    for part in parts:
        print(f'== {part.name}', flush=True)
        outcome = run_part(part)
        print(f'== {part.name}: {outcome.status} {outcome.detail}'.rstrip(), flush=True)
        outcomes.append(outcome)
    return outcomes


def run_part(part: Part) -> Outcome:
    """Run a part's command, show what it prints, and judge it."""
    if part.absent:
        return Outcome(part.name, 'absent', 0.0, part.absent)
    start = time.monotonic()
    code, lines = run_command(part)
    seconds = round(time.monotonic() - start, 1)
    outcome = Outcome(part.name, 'failed', seconds, tail=lines[-TAIL_LINES:])
    if code is None:
        outcome.detail = f'stopped after its limit of {part.limit:.0f} s'
    elif code == SANITIZER_ERROR:
        outcome.detail = 'compute-sanitizer found errors'
    elif code != 0:
        outcome.detail = f'exit code {code}'
        if part.unusable and any(part.unusable in line for line in lines):
            outcome.status, outcome.detail = 'absent', part.unusable
    else:
        outcome.status = 'passed'
    if outcome.status == 'passed' and part.figures is not None:
        try:
            outcome.figures = part.figures()
        except Exception as error:  # recorded, as any other failure of a part
            outcome.status, outcome.detail = 'failed', f'{type(error).__name__}: {error}'
    return outcome


def run_command(part: Part) -> tuple[int | None, list[str]]:
    """Exit code (None: stopped at the limit) and lines of output, which are printed as well."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get('PYTHONPATH'))))
    environment = {**os.environ, 'PYTHONPATH': path, 'PYTHONUNBUFFERED': '1', **part.environment}
    with tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace') as output:
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
            code = process.wait(part.limit)
        except subprocess.TimeoutExpired:
            code = None
            stop_group(process)
        except BaseException:
            stop_group(process)
            raise
        output.seek(0)
        text = output.read()
    print(text, end='', flush=True)
    return code, text.splitlines()


def stop_group(process: subprocess.Popen) -> None:
    """End a part that still runs, with the compilers and workers that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def table(outcomes: list[Outcome]) -> str:
    """What is printed at the end."""
    lines = [f'{"part":12s} {"result":8s} {"seconds":>8s}']
    lines += [f'{o.name:12s} {o.status:8s} {o.seconds:8.1f}  {o.detail}'.rstrip() for o in outcomes]
    return '\n'.join(lines)


def describe_machine() -> dict[str, Any]:
    """The GPU and what drives it."""
    import torch

    properties = torch.cuda.get_device_properties(0)
    return {
        'gpu': properties.name,
        'gpus': torch.cuda.device_count(),
        'compute_capability': f'{properties.major}.{properties.minor}',
        'multiprocessors': properties.multi_processor_count,
        'memory_bytes': properties.total_memory,
        'l2_cache_bytes': properties.L2_cache_size,
        'driver': first_line('nvidia-smi', '--query-gpu=driver_version', '--format=csv,noheader'),
        'nvcc': first_line('nvcc', '--version', last=True),
        'cpu_cores': os.cpu_count(),
        'platform': platform.platform(),
        'python': platform.python_version(),
        'torch': torch.__version__,
        'torch_cuda': torch.version.cuda,
    }


def environment() -> dict[str, Any]:
    """The toolbox's own report, or why there is none."""
    command = [sys.executable, '-m', 'avsbench.utils.env']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        return {'error': done.stderr.strip().splitlines()[-1:]}
    return json.loads(done.stdout)


def first_line(*command: str, last: bool = False) -> str | None:
    """First (or last) line that a command prints; None if it can't be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.strip().splitlines()
    return lines[-1 if last else 0] if lines else None


def now() -> str:
    """UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec='seconds')


if __name__ == '__main__':
    sys.exit(main())
