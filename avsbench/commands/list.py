"""The work of `avsbench list`."""

import argparse
from collections.abc import Iterable

from avsbench.config.paths import short_names
from avsbench.utils.errors import ConfigError


def run(args: argparse.Namespace) -> None:
    """Run `avsbench list`."""
    lines = {'configs': short_names, 'systems': systems, 'encoders': encoders}[args.kind]()
    found = [line for line in lines if all(word in line for word in args.words)]
    if not found:
        raise ConfigError(f'avsbench list {args.kind}: no line has {" and ".join(args.words)}')
    print('\n'.join(found))


def systems() -> list[str]:
    """Name, title and configs of each system."""
    from avsbench.registry import SYSTEMS

    SYSTEMS.import_from_location()
    return [f'{name:12} {kind.title}' for name, kind in sorted(SYSTEMS.module_dict.items())]


def encoders() -> Iterable[str]:
    """The networks of timm that a table of the documents measures."""
    from avsbench.analysis.encoders import ENCODERS

    return ENCODERS
