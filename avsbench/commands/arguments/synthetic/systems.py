"""Compare all systems, made small, on the synthetic benchmark, over several seeds.

    avsbench synthetic systems --subset s4 ms3 --seeds 0 1 2

Trains the demo config of each system on the same clips with each seed, tests it with and without
audio, and writes tables as Markdown: parameters, operations for a clip, J and F on the twin test
split with intervals over seeds and scenes, how much of J is due to the audio, which of two
systems wins how many scenes, and what each marks with other sounds. A finished training
is kept and not done again. None of the numbers is comparable with AVSBench's, nor do they rank the
published systems.

The same heads on other image encoders of timm, at the size of the demo, from random numbers or from
timm's weights (`--backbone-weights timm`, which are downloaded):

    avsbench synthetic systems --systems avsegformer --backbones resnet18 convnext_atto pvt_v2_b0
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench synthetic systems`."""
    add = parser.add_argument
    add('--subset', nargs='+', choices=('s4', 'ms3'), default=['s4'])
    add('--systems', nargs='+', metavar='SYSTEM', help='default: all')
    add(
        '--backbones',
        nargs='+',
        metavar='NAME',
        help='image encoders by their names in timm (docs/encoders.md) in place of those of the '
        'demo configs; each system is trained on each of them',
    )
    add('--backbone-weights', choices=('timm',), help='of --backbones; default: random numbers')
    add('--seeds', nargs='+', type=int, default=[0, 1, 2], help='default: 0 1 2')
    add('--again', action='store_true', help='train again what is finished')
    add('--finished', action='store_true', help='train nothing: tables of what is finished already')
    add('--no-robustness', action='store_true', help='leave out the tests with other sounds')
    add(
        '--documents',
        '--readme',
        nargs='+',
        type=Path,
        default=[],
        metavar='FILE',
        help='also replace the tables between the marks "compare_systems SUBSET" in these files, '
        'or the short one between those of "compare_systems SUBSET short"; with --backbones, those '
        'of "compare_systems SUBSET backbones"',
    )
    add('--out', type=Path, metavar='DIR', default=Path('work_dir/comparison'), help='%(default)s')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where arguments contradict each other."""
    if args.again and args.finished:
        parser.error('--again trains, --finished does not: choose one')
    if args.backbone_weights and not args.backbones:
        parser.error('--backbone-weights are those of --backbones, which is missing')
    if len(set(args.seeds)) < len(args.seeds):
        parser.error('--seeds: the same seed twice is no second training')
