"""What a training costs: steps of a config, extrapolated to hours, with memory and power.

Random clips and weights, in the sizes that the config trains at: normalisation, forward pass, loss,
backward pass and optimizer, as `train.py` runs them, with the backbone as it is after the epochs in
which some recipes freeze it. Reading files and validations are not counted: the loader works ahead
in processes of its own.

`--table FILE` writes the rows of all files of `--rows` as a page, and measures nothing.
"""

import argparse
import math
import multiprocessing
import statistics
import subprocess
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope

import avsbench.systems  # noqa: F401  registers them
from avsbench.analysis.complexity import build_model
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.engine.param_groups import merge_groups
from avsbench.registry import SYSTEMS
from avsbench.utils.errors import ConfigError
from avsbench.utils.files import write_text
from benchmarks.harness import peak_memory
from benchmarks.rows import append_row, describe, read_rows
from benchmarks.train_step import PRECISIONS, clips_of, set_precision, take_steps

# Clips to train on, by the published logs and, for AVSS, papers.
TRAINED_CLIPS = {'s4': 3452, 'ms3': 296, 'avss': 8498}
COLUMNS = {
    'config': 'config',
    'device': 'device',
    'precision': 'precision',
    'measured_steps': 'steps timed',
    'step_ms': 'ms per step',
    'steps': 'steps',
    'hours': 'hours',
    'gib': 'GiB',
    'watts': 'W',
    'without': 'frames/s',
    'with': 'with audio encoder',
    'commit': 'commit',
    'date': 'date',
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py cost`."""
    parser.add_argument('--config', nargs='+', help="default: each system's s4/*_pvt2.py")
    parser.add_argument('--precision', choices=PRECISIONS, default='fp32')
    parser.add_argument('--steps', type=int, default=100, help='timed, after the first')
    parser.add_argument('--clips', type=int, help="of a step; default: the config's batch size")
    parser.add_argument('--frames', type=int, help="of a clip; default: the config's")
    parser.add_argument('--size', type=int, help="pixels of a side; default: the config's")
    parser.add_argument('--trained-clips', type=int, help="in the data; default: the subset's")
    parser.add_argument('--threads', type=int, help="of the CPU; default: torch's")
    parser.add_argument('--json', type=Path, help='append each row there, a line each')
    parser.add_argument('--rows', type=Path, nargs='+', default=[], help='for --table')
    parser.add_argument('--table', type=Path, help='write a page of --rows there')


def run(args: argparse.Namespace) -> int:
    """Measure and print each config, or write the page."""
    if args.table is not None:
        write_text(args.table, page(read_rows(args.rows)))
        return 0
    if args.threads:
        torch.set_num_threads(args.threads)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    setting = describe(device)
    print(f'random weights and clips; {", ".join(map(str, setting.values()))}', flush=True)
    for config in args.config or [f's4/{name}_pvt2.py' for name in sorted(SYSTEMS.module_dict)]:
        # in a process of its own, whose peak of memory is that of this config
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            measured = pool.apply(measure, (config, args, device))
        row = {'kind': 'cost', 'config': config, **measured, **setting}
        print(
            f'{config}: {row["step_ms"]:.1f} ms per step, {row["steps"]} steps: '
            f'{row["hours"]:.1f} hours; {row["gib"]:.2f} GiB at the peak'
            + ('' if row['watts'] is None else f', {row["watts"]:.0f} W'),
            flush=True,
        )
        append_row(args.json, row)
    return 0


def measure(config: str, args: argparse.Namespace, device: str) -> dict[str, Any]:
    """One row: milliseconds of a step, steps and hours of the training, memory, power."""
    MMLogger.get_current_instance().setLevel('WARNING')  # of three lines a parameter
    if args.threads:
        torch.set_num_threads(args.threads)
    cfg = load_config(config_file(config))
    steps = count_steps(cfg, args.trained_clips)
    clips = clips_of(cfg, args)
    set_precision(cfg, args.precision)
    torch.manual_seed(0)
    model = build_model(cfg).to(device).train()
    with DefaultScope.overwrite_default_scope('avsbench'):
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    merge_groups(wrapper.optimizer)
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    _, times = take_steps(model, wrapper, clips, args.steps, device)
    step = statistics.median(times[1:])
    return {
        'precision': args.precision,
        'clips': clips.number,
        'frames': clips.frames,
        'size': clips.size,
        'measured_steps': args.steps,
        'step_ms': 1e3 * step,
        'steps': steps,
        'hours': steps * step / 3600,
        'gib': _peak_bytes(device) / 2**30,
        'watts': _watts() if device == 'cuda' else None,
    }


def count_steps(cfg: Config, trained_clips: int | None = None) -> int:
    """Steps of a whole training, in one process.

    Raises:
        ConfigError: It counts epochs, and it is not known of how many clips.
    """
    if not cfg.train_cfg.get('by_epoch', True):
        return cfg.train_cfg.max_iters
    clips = trained_clips or TRAINED_CLIPS.get(cfg.subset)
    if clips is None:
        raise ConfigError(
            f'{cfg.filename}: counts epochs, and how many clips {cfg.subset} has is known for '
            f'{", ".join(TRAINED_CLIPS)} only: add --trained-clips'
        )
    return cfg.train_cfg.max_epochs * math.ceil(clips / cfg.train_dataloader.batch_size)


def page(rows: list[dict[str, Any]]) -> str:
    """The table of costs and frames per second, one line per config and setting."""
    lines: dict[tuple, dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in ('config', 'device', 'threads', 'commit', 'date'))
        line = lines.setdefault((*key, row.get('precision', 'fp32')), {})
        line |= row | row.get('frames_per_second', {})
    head = f'| {" | ".join(COLUMNS.values())} |\n|{"---|" * len(COLUMNS)}'
    body = [
        '| ' + ' | '.join(_cell(line, name) for name in COLUMNS) + ' |' for line in lines.values()
    ]
    return '\n'.join([PAGE_HEAD, head, *body, ''])


PAGE_HEAD = """# What trainings and tests cost

Made by `tools/benchmark.py cost --table`, of rows that `tools/benchmark.py cost` (a training)
and `tools/benchmark.py fps` (a test, clip by clip) measured: random clips and weights at the sizes
of the config, without reading files and without validations. Hours are those of the whole recipe:
steps times the median step. GiB: memory of the card, or of the process.
"""


def _cell(line: dict[str, Any], name: str) -> str:
    value = line.get(name)
    if name == 'device' and line.get('threads'):
        return f'{value}, {line["threads"]} threads'
    if name in ('commit', 'config', 'date', 'precision'):
        return str(value or '').removesuffix('-dirty')[:40]
    if value is None:
        return ''
    return f'{value:.0f}' if isinstance(value, int) or abs(value) >= 100 else f'{value:.2f}'


def _peak_bytes(device: str) -> int:
    if device == 'cuda':
        return torch.cuda.max_memory_allocated()
    return peak_memory()


def _watts() -> float | None:
    """What the card draws just after the steps; None where it doesn't tell."""
    command = ['nvidia-smi', '--query-gpu=power.draw.average', '--format=csv,noheader,nounits']
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return float(done.stdout.splitlines()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
