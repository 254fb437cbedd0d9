"""Make a tree in AVSBench's layout from video files: frames, wav, and log-mel if asked for.

    avsbench data prepare s4 --videos mine --out data/mine
    avsbench data prepare s4 --videos raw_videos --csv s4_meta_data.csv --out data/S4

Without --csv the folders below --videos tell the split (S4: and the category):
`<split>/<category>/<name>.mp4` for s4, `<split>/<name>.mp4` for ms3 and avss, the splits being
train, val and test; the csv is written. With --csv the videos lie in any folders, under the names
in it. Masks are yours to add; where they belong is printed at the end.

    avsbench data prepare custom --videos data/custom/videos --out data/custom

extracts one image per second of custom videos, to draw masks on (docs/custom_data.md).

A clip is the first seconds of a video. Files that are there already stay, so that an interrupted
call goes on where it was. Exit code 1 if a video could not be used; these are named at the end.
"""

import argparse
import os
from pathlib import Path

from avsbench.layouts import LAYOUTS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench data prepare`."""
    parser.add_argument('subset', choices=[*LAYOUTS, 'custom'], help='whose layout the tree has')
    parser.add_argument('--videos', type=Path, required=True, metavar='DIR')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='data_root to make')
    parser.add_argument('--csv', type=Path, help='with the published columns')
    parser.add_argument(
        '--trim',
        action='store_true',
        help='S4: the videos are the untrimmed ones, cut them at `start` of the csv',
    )
    parser.add_argument(
        '--seconds', type=int, help='frames of a clip (default: 5; avss: 10, or 5 with v1 labels)'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs='+',
        metavar='PIXELS',
        help='of a side of the frames, or height and width; 0 keeps theirs (default: 224, the '
        'published size; avss: 0)',
    )
    parser.add_argument(
        '--frames-by',
        choices=['index', 'time'],
        help='which frame stands for a second: by its number, as published, or the one on screen '
        'after 15/16 s, for files with a variable frame rate (default: index)',
    )
    parser.add_argument('--log-mel', action='store_true', help='store log-mel beside the wav')
    parser.add_argument('--overwrite', action='store_true', help='make all files again')
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count(), help='processes (default: %(default)s)'
    )
