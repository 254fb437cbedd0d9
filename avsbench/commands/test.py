"""The work of `avsbench test`, of test.sh and test.py."""

import argparse

from avsbench.engine.commands import build_runner
from avsbench.processes.group import close_distributed


def run(args: argparse.Namespace) -> None:
    """Build the runner of the config and test."""
    build_runner(args).test()
    close_distributed()
