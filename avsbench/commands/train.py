"""The work of `avsbench train`, of train.sh and train.py."""

import argparse

from avsbench.engine.commands import build_runner
from avsbench.processes.group import close_distributed


def run(args: argparse.Namespace) -> None:
    """Build the runner of the config and train."""
    build_runner(args).train()
    close_distributed()
