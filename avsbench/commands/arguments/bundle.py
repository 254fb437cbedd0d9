"""Pack, check and repeat trainings: reproduction bundles.

    avsbench bundle pack work_dir/s4/demo --out demo.zip
    avsbench bundle check demo.zip --cfg-options data_root=data/mine
    avsbench bundle run demo.zip --work-dir work_dir/again

`train.sh` leaves a bundle in each work dir: resolved config, environment, seed, counts and hashes
of the data, curve. `pack` makes one archive of plain data of it; `check` says what differs on this
machine (exit code 1 if it is another training: other data or weights); `run` trains again with the
same seed, and compares the curves of loss and headline metric (exit code 1 if they differ by more
than the tolerance). docs/reproduce.md says what to expect.
"""

import argparse
from pathlib import Path

from avsbench.utils.cli import OverrideAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench bundle`."""
    commands = parser.add_subparsers(dest='command', required=True)
    packing = commands.add_parser('pack', help='make one archive of the bundle in a work dir')
    packing.add_argument('work_dir', type=Path)
    packing.add_argument('--out', type=Path, required=True, metavar='ZIP')
    packing.add_argument('--overwrite', action='store_true', help='replace the archive')
    packing.add_argument('--unfinished', action='store_true', help='pack half a training, too')
    checking = commands.add_parser('check', help='say what differs on this machine')
    running = commands.add_parser('run', help='train again, and compare the curves')
    for command in (checking, running):
        add = command.add_argument
        add('bundle', type=Path, help='an archive, or a work dir')
        add('--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE')
        add(
            '--trust-config',
            action='store_true',
            help='let the config import modules, and name files outside of the current folder',
        )
    running.add_argument('--work-dir', type=Path, required=True, metavar='DIR')
    running.add_argument(
        '--tolerance',
        type=float,
        default=0.02,
        help='allowed difference of each point: of the loss as a share of its value, of the '
        'headline metric as it is (default: %(default)s)',
    )
    running.add_argument('--any-data', action='store_true', help='run with other data or weights')


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where arguments contradict each other."""
    if args.command == 'run' and not 0 <= args.tolerance < 1:
        parser.error('--tolerance: expected 0 or more, below 1')
