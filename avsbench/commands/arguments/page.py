"""A local page: a video in, the same video with its sounding or moving objects marked out.

    avsbench page s4/pvt2 CHECKPOINT

Open the address that is printed. Only this machine reaches it unless --host says otherwise.
"""

import argparse
import re

from avsbench.commands.arguments.network import (
    add_amp_argument,
    add_config_and_checkpoint,
    add_network_arguments,
    join_names,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench page`."""
    add_config_and_checkpoint(parser)
    parser.add_argument('--host', default='127.0.0.1', help='default: %(default)s')
    parser.add_argument('--port', type=int, help='default: the first free one from 7860')
    parser.add_argument('--max-upload', default='500mb', help='size of a video: %(default)s')
    parser.add_argument(
        '--max-seconds', type=float, default=600, help='length of a video: %(default)s'
    )
    add_network_arguments(parser)
    add_amp_argument(parser)


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where config or checkpoint are missing or given twice, or a number can't be used."""
    join_names(parser, args)
    if args.port is not None and not 1 <= args.port <= 65535:
        parser.error(f'--port {args.port}: expected 1 to 65535')
    if not re.fullmatch(r'\d*[1-9]\d*\s*[kmgt]?b', args.max_upload, re.IGNORECASE):
        parser.error(
            f'--max-upload {args.max_upload}: expected a whole number and a unit, such as 500mb'
        )
    if not args.max_seconds > 0:
        parser.error(f'--max-seconds {args.max_seconds:g}: expected more than 0')
