"""List what there is: configs by their short names, systems, visual encoders, published weights.

    avsbench list
    avsbench list configs ms3 demo
    avsbench list systems
    avsbench list encoders pvt
    avsbench list weights s4

Words after the kind select the lines that have them all.
"""

import argparse

KINDS = ('configs', 'systems', 'encoders', 'weights')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench list`."""
    parser.add_argument(
        'kind', nargs='?', choices=KINDS, default='configs', help='default: configs'
    )
    parser.add_argument('words', nargs='*', metavar='WORD', help='that a line has to have')
