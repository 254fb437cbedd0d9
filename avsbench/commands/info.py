"""The work of `avsbench info`."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from avsbench.config.paths import CONFIG_ROOT
from avsbench.utils.env import collect_environment


def run(args: argparse.Namespace) -> None:
    """Run `avsbench info`."""
    found = {**collect_environment(), 'configs': str(CONFIG_ROOT)}
    print(json.dumps(found, indent=2) if args.json else '\n'.join(lines(found)))


def lines(found: dict[str, Any], start: str = '') -> Iterator[str]:
    """One line per value that there is."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield f'{start}{name}:'
            yield from lines(value, f'{start}  ')
        elif value not in (None, []):
            text = ', '.join(map(str, value)) if isinstance(value, list) else value
            yield f'{start}{name + ":":{28 - len(start)}}{text}'
