"""Measure what a network marks when the sound is not that of the clip.

    avsbench robustness config/s4/pvt2.py work_dir/s4/pvt2/best_mIoU.pth
    avsbench robustness --system A a.py a0.pth a1.pth --system B b.py b0.pth --out robustness

The sounds: silence, noise, the sound of something that is not in the image, that of another clip of
the same class, the clip's own sound later, quieter, louder, of one channel. All pass the front end
that the network was trained with; `published` takes AVSBench-Robust's instead, to reproduce its
numbers. Writes a table (Markdown, csv, json), an image, the pairs of clips (mapping.csv), and a
result of each condition that `avsbench compare` reads. docs/robustness.md has the details.
"""

import argparse
from pathlib import Path

from avsbench.utils.cli import OverrideAction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench robustness`."""
    parser.add_argument('config', nargs='?', help='e.g. config/s4/pvt2.py')
    parser.add_argument('checkpoint', nargs='?', help='of this toolbox, or published')
    parser.add_argument(
        '--system',
        nargs='+',
        action='append',
        default=[],
        metavar=('NAME', 'PATH'),
        help='instead: a name, a config, and a checkpoint of each seed; the option may be repeated',
    )
    parser.add_argument(
        '--conditions',
        nargs='+',
        metavar='NAME',
        help='of the sounds in docs/robustness.md; default: all without the word published',
    )
    parser.add_argument('--delays', nargs='+', type=float, help='seconds; default: 0.2 0.5 1 2')
    parser.add_argument('--gains', nargs='+', type=float, help='decibels; default: -12 12')
    parser.add_argument('--noise-rms', type=float, help='of the noise, of full scale')
    parser.add_argument('--mapping', metavar='CSV', help='condition,video,replacement')
    parser.add_argument('--classes', metavar='CSV', help='video,classes of data that name none')
    parser.add_argument('--level', type=float, help='of the intervals; default: 0.95')
    parser.add_argument('--resamples', type=int, help='of the bootstrap; default: 10000')
    parser.add_argument('--seed', type=int, help='default: 0')
    parser.add_argument(
        '--out', type=Path, metavar='DIR', help='default: robustness/ in the work dir of the config'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an earlier measurement')
    for option in ('--trust-checkpoint', '--any-subset'):
        parser.add_argument(option, action='store_true', help='see test.sh --help')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
