"""The parts of `tools/gpu_check.py`: what each runs, and where its figures come from."""

import csv
import importlib.util
import json
import os
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OPERATORS = ROOT / 'ops' / 'avsbench_ops'
SITE = ROOT / 'work_dir' / 'gpu_check_site'  # of the packages that --wheels brings
DEMO = ROOT / 'work_dir' / 'gpu_check_demo'
GPU_TESTS = 'ops/tests/test_cuda.py'
DRY_TESTS = 'ops/tests/test_ops_library.py'  # what a dry run has in their place
NEEDS_GPU = 'it needs a GPU'
# Of the networks and clips in a dry run.
DRY_STEP = '--size 64 --clips 1 --frames 2 --steps 1'
# Every kernel and type, samples outside, nothing to do; under a sanitizer a minute or two.
SANITIZER_TESTS = ('test_values_and_gradients', 'test_far_outside', 'test_nothing_to_do')
# Idle lanes, several rounds: some minutes more, where there is no budget.
MORE_SANITIZER_TESTS = ('test_head_widths', 'test_numbers_of_points', 'test_level_shapes')
SANITIZER_ERROR = 86  # exit code that the sanitizer gives when it finds something
SECTIONS = (  # of Nsight Compute's report
    'SpeedOfLight',
    'Occupancy',
    'WarpStateStats',
    'SchedulerStats',
    'LaunchStats',
    'MemoryWorkloadAnalysis',
)
END_SECONDS = 20  # that a benchmark stops before its limit, to end by itself


@dataclass(frozen=True)
class Setting:
    """What the parts depend on.

    Attributes:
        folder: Where figures are written.
        library: A built `_library.so` to try, or None.
        wheels: A folder of packages to install, or None.
        brief: Whether there is a budget, so that long parts do less.
        dry: Whether to run on the CPU, with small networks and clips, what can run there.
    """

    folder: Path
    library: Path | None = None
    wheels: Path | None = None
    brief: bool = False
    dry: bool = False

    @property
    def path(self) -> dict[str, str]:
        """The variable that lets the operators be those of the device, and no others."""
        return {'AVSBENCH_OPS': 'auto' if self.dry else 'cuda'}


@dataclass
class Part:
    """One thing to do.

    Attributes:
        name: Of the part.
        command: Words; empty where it can't be run here.
        limit: Seconds after which it is stopped, where the whole run has a budget.
        stage: 1 or 2; None: of both.
        environment: Variables beside the present ones.
        figures: From the lines of output to the part's figures, once the command has ended; what it
            raises makes a part fail that ended well.
        writes: Files that hold figures, removed before the command runs.
        instead: Name of the part that makes this one needless, if it passed.
        absent: Why there is nothing to run.
        unusable: Text by which a failed command says that it can't work on this machine.
        shows: Whether each line of output is printed as it comes, and not the last ones at the end.
    """

    name: str
    command: list[str]
    limit: float
    stage: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    figures: Callable[[list[str]], Any] | None = None
    writes: tuple[Path, ...] = ()
    instead: str = ''
    absent: str = ''
    unusable: str = ''
    shows: bool = False

    def __post_init__(self) -> None:
        paths = (str(SITE), str(ROOT), os.environ.get('PYTHONPATH'))
        self.environment = {
            'PYTHONPATH': os.pathsep.join(filter(None, paths)),
            'PYTHON': sys.executable,
            **self.environment,
        }


def wheels(setting: Setting) -> Part:
    """The packages that this machine lacks and can't fetch."""
    files = sorted(str(path) for path in setting.wheels.glob('*.whl')) if setting.wheels else []
    options = ['--no-index', '--no-deps', '--no-compile', '--upgrade', '--target', str(SITE)]
    return Part(
        'wheels',
        [sys.executable, '-m', 'pip', 'install', '-q', *options, *files],
        limit=60,
        absent='' if files else f'no wheels in {setting.wheels or "(no --wheels)"}',
    )


def environment(setting: Setting) -> Part:
    """Versions, and whether the toolbox can be imported at all."""
    return Part(
        'environment',
        [sys.executable, '-m', 'avsbench.utils.env'],
        limit=40,
        figures=lambda lines: json.loads('\n'.join(lines[lines.index('{') :])),
    )


def library(setting: Setting) -> Part:
    """A library built before, for this PyTorch: called once on the GPU."""
    return Part(
        'library',
        [sys.executable, 'tools/probe_operators.py', str(setting.library)]
        + ['--device', 'cpu'] * setting.dry,
        limit=40,
        absent='' if setting.library else 'no --library',
    )


def build(setting: Setting) -> Part:
    """The library, for this GPU unless TORCH_CUDA_ARCH_LIST says otherwise."""
    architectures = os.environ.get('TORCH_CUDA_ARCH_LIST', '').strip() or capability()
    return Part(
        'build',
        ['bash', 'ops/make.sh'],
        limit=240,
        environment={
            'AVSBENCH_OPS_CUDA': '0' if setting.dry else '1',
            'AVSBENCH_OPS_OPTIONAL': '0',
            'TORCH_CUDA_ARCH_LIST': architectures,
        },
        figures=lambda lines: {'architectures': architectures},
        instead='library',
        # A dry run does not replace a library that may have the CUDA kernels.
        absent='it is there' if setting.dry and any(OPERATORS.glob('_library*.so')) else '',
    )


def capability() -> str:
    """That of the GPU, as TORCH_CUDA_ARCH_LIST names it; '' where there is none."""
    if importlib.util.find_spec('torch') is None:
        return ''
    import torch

    if not torch.cuda.is_available():
        return ''
    return '{}.{}'.format(*torch.cuda.get_device_capability())


def tests(setting: Setting) -> Part:
    """The operators' tests on the GPU."""
    workers = ['-n', '4'] if importlib.util.find_spec('xdist') else []
    return pytest_part('tests', setting, workers, limit=130, stage=1)


def pytest_part(
    name: str, setting: Setting, options: list[str], before: tuple[str, ...] = (), **rest: Any
) -> Part:
    """The GPU tests, and what reads their numbers; without one that ran they have not passed."""
    report = setting.folder / f'{name}.xml'
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-rsfE']
    command.append(DRY_TESTS if setting.dry else GPU_TESTS)

    def figures(lines: list[str]) -> dict[str, int]:
        suite = next(ElementTree.parse(report).iter('testsuite'))
        counts = {key: int(suite.get(key, 0)) for key in ('tests', 'failures', 'errors')}
        counts['skipped'] = int(suite.get('skipped', 0))
        if counts['tests'] == counts['skipped']:
            raise RuntimeError(f'all of {counts["tests"]} tests were skipped')
        return counts

    command = [*before, *command, f'--junitxml={report}', *options]
    return Part(name, command, figures=figures, writes=(report,), **rest)


def benchmark(setting: Setting) -> Part:
    """The operators against PyTorch's own."""
    path = setting.folder / 'benchmark.json'
    rounds = ['--rounds', '15'] if setting.brief else []
    return Part(
        'benchmark',
        [sys.executable, 'tools/benchmark.py', 'ops_cuda', '--json', str(path), *rounds],
        limit=100,
        stage=1,
        environment=setting.path,
        figures=lambda lines: json.loads(path.read_text()),
        writes=(path,),
        absent=NEEDS_GPU if setting.dry else '',
        shows=True,
    )


def steps(
    name: str, limit: float, stage: int, *options: str, variants: tuple[str, ...] = ('operator',)
) -> Callable[[Setting], Part]:
    """Training steps of the systems, as `tools/benchmark.py train_step` measures them."""

    def make(setting: Setting) -> Part:
        path = setting.folder / f'{name}.jsonl'
        budget = ['--budget', str(limit - END_SECONDS)] if setting.brief else []
        command = [sys.executable, 'tools/benchmark.py', 'train_step', '--json', str(path)]
        command += [*options, '--steps', '6', '--variants', *variants]
        if setting.dry:
            configs = sorted(path.name for path in (ROOT / 'config' / 's4').glob('?*_demo.py'))
            command += ['--config', *(f's4/{config}' for config in configs), *DRY_STEP.split()]
            command += ['--backend', 'eager', '--precision', 'fp32']
        return Part(
            name,
            [*command, *budget],
            limit=limit,
            stage=stage,
            environment=setting.path,
            figures=lambda lines: [json.loads(line) for line in path.read_text().splitlines()],
            writes=(path,),
            shows=True,
        )

    return make


def data(setting: Setting) -> Part:
    """The synthetic data that config/s4/demo.py trains on."""
    target = ROOT / 'data' / 'synthetic' / 'Single-source' / 'MANIFEST.sha256'
    options = '--subset s4 --preset default --size 64 --seed 0 --out data/synthetic --overwrite'
    workers = str(min(14, os.cpu_count() or 1))
    return Part(
        'data',
        [sys.executable, 'tools/synthetic.py', 'clips', *options.split(), '--workers', workers],
        limit=60,
        absent='it is there' if target.exists() else '',
    )


def demo(name: str, limit: float, stage: int, *options: str) -> Callable[[Setting], Part]:
    """A whole training of the small network."""

    def make(setting: Setting) -> Part:
        command = ['bash', 'train.sh', 's4', 'config/s4/demo.py', '--work-dir', f'{DEMO}/{name}']
        command.append('--overwrite')  # an earlier check's
        command += [*options, *loaders('train', 'val')]
        if setting.dry:
            command += ['train_cfg.max_epochs=1', 'optim_wrapper.optimizer.lr=1.0e-3']
        return Part(name, command, limit, stage)

    return make


def demo_test(setting: Setting) -> Part:
    """The test of what `demo` trained."""
    command = ['bash', 'test.sh', 's4', 'config/s4/demo.py', f'{DEMO}/demo/best_mIoU.pth']
    result = DEMO / 'demo' / 'results' / 'test.json'
    return Part(
        'demo_test',
        [*command, '--work-dir', f'{DEMO}/demo', *loaders('test')],
        limit=40,
        stage=1,
        figures=lambda lines: json.loads(result.read_text()),
        writes=(result,),
    )


def loaders(*splits: str) -> list[str]:
    """Options for as many workers as the machine feeds."""
    workers = min(12, max(1, (os.cpu_count() or 1) - 2))
    return ['--cfg-options', *(f'{split}_dataloader.num_workers={workers}' for split in splits)]


def profile(setting: Setting) -> Part:
    """The operator's kernels in Nsight Compute: time, stalls, caches, occupancy."""
    path = setting.folder / 'profile.csv'
    program = shutil.which('ncu')
    ncu = [str(program), '--clock-control', 'none', '--target-processes', 'all', '--csv']
    ncu += ['--kernel-name-base', 'demangled', '-k', 'regex:avsbench', '--log-file', str(path)]
    ncu += [word for section in SECTIONS for word in ('--section', section)]
    once = 'tools/benchmark.py ops_cuda --once --size 224 --frames 40 --kinds bfloat16'
    return Part(
        'profile',
        [*ncu, sys.executable, *once.split()],
        limit=60,
        stage=1,
        environment=setting.path,
        figures=lambda lines: read_profile(path),
        writes=(path,),
        absent=NEEDS_GPU if setting.dry else '' if program else 'ncu is not installed',
    )


def read_profile(path: Path) -> list[dict[str, str]]:
    """The figures of each launch: {metric and unit: value}, with the kernel's name."""
    lines = [line for line in path.read_text().splitlines() if line.startswith('"')]
    launches: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(lines):
        if row.get('Metric Name'):
            launch = launches.setdefault(row['ID'], {'kernel': row['Kernel Name']})
            launch[f'{row["Metric Name"]} {row["Metric Unit"]}'.strip()] = row['Metric Value']
    if not launches:
        raise RuntimeError(f'no kernel in {path.name}')
    return list(launches.values())


def sanitizer(tool: str) -> Callable[[Setting], Part]:
    """Some of the tests under a tool of compute-sanitizer."""

    def make(setting: Setting) -> Part:
        program = shutil.which('compute-sanitizer')
        error_exit = ('--error-exitcode', str(SANITIZER_ERROR))
        chosen = SANITIZER_TESTS if setting.brief else (*SANITIZER_TESTS, *MORE_SANITIZER_TESTS)
        return pytest_part(
            tool,
            setting,
            ['-x', '-k', ' or '.join(chosen)],
            (str(program), '--tool', tool, '--target-processes', 'all', *error_exit),
            limit=90,
            stage=2,
            # Each tensor an allocation of its own, so that an access past its end is detected.
            environment={'PYTORCH_NO_CUDA_MEMORY_CACHING': '1'},
            absent=NEEDS_GPU
            if setting.dry
            else ''
            if program
            else 'compute-sanitizer is not installed',
            unusable='Device not supported',
        )

    return make


# In the order in which they run: what later parts need, then what is most wanted.
PARTS: tuple[Callable[[Setting], Part], ...] = (
    wheels,
    environment,
    library,
    build,
    tests,
    benchmark,
    steps('steps', 170, 1, '--precision', 'bf16', 'fp32', 'tf32'),
    steps('steps_512', 50, 1, '--config', 's4/avsegformer_pvt2_512.py'),
    data,
    demo('demo', 100, 1),
    demo_test,
    profile,
    steps('compiled', 150, 2, variants=('operator', 'compiled')),
    demo('demo_amp', 80, 2, '--amp'),
    sanitizer('memcheck'),
    sanitizer('racecheck'),
)
