"""Rename a published checkpoint to this toolbox's keys, or ours to the published ones.

    python tools/convert_checkpoint.py S4_pvt2.pth ours.pth
    python tools/convert_checkpoint.py work_dir/s4/pvt2/best_mIoU.pth for_them.pth --to avsegformer
    python tools/convert_checkpoint.py S4_pvt_best.pth ours.pth --audio vggish-10086976.pth

The layout of a published file is recognised by its keys. Some code bases keep the audio encoder in
a separate file: `--audio` names it, to be read on the way to our keys and to be written on the way
back. The new files hold tensors and plain metadata only and are never written over old ones.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.checkpoint.convert import convert
from avsbench.checkpoint.loading import LAYOUT
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.utils.cli import run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('source', type=Path, metavar='IN')
    parser.add_argument('target', type=Path, metavar='OUT')
    parser.add_argument('--to', default=LAYOUT, help='layout of OUT: avsbench or a system')
    parser.add_argument(
        '--audio', type=Path, metavar='FILE', help='the audio encoder, where it is a separate file'
    )
    parser.add_argument('--config', help='config whose custom_imports register further systems')
    parser.add_argument('--trust-checkpoint', action='store_true', help='unpickle anything')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.config:
        load_config(config_file(args.config))  # runs its custom_imports
    done = convert(args.source, args.target, args.to, audio=args.audio, trust=args.trust_checkpoint)
    print(done)


if __name__ == '__main__':
    run_command(main)
