"""Print the resolved config, or what differs between two.

    avsbench config s4/pvt2.py --cfg-options data_root=data/mine
    avsbench config s4/pvt2.py s4/res50.py

One config is printed with all its bases, as a file that `train.sh` accepts. Of two, one line per
key is printed: `-` only in the first, `+` only in the second, `~` different; the exit code is 1 if
anything differs. Parts of a list are named by their type. Overrides apply to both.
"""

import argparse

from avsbench.utils.cli import OverrideAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench config`."""
    parser.add_argument('config', help='a path, also one relative to config/')
    parser.add_argument('other', nargs='?', help='a config to compare the first with')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
