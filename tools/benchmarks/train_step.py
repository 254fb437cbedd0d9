"""A training step under AMP: deformable attention of PyTorch's operators, compiled, torch.compile.

One video, random weights, on the GPU where there is one: forward pass, loss, backward pass and
optimizer as `train.py --amp` runs them, then the same with `torch.compile`.
"""

import argparse
import json
import math
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

from avsbench.config.paths import config_file
from avsbench.engine import use_amp
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils import ops

VARIANTS = ('reference', 'operator', 'compiled')
# Dropout is drawn anew in each variant; the loss of the first step may differ by this share.
LOSS_TOLERANCE = 0.1


@dataclass(frozen=True)
class Step:
    """One variant of the step.

    Attributes:
        config, variant, size, frames: what was run.
        first_seconds: the first step, which compiles and chooses algorithms.
        step_ms: median of the steps after it.
        peak_gib: GPU memory at the peak, None on the CPU.
        loss: of the first step.
        graph_breaks: of torch.compile, None where it is not used.
    """

    config: str
    variant: str
    size: int
    frames: int
    first_seconds: float
    step_ms: float
    peak_gib: float | None
    loss: float
    graph_breaks: int | None

    def line(self) -> str:
        """The printed row."""
        memory = '' if self.peak_gib is None else f', {self.peak_gib:.2f} GiB at the peak'
        breaks = '' if self.graph_breaks is None else f', {self.graph_breaks} graph breaks'
        return (
            f'  {self.variant:10s} {self.step_ms:9.2f} ms a step, first one '
            f'{self.first_seconds:.1f} s, loss {self.loss:.4f}{memory}{breaks}'
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py train_step`."""
    parser.add_argument('--config', default='s4/pvt2.py')
    parser.add_argument('--frames', type=int, default=5)
    parser.add_argument('--size', type=int, default=224, help='pixels of a side')
    parser.add_argument('--steps', type=int, default=10, help='timed, after the first')
    parser.add_argument('--variants', choices=VARIANTS, nargs='+', default=list(VARIANTS))
    parser.add_argument('--backend', default='inductor', help="torch.compile's")
    parser.add_argument('--json', type=Path, help='also write the figures there')


def run(args: argparse.Namespace) -> int:
    """Run each variant from the same weights; 1 if a loss is not finite or differs."""
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    print(f'{args.config}, {args.frames} frames, {args.size} px, AMP, random weights, {device}')
    steps = []
    for variant in args.variants:
        steps.append(_measure(args, variant, device))
        print(steps[-1].line(), flush=True)
    if args.json:
        args.json.write_text(json.dumps([asdict(step) for step in steps], indent=2) + '\n')
    first = steps[0].loss
    wrong = [
        step.variant
        for step in steps
        if not math.isfinite(step.loss) or abs(step.loss - first) > LOSS_TOLERANCE * abs(first)
    ]
    for variant in wrong:
        print(f'FAILED: the loss of {variant!r} is not that of {steps[0].variant!r}')
    return 1 if wrong else 0


def _measure(args: argparse.Namespace, variant: str, device: str) -> Step:
    cfg = Config.fromfile(config_file(args.config))
    use_amp(cfg)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('avsbench'):
        model = MODELS.build(cfg.model).to(device).train()
        optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    breaks = None
    if variant == 'compiled':
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        model.forward = torch.compile(model.forward, backend=args.backend)
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    with ops.use_path('reference' if variant == 'reference' else device):
        losses, times = _steps(model, optimizer, args, device)
    if variant == 'compiled':
        breaks = sum(torch._dynamo.utils.counters['graph_break'].values())
    return Step(
        args.config,
        variant,
        args.size,
        args.frames,
        first_seconds=times[0],
        step_ms=1e3 * statistics.median(times[1:]),
        peak_gib=torch.cuda.max_memory_allocated() / 2**30 if device == 'cuda' else None,
        loss=losses[0],
        graph_breaks=breaks,
    )


def _steps(
    model: nn.Module, optimizer, args: argparse.Namespace, device: str
) -> tuple[list[float], list[float]]:
    """Losses and seconds of the first step and the timed ones."""
    losses, times = [], []
    for _ in range(1 + args.steps):
        clip = _clip(args.frames, args.size)
        start = _now(device)
        logged = model.train_step(clip, optimizer)
        times.append(_now(device) - start)
        losses.append(float(logged['loss'].detach()))
    return losses, times


def _clip(frames: int, size: int) -> dict:
    """One random video as the loader gives it; the same one each time."""
    draw = torch.Generator().manual_seed(1)
    images = torch.randint(256, (frames, 3, size, size), generator=draw, dtype=torch.uint8)
    sample = AVSDataSample()
    sample.gt_masks = (images[:, 0] > 127).to(torch.uint8)
    sample.gt_valid = sample.frame_valid = torch.ones(frames, dtype=torch.bool)
    audio = torch.randn(frames, 1, 96, 64, generator=draw)
    return {'inputs': {'frames': [images], 'audio': [audio]}, 'data_samples': [sample]}


def _now(device: str) -> float:
    if device == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter()
