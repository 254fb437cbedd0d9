"""Make the table of visual encoders, docs/encoders.md, or print the config of a backbone.

    python tools/list_encoders.py
    python tools/list_encoders.py --config vit_small_patch14_dinov2

The networks are built without values, so the largest takes no memory and no weights are read.
"""

import argparse
import sys
from pathlib import Path
from pprint import pprint

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsbench.analysis.encoders import ENCODERS, encoder_config, encoders_page, measure_encoder
from avsbench.utils.cli import run_command
from avsbench.utils.files import write_text


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--config', metavar='NETWORK', help='a network of timm: print its config, make no table'
    )
    parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'encoders.md', metavar='FILE')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.config is not None:
        pprint(encoder_config(args.config), sort_dicts=False)
        return
    rows = []
    for name in ENCODERS:
        print(name, flush=True)
        rows.append(measure_encoder(name))
    write_text(args.out, encoders_page(rows))


if __name__ == '__main__':
    run_command(main)
