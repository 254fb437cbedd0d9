"""Print the resolved config, or what differs between two.

    python tools/print_config.py s4/pvt2.py --cfg-options data_root=data/mine
    python tools/print_config.py s4/pvt2.py s4/res50.py

One config is printed with all its bases, as a file that `train.sh` accepts. Of two, one line per
key is printed: `-` only in the first, `+` only in the second, `~` different; the exit code is 1 if
anything differs. Parts of a list are named by their type. Overrides apply to both.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.config import Config

from avsbench.config.comparing import differences
from avsbench.config.front_ends import set_front_ends
from avsbench.config.loading import apply_overrides, load_config, resolved_text
from avsbench.config.paths import config_file
from avsbench.utils.cli import OverrideAction, run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='a path, also one relative to config/')
    parser.add_argument('other', nargs='?', help='a config to compare the first with')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    first = _load(args.config, args.cfg_options)
    if args.other is None:
        print(resolved_text(first), end='')
        return 0
    lines = list(differences(first, _load(args.other, args.cfg_options)))
    print('\n'.join(lines) or 'no difference')
    return 1 if lines else 0


def _load(name: str, overrides: dict[str, Any]) -> Config:
    cfg = load_config(config_file(name))
    apply_overrides(cfg, overrides)
    set_front_ends(cfg)
    return cfg


if __name__ == '__main__':
    run_command(main)
