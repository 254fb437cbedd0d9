"""Draw the curves of one or several trainings: losses, learning rate and metrics.

    avsbench curves work_dir/s4/pvt2 work_dir/s4/res50
    avsbench curves work_dir/s4/pvt2 --keys 'loss*' mIoU 'F_b*' --smooth 20
    avsbench curves work_dir/s4/demo --reference

Each argument is a work dir (resumed trainings are joined), one of the time-stamped folders in it,
or a scalars.json. Training and validation stand side by side over the same axis of epochs, a
validation loss, where one is logged, in the panel of the training's. The best and the last value
of each metric are printed. With --reference, work dirs are drawn against the curves of earlier
trainings of the same config, and it is said whether they lie inside their spread; docs/reference
holds those of the small configs.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench curves`."""
    parser.add_argument('runs', nargs='+', type=Path, metavar='RUN')
    parser.add_argument('--out', type=Path, default=Path('curves.png'), metavar='PNG')
    parser.add_argument('--overwrite', action='store_true', help='replace the image')
    parser.add_argument('--keys', nargs='+', default=[], help="curves; patterns such as 'loss*'")
    parser.add_argument('--names', nargs='+', default=[], help='one per run; default: its folder')
    parser.add_argument(
        '--smooth', type=int, default=1, metavar='N', help='running mean over N training records'
    )
    parser.add_argument(
        '--reference',
        nargs='?',
        const='auto',
        metavar='JSON',
        help='compare with reference curves; without a file, those of the config in docs/reference',
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where arguments contradict each other."""
    if args.reference and args.smooth > 1:
        parser.error('--smooth: reference curves are by epoch, there is nothing to smooth')
    if args.smooth < 1:
        parser.error('--smooth: expected 1 or more')
    if args.names and len(args.names) != len(args.runs):
        parser.error(f'--names: {len(args.names)} names for {len(args.runs)} runs')
