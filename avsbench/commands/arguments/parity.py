"""Show that our code equals the published one on parity fixtures.

    avsbench parity tests/parity/avsegformer_*.json
    avsbench parity FIXTURE.json --config CONFIG.py    # of a system of your own

Prints a line for each stored output, loss and gradient norm; exit code 0 only if all pass.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench parity`."""
    parser.add_argument('fixtures', nargs='+', metavar='FIXTURE.json')
    parser.add_argument(
        '--config',
        help='config to build the network from; its custom_imports may register the system',
    )
