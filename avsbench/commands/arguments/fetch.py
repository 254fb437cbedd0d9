"""Download published weights by name: encoders into pretrained/, whole networks into the cache.

    avsbench list weights
    avsbench fetch vggish pvt_v2_b5
    avsbench fetch vct_s4_swinb

Files that their makers have without a login are downloaded and verified; of others it is said where
they are and where to put them. The cache is ~/.cache/avsbench, or the folder AVSBENCH_HOME.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench fetch`."""
    parser.add_argument('names', nargs='+', metavar='NAME', help='of `avsbench list weights`')
