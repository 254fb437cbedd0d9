"""Frames per second in tests, one clip at a time, with and without the audio encoder.

Random clips and weights, in the size that the config tests at: normalisation, network, and the
masks at the size of the frames, without reading files. The first clips warm up; then the median.
The figures of EASE's table are of single frames on an RTX 4090: --frames 1 is the nearest to them.
"""

import argparse
import statistics
from pathlib import Path

import torch
from torch import nn

import avsbench.systems  # noqa: F401  registers them
from avsbench.analysis.complexity import build_model
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.registry import SYSTEMS
from benchmarks.rows import append_row, describe
from benchmarks.train_step import Clips, clips_of, now, random_batch

WARM_UP = 2  # clips


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `tools/benchmark.py fps`."""
    parser.add_argument('--config', nargs='+', help="default: each system's s4/*_pvt2.py")
    parser.add_argument('--frames', type=int, help="of a clip; default: the config's")
    parser.add_argument('--size', type=int, help="pixels of a side; default: the config's")
    parser.add_argument('--rounds', type=int, default=5, help='timed clips, after the warm-up')
    parser.add_argument('--threads', type=int, help="of the CPU; default: torch's")
    parser.add_argument('--json', type=Path, help='append each row there, a line each')


def run(args: argparse.Namespace) -> int:
    """Measure and print each config."""
    if args.threads:
        torch.set_num_threads(args.threads)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    setting = describe(device)
    print(f'random weights and clips, float32; {", ".join(map(str, setting.values()))}', flush=True)
    for config in args.config or [f's4/{name}_pvt2.py' for name in sorted(SYSTEMS.module_dict)]:
        rates, clips = frames_per_second(config, args, device)
        height, width = clips.size
        print(
            f'{config}: {rates["without"]:.2f} frames per second without the audio encoder, '
            f'{rates["with"]:.2f} with it; clips of {clips.frames} frames, {height} x {width} px',
            flush=True,
        )
        row = {'config': config, 'frames': clips.frames, 'size': clips.size, **setting}
        append_row(args.json, {'kind': 'fps', **row, 'frames_per_second': rates})
    return 0


def frames_per_second(
    config: str, args: argparse.Namespace, device: str
) -> tuple[dict[str, float], Clips]:
    """Frames per second 'with' and 'without' the audio encoder, and the clips they are of."""
    cfg = load_config(config_file(config))
    cfg.model.pop('test_cfg', None)  # one pass for each clip
    args.clips = 1
    clips = clips_of(cfg, args)
    torch.manual_seed(0)
    model = build_model(cfg).to(device).eval()
    with torch.no_grad():
        rates = {'with': _rate(model, clips, args.rounds, device)}
        batch = model.data_preprocessor(random_batch(clips), False)['inputs']
        features = model.audio_features(batch)
        model.audio_features = lambda inputs: features
        rates['without'] = _rate(model, clips, args.rounds, device)
    return rates, clips


def _rate(model: nn.Module, clips: Clips, rounds: int, device: str) -> float:
    times = []
    for _ in range(WARM_UP + rounds):
        batch = random_batch(clips)
        start = now(device)
        model.test_step(batch)
        times.append(now(device) - start)
    return clips.frames / statistics.median(times[WARM_UP:])
