"""Memory over a long training: thousands of steps of the small network, as train.py takes them.

With loader workers, log, validations and checkpoints, on a small synthetic tree. What a step leaks
shows as a slope: the memory of the process after every hundredth step, the first tenth left out. A
leak of one image of 64 pixels each step would be 12 MiB in a thousand steps.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from avsbench.config.loading import apply_overrides, load_config
from avsbench.config.paths import config_file
from avsbench.engine.runner import AVSRunner
from avsbench.synthetic import generate
from benchmarks.harness import header
from benchmarks.rows import append_row, describe

CLIPS = 8
BATCH = 2
MOST_GROWTH = 2.0  # MiB in a thousand steps


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py endurance`."""
    parser.add_argument('--config', default='s4/demo.py', help='default: %(default)s')
    parser.add_argument('--steps', type=int, default=5000)
    parser.add_argument('--every', type=int, default=100, help='steps between two looks')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--json', type=Path, help='append the result there, a line')


def run(args: argparse.Namespace) -> int:
    """Train, print the memory, and return 1 if it grows."""
    torch.set_num_threads(args.threads)
    header(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        found = train(Path(folder), args)
    late = found[len(found) // 10 :]
    growth = 1000 * slope(late)
    print(
        f'{args.config}: {found[-1][0]} steps; {late[0][1]:.1f} MiB after {late[0][0]}, '
        f'{late[-1][1]:.1f} MiB at the end, at most {max(size for _, size in found):.1f} MiB; '
        f'{growth:+.2f} MiB in a thousand steps, allowed {MOST_GROWTH:g}'
    )
    row = {'kind': 'endurance', 'config': args.config, **describe('cpu')}
    append_row(args.json, {**row, 'mib_per_thousand_steps': growth, 'mib': found})
    return int(growth > MOST_GROWTH)


def train(folder: Path, args: argparse.Namespace) -> list[tuple[int, float]]:
    """(step, MiB of the process) of a training in a folder."""
    cfg = load_config(config_file(args.config))
    root = generate(cfg.subset, folder / 'data', train=CLIPS, val=1, test=1)
    per_epoch = CLIPS // BATCH
    epochs = -(-args.steps // per_epoch)
    options: dict[str, Any] = {
        'data_root': str(root),
        'train_dataloader.batch_size': BATCH,
        'train_cfg.max_epochs': epochs,
        'train_cfg.val_interval': max(1, epochs // 10),
        'default_hooks.checkpoint.interval': max(1, epochs // 10),
        'default_hooks.visualization.num_clips': 0,
    }
    apply_overrides(cfg, options)
    cfg.work_dir, cfg.log_level = str(folder / 'work'), 'ERROR'
    runner = AVSRunner.from_cfg(cfg)
    memory = _Memory(args.every)
    runner.register_hook(memory, priority='LOWEST')
    runner.train()
    return memory.found


def slope(points: list[tuple[int, float]]) -> float:
    """Of the line through points: the median of the slopes between all pairs (Theil and Sen)."""
    pairs = ((a, b) for index, a in enumerate(points) for b in points[index + 1 :])
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs)


class _Memory(Hook):
    def __init__(self, every: int) -> None:
        self.every = every
        self.found: list[tuple[int, float]] = []

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        if (runner.iter + 1) % self.every == 0:
            pages = int(Path('/proc/self/statm').read_text().split()[1])
            self.found.append((runner.iter + 1, pages * os.sysconf('SC_PAGESIZE') / 2**20))
