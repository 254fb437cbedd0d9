"""Rename a published checkpoint to this toolbox's keys, or ours to the published ones.

    avsbench convert S4_pvt2.pth ours.pth
    avsbench convert work_dir/s4/pvt2/best_mIoU.pth for_them.pth --to avsegformer
    avsbench convert S4_pvt_best.pth ours.pth --audio vggish-10086976.pth

The layout of a published file is recognised by its keys. Some code bases keep the audio encoder in
a separate file: `--audio` names it, to be read on the way to our keys and to be written on the way
back. The new files hold tensors and plain metadata only and are never written over old ones.
"""

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench convert`."""
    parser.add_argument('source', metavar='IN', help='a file, or a name of `avsbench list weights`')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--to', default='avsbench', help='layout of OUT: avsbench or a system')
    parser.add_argument(
        '--audio', type=Path, metavar='FILE', help='the audio encoder, where it is a separate file'
    )
    parser.add_argument('--config', help='config whose custom_imports register further systems')
    parser.add_argument('--trust-checkpoint', action='store_true', help='unpickle anything')
