"""The index of published weights, index.yaml: what is known of each, and nothing that is not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from avsbench.utils.errors import CheckpointError, nearest

INDEX = Path(__file__).with_name('index.yaml')
_NAME = re.compile(r'[a-z0-9_]+')


@dataclass(frozen=True)
class PublishedWeights:
    """One file of published weights.

    Attributes:
        name: What it is called here.
        what: In words.
        page: Where its makers have it, without 'https://'.
        file: Name that it has on this machine.
        address: Of the file itself; None where it is fetched by hand.
        hosts: That a download may come from; '.a.org' stands for all hosts under a.org.
        by_hand: What to do on the page.
        original: Name of the file on the page, where that is another.
        sha256: 64 hexadecimal digits, or the first of them; None if unknown.
        licence: None if unknown.
        system: Name in `SYSTEMS`; None for an encoder.
        subset: That it was trained for.
        config: Its short name.
        backbone: As the published results name it.
        pixels: As the published results name them.
        published: The result, where the table of published results has none.
        needs: Encoders whose weights are not in the file.
        note: What else a user should know.
    """

    name: str
    what: str
    page: str
    file: str
    address: str | None = None
    hosts: tuple[str, ...] = ()
    by_hand: str | None = None
    original: str | None = None
    sha256: str | None = None
    licence: str | None = None
    system: str | None = None
    subset: str | None = None
    config: str | None = None
    backbone: str | None = None
    pixels: str | None = None
    published: str | None = None
    needs: tuple[str, ...] = ()
    note: str | None = None


@dataclass(frozen=True)
class Index:
    """What index.yaml holds.

    Attributes:
        weights: Those of whole networks by name.
        encoders: Those that trainings start from by name.
        systems: Page and available weights of each system, by its registered name.
    """

    weights: dict[str, PublishedWeights]
    encoders: dict[str, PublishedWeights]
    systems: dict[str, dict[str, str]]

    def find(self, name: str) -> PublishedWeights:
        """Weights by their name.

        Raises:
            CheckpointError: There are none of that name.
        """
        known = {**self.weights, **self.encoders}
        if name not in known:
            raise CheckpointError(
                f'no published weights are called {name!r}{nearest(name, known)}; '
                '`avsbench list weights` lists them'
            )
        return known[name]

    def encoder_of(self, path: str | Path) -> PublishedWeights | None:
        """The encoder whose file has the name of this one."""
        name = Path(path).name
        return next((entry for entry in self.encoders.values() if entry.file == name), None)


@cache
def read_index(path: Path = INDEX) -> Index:
    """Read the index.

    Raises:
        CheckpointError: An entry says too little, or something else than what is known.
    """
    content = yaml.safe_load(path.read_text(encoding='utf-8'))
    hosts = content['hosts']
    systems = content['systems']
    weights = {}
    for name, entry in content['weights'].items():
        system = systems[entry['system']]
        title = f'{entry["system"]}, {entry["backbone"]}, {entry["subset"]}'
        weights[name] = _entry(name, {'what': title, 'page': system['page'], **entry}, hosts)
    encoders = {name: _entry(name, entry, hosts) for name, entry in content['encoders'].items()}
    return Index(weights, encoders, systems)


def published_weights(name: Any) -> PublishedWeights | None:
    """The weights of a whole network that a user means by a word; None if it may be a path.

    A file of that name in the current folder comes first.

    Raises:
        CheckpointError: It looks like a name, and there is neither file nor entry.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or Path(name).exists():
        return None
    index = read_index()
    if name in index.weights:
        return index.weights[name]
    if name in index.encoders:
        raise CheckpointError(
            f'{name}: weights of an encoder, which a training starts from, not of a whole network; '
            f'`avsbench fetch {name}` puts them where the configs look for them'
        )
    raise CheckpointError(
        f'{name}: no such checkpoint file, and no published weights are called so'
        f'{nearest(name, index.weights)}; `avsbench list weights` lists them'
    )


def _entry(
    name: str, content: Mapping[str, Any], hosts: Mapping[str, list[str]]
) -> PublishedWeights:
    unknown = content.keys() - {field.name for field in fields(PublishedWeights)}
    if unknown:
        raise CheckpointError(f'{INDEX}: {name}: unknown keys {", ".join(sorted(unknown))}')
    values = {
        key: value if isinstance(value, list) else str(value) for key, value in content.items()
    }
    values['needs'] = tuple(values.get('needs', ()))
    values['hosts'] = tuple(hosts[values['hosts']]) if 'hosts' in values else ()
    entry = PublishedWeights(**{'file': f'{name}.pth', **values, 'name': name})
    _check(entry)
    return entry


def _check(entry: PublishedWeights) -> None:
    problem = None
    if not _NAME.fullmatch(entry.name):
        problem = 'a name has small letters, digits and underscores'
    elif not (entry.address or entry.by_hand):
        problem = 'neither an address nor what to do by hand'
    elif entry.address and not urlsplit(entry.address).hostname:
        problem = f'{entry.address} is no address'
    elif entry.sha256 and not re.fullmatch(r'[0-9a-f]{8,64}', entry.sha256):
        problem = f'sha256 {entry.sha256!r}: 8 to 64 hexadecimal digits'
    elif Path(entry.file).name != entry.file:
        problem = f'file {entry.file!r} is no plain name'
    if problem:
        raise CheckpointError(f'{INDEX}: {entry.name}: {problem}')
