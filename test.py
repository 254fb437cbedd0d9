"""Test a checkpoint: `bash test.sh SUBSET CONFIG CHECKPOINT`, or this file for one process."""

import argparse

from avsbench.engine.commands import add_run_arguments, add_test_arguments, build_runner
from avsbench.processes.group import close_distributed
from avsbench.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='test.sh',
        description='Test a checkpoint. The results are printed as a table, and written to '
        'results/ in the work dir.',
        epilog='example: bash test.sh s4 config/s4/pvt2.py work_dir/s4/pvt2/best_mIoU.pth',
    )
    add_run_arguments(parser)
    parser.add_argument('checkpoint', help='of this toolbox, or published by a supported system')
    add_test_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Build the runner of the config and test."""
    build_runner(parse_args()).test()
    close_distributed()


if __name__ == '__main__':
    run_command(main)
