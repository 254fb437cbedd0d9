"""Mark the sounding or moving objects of a video: overlay, masks, table, contact sheet.

    avsbench video IN.mp4 s4/pvt2 CHECKPOINT --out OUT.mp4

OUT.mp4 has the video's audio track. Besides it writes OUT.csv (number of the mask, the second at
which it starts, class, area as a fraction of the image, mean probability) and OUT.png (some frames
with their masks, the audio if the network reads it, the area over time). A network without sound,
e.g. config/davis/medvt_swinb.py, needs no audio track.

    ffmpeg ... -f matroska - | avsbench video - s4/pvt2 CHECKPOINT --out OUT.mp4

A pipe (-), a camera (camera:0) and a file that is still being written (--follow 5) are marked as
they come: a few seconds behind, and OUT.mp4 plays at any time. Ctrl-C ends them.
"""

import argparse
from pathlib import Path

from avsbench.commands.arguments.network import (
    add_amp_argument,
    add_config_and_checkpoint,
    add_network_arguments,
    join_names,
)
from avsbench.options import WINDOWS
from avsbench.utils.colours import parse_colour
from avsbench.utils.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench video`."""
    parser.add_argument('video', type=Path, metavar='IN.mp4', help='the video; or - or camera:0')
    add_config_and_checkpoint(parser)
    parser.add_argument('--out', type=Path, required=True, metavar='OUT.mp4', help='or .mov, .mkv')
    parser.add_argument(
        '--masks', type=Path, metavar='DIR', help='also write the masks: 1.png, 2.png, ...'
    )
    parser.add_argument(
        '--fps',
        type=int,
        metavar='F',
        help='masks per second (default: 1; with a network that sees consecutive frames, a mask of '
        'each frame)',
    )
    parser.add_argument(
        '--windows',
        choices=WINDOWS,
        help='for networks that see T consecutive frames: disjoint predicts each frame once; '
        'centre in the middle of a clip of its own, as tests do, and takes T times as long '
        '(default: disjoint; for A2D, whose networks learn one frame of a clip, centre)',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        metavar='T',
        help='mark pixels whose probability exceeds T; with several classes, that of the most '
        'probable one without the background (default: 0.5; with several classes, the most '
        'probable one, which may be the background)',
    )
    parser.add_argument(
        '--color',
        type=colour,
        metavar='NAME',
        help='colour of the masks in the video, such as red or #ff0000, of a network with one '
        'class (default: orange)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace existing results')
    parser.add_argument(
        '--batch-size', type=int, default=1, help='clips per batch (of clips of seconds, at most F)'
    )
    add_follow_argument(parser)
    add_network_arguments(parser)
    add_amp_argument(parser)


def add_follow_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--follow`."""
    parser.add_argument(
        '--follow',
        type=float,
        metavar='SECONDS',
        help='the file is still being written: read on until it has not grown for so long',
    )


def colour(text: str) -> tuple[int, int, int]:
    """RGB, 0 to 255, of a colour by name or number."""
    try:
        return parse_colour(text)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where arguments are missing, given twice, or not for a video that is going on."""
    join_names(parser, args)
    live = args.follow is not None or str(args.video) == '-' or str(args.video)[:7] == 'camera:'
    if live and args.batch_size != 1:
        parser.error('--batch-size: clips of a video that is going on come one by one')
    if live and args.windows == 'centre':
        parser.error('--windows centre: depends on the end of a video, and this one is going on')
