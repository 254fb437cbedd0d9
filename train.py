"""Train a network: `bash train.sh SUBSET CONFIG`, or this file directly for one process."""

import argparse

from avsbench.engine.commands import add_run_arguments, add_train_arguments, build_runner
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
    add_train_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Build the runner of the config and train."""
    build_runner(parse_args()).train()
    close_distributed()


if __name__ == '__main__':
    run_command(main)
