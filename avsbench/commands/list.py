"""The work of `avsbench list`."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from avsbench.config.paths import short_names
from avsbench.utils.errors import ConfigError
from avsbench.weights.index import PublishedWeights, read_index
from avsbench.weights.places import place_of


def run(args: argparse.Namespace) -> None:
    """Run `avsbench list`."""
    kinds = {'configs': short_names, 'systems': systems, 'encoders': encoders, 'weights': weights}
    lines = kinds[args.kind]()
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


def weights() -> list[str]:
    """Name of each file of published weights, what it is, and how it is had."""
    index = read_index()
    entries = [*index.weights.values(), *index.encoders.values()]
    width = max(len(entry.name) for entry in entries)
    return [f'{entry.name:{width}}  {entry.what}; {_state(entry)}' for entry in entries]


def _state(entry: PublishedWeights) -> str:
    if any(place.is_file() for place in (place_of(entry), Path('pretrained', entry.file))):
        return 'on this machine'
    return 'downloaded when it is used' if entry.address else f'by hand from {entry.page}'
