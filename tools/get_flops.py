"""Parameters, operations and activation memory of a config's network for one clip.

    python tools/get_flops.py config/s4/pvt2.py
    python tools/get_flops.py config/s4/pvt2.py --frames 10 --size 512

The network is built without weight files and runs on tensors without values, so no clip is too
large for this machine. What is counted is printed with the result.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.analysis.complexity import COUNTED, NOT_COUNTED, Complexity, complexity
from avsbench.config.loading import open_config
from avsbench.config.paths import config_file
from avsbench.utils.cli import OverrideAction, run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='a path, also one relative to config/')
    parser.add_argument('--frames', type=int, help="T of the clip; default: the config's")
    parser.add_argument(
        '--size',
        type=int,
        nargs='+',
        metavar='PIXELS',
        help='side length, or height and width; default: the size the config tests at',
    )
    parser.add_argument('--json', action='store_true', help='print the numbers as json instead')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
    args = parser.parse_args()
    if args.size is not None and len(args.size) > 2:
        parser.error('--size: expected one number, or height and width')
    return args


def main() -> None:
    args = parse_args()
    cfg = open_config(config_file(args.config), args.cfg_options)
    size = None if args.size is None else (args.size[0], args.size[-1])
    found = complexity(cfg, args.frames, size)
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


if __name__ == '__main__':
    run_command(main)
