"""Test a checkpoint. The results are printed as a table, and written to results/ in the work dir.

    avsbench test s4 s4/pvt2 work_dir/s4/pvt2/best_mIoU.pth

GPUS=n tests in n processes on this machine, PARTITION=name on SLURM. From a checkout
`bash test.sh` does the same.
"""

import argparse

from avsbench.commands.arguments.running import add_run_arguments, add_test_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench test`."""
    add_run_arguments(parser)
    parser.add_argument('checkpoint', help='of this toolbox, or published by a supported system')
    add_test_arguments(parser)
