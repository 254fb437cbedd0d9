"""Whether a bundle's data and environment are those of this machine."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config

from avsbench.checkpoint.reading import sha256_of
from avsbench.config.loading import apply_overrides, load_config
from avsbench.datasets.fingerprint import HASHES, differences
from avsbench.reproduction.bundle import Bundle, fingerprints, to_text
from avsbench.reproduction.strangers import distrusted
from avsbench.utils.env import collect_environment
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import write_text


@dataclass(frozen=True)
class Findings:
    """What differs here from what a training had; lines of text.

    Attributes:
        data: In its data sets: then it is another training.
        weights: In the weight files that it started from: likewise.
        environment: In versions and hardware: numbers may differ in their last digits, and after
            many steps in more.
        unknown: What can't be told.
    """

    data: list[str]
    weights: list[str]
    environment: list[str]
    unknown: list[str]

    @property
    def same_training(self) -> bool:
        """Whether data and weights are those of the bundle, as far as can be told."""
        return not self.data and not self.weights


def trusted_config(bundle: Bundle, overrides: Mapping[str, Any], *, trust: bool) -> Config:
    """The config of a bundle, changed as the user says.

    Args:
        bundle: Perhaps from a stranger.
        overrides: See `avsbench.config.loading.apply_overrides`.
        trust: Whether it may import modules and name any file.

    Raises:
        ConfigError: It has none, or it needs trust; the keys are named.
    """
    if not bundle.config:
        raise ConfigError('the bundle has no config: its training had one that is no plain data')
    with tempfile.TemporaryDirectory() as folder:  # overrides are looked up in the file
        path = Path(folder, 'config.json')
        write_text(path, to_text(bundle.config))
        # Without trust nothing is imported; the file is read as a config only with it.
        cfg = load_config(path) if trust else Config(bundle.config, filename=str(path))
        apply_overrides(cfg, overrides)
    before = set() if trust else set(distrusted(bundle.config))
    found = [line for line in distrusted(cfg.to_dict()) if line in before]  # not the user's words
    if found:
        lines = '\n  '.join(found[:10])
        raise ConfigError(
            f'the config of this bundle asks for trust:\n  {lines}\n'
            'Change the keys with --cfg-options (data_root=...), or read the config (config.json '
            'in the archive) and pass --trust-config if you know who made it: a config can import '
            'modules, and write files anywhere'
        )
    return cfg


def check_here(bundle: Bundle, cfg: Config) -> Findings:
    """Compare a bundle with this machine.

    Args:
        bundle: The bundle.
        cfg: Its config, see `trusted_config`.
    """
    data, unknown = [], []
    try:
        here = fingerprints(cfg)
    except DataError as error:
        first = str(error).splitlines()[0]
        data.append(f'not usable here: {first}; where is it? --cfg-options data_root=DIR')
        here = {}
    for key in here:
        then = bundle.data.get(key)
        if then is None or any(then.get(name) is None for name in HASHES):
            unknown.append(f'{key}: the bundle has no hashes of its files')
        data += [f'{key}: {line}' for line in differences(then or {}, here[key]) if then]
    return Findings(
        data=data,
        weights=list(_weight_differences(bundle)),
        environment=list(environment_differences(bundle.environment, collect_environment())),
        unknown=unknown,
    )


def environment_differences(
    then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = ''
) -> Iterator[str]:
    """Lines such as `torch: '2.9' then, '2.10' now`."""
    for key in {**then, **now}:
        one, other = then.get(key), now.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from environment_differences(one, other, f'{prefix}{key}.')
        elif one != other:
            yield f'{prefix}{key}: {one!r} then, {other!r} now'


def _weight_differences(bundle: Bundle) -> Iterator[str]:
    files = list(bundle.run.get('weight_files') or ())
    if bundle.run.get('started_from'):
        files.append(bundle.run['started_from'])
    for entry in files:
        if not isinstance(entry, dict) or not isinstance(entry.get('file'), str):
            raise DataError(f'run.json: {entry!r} is no weight file; expected file, bytes, sha256')
        path = Path(entry['file'])
        if not path.is_file():
            yield f'{path}: not here; its SHA-256 is {entry.get("sha256")}'
        elif path.stat().st_size != entry.get('bytes') or sha256_of(path) != entry.get('sha256'):
            yield f'{path}: another file; its SHA-256 was {entry.get("sha256")}'
    for name in bundle.run.get('missing_pretrained') or ():
        if Path(str(name)).is_file():
            yield f'{name}: here, but the training began without it'
