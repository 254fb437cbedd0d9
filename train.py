"""Train a network: `bash train.sh SUBSET CONFIG`, or this file directly for one process."""

import argparse

from avsbench.engine.commands import add_run_arguments, build_runner
from avsbench.processes.group import close_distributed
from avsbench.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='train.sh',
        description='Train a network. Checkpoints, logs and results go to the work dir.',
        epilog='example: GPUS=2 bash train.sh s4 config/s4/pvt2.py --resume',
    )
    add_run_arguments(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='auto|PATH',
        help='go on from the newest checkpoint of the work dir (from the start if there is none), '
        'or from PATH',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on the CPU',
    )
    return parser.parse_args()


def main() -> None:
    """Build the runner of the config and train."""
    build_runner(parse_args()).train()
    close_distributed()


if __name__ == '__main__':
    run_command(main)
