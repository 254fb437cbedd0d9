"""Synthetic data: make clips or videos, and show with them what a network uses.

    python tools/synthetic.py clips --subset s4 --preset default --out data/synthetic
    python tools/synthetic.py trees --subset davis moca --preset default --out data/synthetic
    python tools/synthetic.py videos --out data/own --num 40
    python tools/synthetic.py twins config/s4/demo.py work_dir/s4/demo/best_mIoU.pth --out DIR
    python tools/synthetic.py listening --subset s4 ms3
    python tools/synthetic.py moving --subset davis a2d vspw

`python tools/synthetic.py COMMAND --help` describes each. avsbench/synthetic/README.md says what is
in the clips, and what scores on them mean.
"""

import argparse
import importlib
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
sys.path[:0] = [str(TOOLS), str(TOOLS.parent)]

from avsbench.utils.cli import run_command

COMMANDS = {
    'clips': "make clips in AVSBench's layout, with ceilings for models that do not listen",
    'trees': 'make videos in the layouts of DAVIS, MoCA ..., with ceilings for single frames',
    'videos': 'make videos and masks, to try training on custom videos with',
    'twins': 'show on videos that the masks follow the audio',
    'moving': 'train on videos, test without motion, and compare with the ceiling',
    'listening': 'train with and without audio, and compare with the ceiling',
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    parsers = {name: commands.add_parser(name, help=text) for name, text in COMMANDS.items()}
    # Only the command that is asked for is imported: some take seconds.
    name = sys.argv[1] if len(sys.argv) > 1 else None
    if name not in COMMANDS:
        parser.parse_args()
        raise AssertionError('argparse accepted a command that there is not')
    module = importlib.import_module(f'synthetic_data.{name}')
    parsers[name].description = module.__doc__
    parsers[name].formatter_class = argparse.RawDescriptionHelpFormatter
    module.add_arguments(parsers[name])
    return module.run(parser.parse_args())


if __name__ == '__main__':
    run_command(main)
