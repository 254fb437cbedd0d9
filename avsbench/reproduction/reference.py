"""Reference curves: what a training of a config looks like, and whether another one is like it.

A reference is a small json of the curves of one config with several seeds. Another training is
compared with the interval that a further training of the same kind falls into with a probability
of at least 95 %: mean of the seeds plus or minus t * s * sqrt(1 + 1 / n), where s is the standard
deviation of the n seeds, as the root mean square over `WINDOW` neighbouring points, since that of
three numbers alone varies much, and t is Student's for n - 1 degrees of freedom. Where neighbouring
points differ independently, s is known better than t takes for granted, and the interval is wider
than it need be.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from scipy.special import stdtrit

from avsbench.analysis.curves import LOSS, Curves
from avsbench.datasets.fingerprint import HASHES, Fingerprint
from avsbench.engine.settings import settings_of
from avsbench.reproduction.bundle import Bundle
from avsbench.utils.errors import DataError
from avsbench.utils.text import read_json

FORMAT = 1
LEVEL = 0.95
WINDOW = 5
KEPT = (LOSS, 'mIoU', 'F_all')


@dataclass(frozen=True)
class Reference:
    """Curves of one config with several seeds.

    Attributes:
        config: Its file, such as 's4/avsegformer_demo.py'.
        settings: Hash of what a training depends on, see `settings_hash`.
        data: {loader: hashes and number of clips}, as far as known.
        runs: One for each seed: seed, git_commit, torch, cpu, gpus.
        curves: In the order of `runs`.
    """

    config: str
    settings: str
    data: dict[str, dict[str, Any]]
    runs: tuple[dict[str, Any], ...]
    curves: tuple[Curves, ...]

    @property
    def seeds(self) -> list[int]:
        """Of the trainings."""
        return [run['seed'] for run in self.runs]

    def to_json(self) -> dict[str, Any]:
        """Plain data, that `read_reference` reads."""
        return {
            'format': FORMAT,
            'config': self.config,
            'num_seeds': len(self.runs),
            'settings_sha256': self.settings,
            'data': self.data,
            'runs': [
                {**run, **curves.to_json()}
                for run, curves in zip(self.runs, self.curves, strict=True)
            ],
        }


@dataclass(frozen=True)
class Band:
    """What is expected of a curve.

    Attributes:
        at: (P,) positions.
        mean: (P,) mean of the seeds.
        low: (P,) lower end of the interval for a further training; NaN with one seed.
        high: (P,) its upper end.
    """

    at: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def make_reference(bundles: Sequence[Bundle], sources: Sequence[str]) -> Reference:
    """Make the reference of a config from its trainings.

    Args:
        bundles: Trainings of the same config on the same data, with different seeds.
        sources: Where each comes from, for errors.

    Raises:
        DataError: They are not, or one has not come to its end.
    """
    first = bundles[0]
    settings = settings_hash(first.config)
    for bundle, source in zip(bundles, sources, strict=True):
        if settings_hash(bundle.config) != settings:
            raise DataError(f'{sources[0]} and {source} have different settings, see config.py')
        if hashes(bundle.data) != hashes(first.data):
            raise DataError(f'{sources[0]} and {source} were trained on different data')
        if not is_whole(bundle):
            raise DataError(f'{source}: its training has not finished')
    seeds = [bundle.run['seed'] for bundle in bundles]
    if len(set(seeds)) < len(seeds):
        raise DataError(f'{", ".join(sources)}: seeds {seeds}, expected different ones')
    order = np.argsort(seeds, kind='stable')
    chosen = [bundles[index] for index in order]
    return Reference(
        config=str(first.run.get('config_file')),
        settings=settings,
        data=hashes(first.data),
        runs=tuple(map(_facts, chosen)),
        curves=tuple(_kept(bundle.curves) for bundle in chosen),
    )


def is_whole(bundle: Bundle) -> bool:
    """Whether the curve of a training by epochs reaches the last one."""
    end = (bundle.config.get('train_cfg') or {}).get('max_epochs')
    return end is None or end in bundle.curves.curves.get(LOSS, {})


def settings_hash(config: dict[str, Any]) -> str:
    """Hash of what a training depends on, without seed and place of the data."""
    settings = settings_of(Config(config))
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def hashes(data: dict[str, Fingerprint]) -> dict[str, dict[str, Any]]:
    """Number of clips and hashes of the data sets, of all that is known of them."""
    return {key: {name: of.get(name) for name in ('clips', *HASHES)} for key, of in data.items()}


def read_reference(path: str | Path) -> Reference:
    """Read a reference.

    Raises:
        DataError: It is none.
    """
    try:
        content = read_json(path)
    except FileNotFoundError as error:
        raise DataError(f'{path}: no such reference') from error
    try:
        if content['format'] != FORMAT:
            raise DataError(f'{path}: format {content["format"]!r}, expected {FORMAT}')
        runs = content['runs']
        curves = tuple(Curves.from_json(run, str(path)) for run in runs)
        facts = tuple(
            {key: value for key, value in run.items() if key not in ('unit', 'curves')}
            for run in runs
        )
        if not runs or not all(isinstance(run['seed'], int) for run in facts):
            raise ValueError('no runs with seeds')
        return Reference(
            config=str(content['config']),
            settings=str(content['settings_sha256']),
            data=dict(content['data']),
            runs=facts,
            curves=curves,
        )
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise DataError(
            f'{path}: no reference, as tools/make_reference.py writes one ({error})'
        ) from error


def band_of(reference: Reference, name: str) -> Band:
    """What is expected of a curve; at the positions that all seeds have.

    Raises:
        DataError: The reference does not have the curve.
    """
    curves = [curves.curves.get(name, {}) for curves in reference.curves]
    at = sorted(set.intersection(*(set(curve) for curve in curves)))
    if not at:
        raise DataError(f'the reference {reference.config} has no curve {name!r}')
    values = np.array([[curve[place] for place in at] for curve in curves])  # (n, P)
    mean, seeds = values.mean(0), len(values)
    if seeds == 1:
        unknown = np.full(len(at), math.nan)
        return Band(np.array(at), mean, unknown, unknown)
    spread = _smooth(values.std(0, ddof=1))
    width = stdtrit(seeds - 1, (1 + LEVEL) / 2) * spread * math.sqrt(1 + 1 / seeds)
    return Band(np.array(at), mean, mean - width, mean + width)


def verdict(reference: Reference, curves: Curves, name: str) -> str:
    """Whether a curve is like those of the reference, in words."""
    band, curve, unit = band_of(reference, name), curves.curves.get(name, {}), curves.unit
    known = np.array([int(at) in curve for at in band.at])
    if not known.any():
        return f'{name}: no point in common with the reference'
    at, mean, low, high = (part[known] for part in (band.at, band.mean, band.low, band.high))
    values = np.array([curve[int(place)] for place in at])
    now = f'{name}: {values[-1]:.4g} at {unit} {at[-1]}, mean of the reference {mean[-1]:.4g}'
    if len(reference.runs) == 1:
        return f'{now}; one seed has no spread, so nothing is inside or outside of it'
    outside = np.flatnonzero(~((low <= values) & (values <= high)))
    if not len(outside):
        return f'{now}; inside the spread at all {len(at)} {unit}s'
    first = outside[0]
    return (
        f'{now}; OUTSIDE the spread at {len(outside)} of {len(at)} {unit}s, first at {unit} '
        f'{at[first]}: {values[first]:.4g}, expected {low[first]:.4g} to {high[first]:.4g}'
    )


def find_reference(folder: Path, config: dict[str, Any]) -> Path | None:
    """The reference of a config among those of a folder."""
    settings = settings_hash(config)
    files = sorted(folder.glob('*.json'))
    return next((file for file in files if read_reference(file).settings == settings), None)


def shared_curves(reference: Reference) -> list[str]:
    """Names of the curves that all seeds have."""
    return [name for name in KEPT if all(name in curves.curves for curves in reference.curves)]


def _smooth(spread: np.ndarray) -> np.ndarray:
    half = WINDOW // 2
    places = range(len(spread))
    windows: Iterable[np.ndarray] = (spread[max(0, i - half) : i + half + 1] for i in places)
    return np.sqrt([np.mean(window**2) for window in windows])


def _facts(bundle: Bundle) -> dict[str, Any]:
    environment = bundle.environment
    names = ('git_commit', 'torch', 'cpu', 'gpus')
    return {'seed': bundle.run['seed'], **{name: environment.get(name) for name in names}}


def _kept(curves: Curves) -> Curves:
    """Losses and headline metrics alone, with the digits that matter."""
    return Curves(
        curves.unit,
        {
            name: {at: float(f'{value:.6g}') for at, value in curve.items()}
            for name, curve in curves.curves.items()
            if name in KEPT
        },
    )
