"""Print the resolved config, or what differs between two.

    python tools/print_config.py s4/pvt2.py --cfg-options data_root=data/mine
    python tools/print_config.py s4/pvt2.py s4/res50.py

One config: all its bases in one file, which `train.sh` accepts like any other. Two: a line for each
key, `-` what only the first has, `+` what only the second has, `~` what differs; exit code 1 if
anything does. Parts of a list are named by their type. Overrides apply to both.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.config import Config

from avsbench.config.loading import apply_overrides, load_config, resolved, resolved_text
from avsbench.config.paths import config_file
from avsbench.utils.cli import OverrideAction, run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='a path, also one below config/')
    parser.add_argument('other', nargs='?', help='a second config, to be compared with the first')
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


def differences(first: Config, second: Config) -> Iterator[str]:
    """One line for each key that two configs do not have alike, in the order of the keys."""
    one, other = dict(_leaves(resolved(first))), dict(_leaves(resolved(second)))
    for key in {**one, **other}:
        if key not in other:
            yield f'- {key} = {one[key]!r}'
        elif key not in one:
            yield f'+ {key} = {other[key]!r}'
        elif one[key] != other[key]:
            yield f'~ {key}: {one[key]!r} -> {other[key]!r}'


def _load(name: str, overrides: dict[str, Any]) -> Config:
    cfg = load_config(config_file(name))
    apply_overrides(cfg, overrides)
    return cfg


def _leaves(node: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything below that is no dict and no list of parts.

    A list of parts has its types as a value, so that their order counts, and each part its keys.
    """
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from _leaves(value, f'{path}.{key}' if path else str(key))
    elif isinstance(node, list | tuple) and node and all(_is_part(part) for part in node):
        yield path, [part['type'] for part in node]
        seen: Counter[str] = Counter()
        for part in node:
            seen[part['type']] += 1
            number = seen[part['type']]
            name = part['type'] if number == 1 else f'{part["type"]} {number}'
            rest = {key: value for key, value in part.items() if key != 'type'}
            if rest:
                yield from _leaves(rest, f'{path}[{name}]')
    else:
        yield path, node


def _is_part(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get('type'), str)


if __name__ == '__main__':
    run_command(main)
