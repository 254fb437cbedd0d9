"""Training steps of any systems: precisions, PyTorch's operators or ours, torch.compile.

Random clips and weights, in the sizes that the configs train at: forward pass, loss, backward pass
and optimizer as `train.py` runs them, on the GPU where there is one. Each row is written as soon
as it is measured.
"""

import argparse
import gc
import json
import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import DefaultScope
from torch import nn

import avsbench.systems  # noqa: F401  registers them
from avsbench.analysis.complexity import build_model
from avsbench.config.clips import clip_length
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.engine.param_groups import merge_groups
from avsbench.registry import SYSTEMS
from avsbench.structures import AVSDataSample
from avsbench.utils import ops
from avsbench.utils.errors import ConfigError
from benchmarks.step_profile import Profile, profile_step

PRECISIONS = ('fp32', 'tf32', 'bf16', 'fp16')
HALF = ('bf16', 'fp16')
VARIANTS = ('reference', 'operator', 'compiled')
# Frames of a clip that a subset annotates in training; all of them elsewhere.
ANNOTATED = {'s4': 1}
# Dropout is drawn anew in each row; the loss of the first step may differ by this share.
LOSS_TOLERANCE = 0.1


@dataclass(frozen=True)
class Clips:
    """The clips of a step: how many, T frames each, of C channels (6: with Maskiges), in pixels."""

    number: int
    frames: int
    annotated: int
    channels: int
    size: tuple[int, int]


@dataclass(frozen=True)
class Step:
    """One row.

    Attributes:
        config, precision, variant, clips: What was run.
        first_seconds: The first step, which compiles and chooses algorithms.
        step_ms, best_ms: Median and least of the steps after it.
        loss: Of the first step.
        param_groups: Groups that the optimizer works through one by one.
        graph_breaks: Of torch.compile, None where it is not used.
        peak_gib: GPU memory at the peak, None on the CPU.
        profile: What the GPU did in one step, None on the CPU.
    """

    config: str
    precision: str
    variant: str
    clips: Clips
    first_seconds: float
    step_ms: float
    best_ms: float
    loss: float
    param_groups: int
    graph_breaks: int | None
    peak_gib: float | None
    profile: Profile | None

    def line(self) -> str:
        """The printed row."""
        height, width = self.clips.size
        parts = [
            f'{self.config} {self.precision} {self.variant}: {self.step_ms:.2f} ms per step of '
            f'{self.clips.number} clips x {self.clips.frames} frames, {height} x {width} px',
            f'first {self.first_seconds:.1f} s, loss {self.loss:.4f}',
            f'{self.param_groups} parameter groups',
        ]
        if self.graph_breaks is not None:
            parts.append(f'{self.graph_breaks} graph breaks')
        if self.peak_gib is not None:
            parts.append(f'{self.peak_gib:.2f} GiB at the peak')
        if self.profile is not None:
            parts.append(self.profile.line())
        return '; '.join(parts)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py train_step`."""
    parser.add_argument('--config', nargs='+', help="default: each system's s4/*_pvt2.py")
    parser.add_argument('--precision', choices=PRECISIONS, nargs='+', default=['bf16'])
    parser.add_argument('--variants', choices=VARIANTS, nargs='+', default=list(VARIANTS))
    parser.add_argument('--clips', type=int, help="of a step; default: the config's batch size")
    parser.add_argument('--frames', type=int, help="of a clip; default: the config's")
    parser.add_argument('--size', type=int, help="pixels of a side; default: the config's")
    parser.add_argument('--steps', type=int, default=10, help='timed, after the first')
    parser.add_argument('--backend', default='inductor', help="torch.compile's")
    parser.add_argument('--budget', type=float, help='seconds; no row is begun later')
    parser.add_argument('--json', type=Path, help='append each row there, a line each')


def run(args: argparse.Namespace) -> int:
    """Measure each row; 1 if one fails, is not begun in time, or has another loss."""
    start, baseline, failed = time.monotonic(), {}, 0
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if device == 'cpu' and 'fp16' in args.precision:
        raise ConfigError('--precision fp16: it needs a GPU; on the CPU there is bf16')
    MMLogger.get_current_instance().setLevel('WARNING')  # of three lines a parameter
    print(f'random weights and clips, {device}', flush=True)
    for config, precision, variant in _rows(args):
        row = {'config': config, 'precision': precision, 'variant': variant}
        if args.budget is not None and time.monotonic() - start > args.budget:
            row['error'] = f'not begun within {args.budget:.0f} s'
        else:
            try:
                step = _measure(args, config, precision, variant, device)
                trouble = _loss_trouble(step, baseline.setdefault(config, step))
                row = {**asdict(step), **({'error': trouble} if trouble else {})}
                print(step.line(), flush=True)
            except Exception as error:  # out of memory, say; the other rows are worth having
                row['error'] = f'{type(error).__name__}: {error}'[:500]
        if 'error' in row:
            failed += 1
            print(f'FAILED: {config} {precision} {variant}: {row["error"]}', flush=True)
        if args.json:
            with args.json.open('a', encoding='utf-8') as file:
                file.write(json.dumps(row) + '\n')
        gc.collect()
        if device == 'cuda':
            torch.cuda.empty_cache()
    return 1 if failed else 0


def _rows(args: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """All systems in one precision come before the next, for a run that is cut off."""
    configs = args.config or [f's4/{name}_pvt2.py' for name in sorted(SYSTEMS.module_dict)]
    for precision in args.precision:
        for config in configs:
            for variant in args.variants:
                yield config, precision, variant


def _loss_trouble(step: Step, first: Step) -> str:
    """What is wrong with a row's loss beside that of the config's first row; empty if nothing."""
    if not math.isfinite(step.loss):
        return f'the loss is {step.loss}'
    if abs(step.loss - first.loss) > LOSS_TOLERANCE * abs(first.loss):
        return f'the loss is {step.loss:.4f}, in {first.precision} {first.variant} {first.loss:.4f}'
    return ''


def _measure(
    args: argparse.Namespace, config: str, precision: str, variant: str, device: str
) -> Step:
    cfg = load_config(config_file(config))
    clips = clips_of(cfg, args)
    set_precision(cfg, precision)
    torch.manual_seed(0)
    model = build_model(cfg).to(device).train()
    with DefaultScope.overwrite_default_scope('avsbench'):
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    merge_groups(wrapper.optimizer)
    breaks = None
    if variant == 'compiled':
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        model.backbone.compile(backend=args.backend)
        model.decode_head.compile(backend=args.backend)
    if device == 'cuda':
        torch.cuda.reset_peak_memory_stats()
    with ops.use_path('reference' if variant == 'reference' else device):
        losses, times = take_steps(model, wrapper, clips, args.steps, device)
        peak = torch.cuda.max_memory_allocated() / 2**30 if device == 'cuda' else None
        if variant == 'compiled':
            breaks = sum(torch._dynamo.utils.counters['graph_break'].values())
        profile = None
        if device == 'cuda':
            profile = profile_step(lambda: model.train_step(random_batch(clips), wrapper), wrapper)
    return Step(
        config,
        precision,
        variant,
        clips,
        first_seconds=times[0],
        step_ms=1e3 * statistics.median(times[1:]),
        best_ms=1e3 * min(times[1:]),
        loss=losses[0],
        param_groups=len(wrapper.optimizer.param_groups),
        graph_breaks=breaks,
        peak_gib=peak,
        profile=profile,
    )


def clips_of(cfg: Config, args: argparse.Namespace) -> Clips:
    """The clips that a config trains on, as its loader gives them, unless the options say else."""
    pipeline = cfg.train_dataloader.dataset.pipeline
    kinds = [step.type for step in pipeline]
    sizes = [tuple(step['size']) for step in pipeline if step.get('size') is not None]
    if not (sizes or args.size):
        raise ConfigError(f'{cfg.filename}: no transform of the training has a size; add --size')
    frames = args.frames or clip_length(cfg)
    return Clips(
        number=args.clips or cfg.train_dataloader.batch_size,
        frames=frames,
        annotated=ANNOTATED.get(cfg.subset, frames),
        channels=6 if 'LoadMaskiges' in kinds else 3,
        size=(args.size, args.size) if args.size else sizes[-1],
    )


def set_precision(cfg: Config, precision: str) -> None:
    """fp32: full products everywhere; elsewhere those of float32 tensors are TF32."""
    full = precision == 'fp32'
    torch.set_float32_matmul_precision('highest' if full else 'high')
    torch.backends.cudnn.allow_tf32 = not full
    wrapper = cfg.optim_wrapper
    wrapper.pop('precision', None)
    wrapper.type = 'OptimWrapper'
    if precision in HALF:
        wrapper.type, wrapper.precision = 'DeviceAmpOptimWrapper', precision


def take_steps(
    model: nn.Module, wrapper: OptimWrapper, clips: Clips, steps: int, device: str
) -> tuple[list[float], list[float]]:
    """Losses and seconds of the first step and the timed ones."""
    losses, times = [], []
    for _ in range(1 + steps):
        batch = random_batch(clips)
        start = now(device)
        logged = model.train_step(batch, wrapper)
        times.append(now(device) - start)
        losses.append(float(logged['loss'].detach()))
    return losses, times


def random_batch(clips: Clips) -> dict:
    """Random clips as the loader gives them; the same ones each time."""
    draw = torch.Generator().manual_seed(1)
    batch = {'inputs': {'frames': [], 'audio': []}, 'data_samples': []}
    shape = (clips.frames, clips.channels, *clips.size)
    for _ in range(clips.number):
        images = torch.randint(256, shape, generator=draw, dtype=torch.uint8)
        sample = AVSDataSample()
        sample.gt_masks = (images[:, 0] > 127).to(torch.uint8)
        sample.gt_valid = torch.arange(clips.frames) < clips.annotated
        sample.frame_valid = torch.ones(clips.frames, dtype=torch.bool)
        batch['inputs']['frames'].append(images)
        batch['inputs']['audio'].append(torch.randn(clips.frames, 1, 96, 64, generator=draw))
        batch['data_samples'].append(sample)
    return batch


def now(device: str) -> float:
    if device == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter()
