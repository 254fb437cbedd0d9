"""Draw what the pipeline of a config makes of its clips: `avsbench data browse` from a checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.commands.main import program
from avsbench.utils.cli import run_command

main = program('data browse')

if __name__ == '__main__':
    run_command(main)
