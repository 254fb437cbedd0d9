"""Mark the sounding or moving objects of a video: `avsbench video` from a checkout."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.commands.main import program
from avsbench.utils.cli import run_command

main = program('video')

if __name__ == '__main__':
    run_command(main)
