"""Train a network. Checkpoints, logs and results go to the work dir.

    avsbench train s4 s4/pvt2
    GPUS=2 avsbench train s4 s4/pvt2 --resume

GPUS=n trains in n processes on this machine, PARTITION=name on SLURM. From a checkout
`bash train.sh` does the same.
"""

import argparse

from avsbench.commands.arguments.running import add_run_arguments, add_train_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench train`."""
    add_run_arguments(parser)
    add_train_arguments(parser)
