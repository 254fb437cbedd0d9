"""The work of `avsbench flops`."""

import argparse
import json
from dataclasses import asdict

from avsbench.analysis.complexity import COUNTED, NOT_COUNTED, STAGES, Complexity, complexity
from avsbench.config.loading import open_config
from avsbench.config.paths import config_file
from avsbench.utils.parallel import show_stages


def run(args: argparse.Namespace) -> None:
    """Run `avsbench flops`."""
    cfg = open_config(config_file(args.config), args.cfg_options)
    size = None if args.size is None else (args.size[0], args.size[-1])
    with show_stages(len(STAGES)) as begin:
        found = complexity(cfg, args.frames, size, begin)
    print(json.dumps(asdict(found), indent=2) if args.json else report(cfg.filename, found))


def report(config: str, found: Complexity) -> str:
    """The numbers and what they mean, as text."""
    height, width = found.size
    lines = [
        f'{config}: one clip of {found.frames} frames, {height} x {width} (height x width)',
        '',
        f'{"":16}{"parameters":>14}{"GFLOPs":>12}{"GMACs":>12}',
    ]
    rows = [(n, found.part_params[n], found.part_flops[n]) for n in found.part_params]
    for name, params, flops in [*rows, ('all', found.params, found.flops)]:
        lines.append(f'{name:16}{params / 1e6:12.3f} M{flops / 1e9:12.2f}{flops / 2e9:12.2f}')
    operator = f'with the {found.operator} form of deformable attention'
    lines += [
        '',
        f'trained             {found.trainable_params / 1e6:.3f} M of the parameters',
        f'per frame           {found.flops / found.frames / 1e9:.2f} GFLOPs',
        f'memory, inference   {_mib(found.inference_bytes)}: peak memory of activations',
        f'memory, training    {_mib(found.training_bytes)}: activations kept for the backward pass',
        f'                    in float32, {operator}; besides weights,',
        f'                    {_mib(4 * found.params)}, gradients and optimizer',
        '',
        f'Counted: {"; ".join(COUNTED)}.',
        f'Not counted: {"; ".join(NOT_COUNTED)}.',
        'GMACs are half of the GFLOPs; many papers call them FLOPs.',
    ]
    return '\n'.join(lines)


def _mib(size: int) -> str:
    return f'{size / 2**20:.0f} MiB'
