"""Intervals of each system, and of the difference of each two."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from avsbench.analysis.comparison.groups import clip_scores
from avsbench.analysis.comparison.resampling import (
    average_seeds,
    bca_interval,
    bootstrap,
    holm,
    jackknife,
    percentile_interval,
    permutation_p,
)
from avsbench.analysis.comparison.results import System, check_comparable
from avsbench.analysis.comparison.statistics import Statistic, statistics_of
from avsbench.options import INTERVALS
from avsbench.utils.checks import check_choice, check_seed
from avsbench.utils.errors import ConfigError, DataError

_TIE = 1e-9  # in J of a clip


@dataclass(frozen=True)
class ComparisonSettings:
    """How systems are compared.

    Attributes:
        resamples: Of the bootstrap, and permutations of the test.
        level: Share of intervals that hold the true value.
        interval: 'bca' or 'percentile'; None for BCa of single results, percentile with seeds.
        seeds: Whether seeds are resampled, too: None where every system has several.
        seed: Of the random numbers.
    """

    resamples: int = 10_000
    level: float = 0.95
    interval: str | None = None
    seeds: bool | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.resamples < 100:
            raise ConfigError(f'resamples: got {self.resamples}, expected 100 or more')
        if not 0.5 <= self.level < 1:
            raise ConfigError(f'level: got {self.level}, expected 0.5 to 1, such as 0.95')
        if self.interval is not None:
            check_choice('interval', self.interval, INTERVALS)
        check_seed('seed', self.seed)


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        scores: One row for each system and score.
        differences: One row for each two systems and score: the first less the second.
        seeds: Whether intervals are about training anew as well, and not only about clips.
        interval: Kind of the intervals.
        clips: C.
        level: Of the intervals.
    """

    scores: pd.DataFrame
    differences: pd.DataFrame
    seeds: bool
    interval: str
    clips: int
    level: float


def compare(systems: Sequence[System], settings: ComparisonSettings) -> Comparison:
    """Compare systems by the same clips.

    Raises:
        DataError: Results are not comparable, or there is one seed where several are needed.
        ConfigError: The settings contradict one another.
    """
    results = [result for system in systems for result in system.results]
    check_comparable(results)
    seeds = _use_seeds(systems, settings.seeds)
    interval = settings.interval or ('percentile' if seeds else 'bca')
    if seeds and interval == 'bca':
        raise ConfigError('interval bca is for clips alone; with seeds, use percentile')
    rngs = iter(np.random.default_rng(settings.seed).spawn(1000))
    ends = np.cumsum([0, *(len(system.results) for system in systems)])
    parts = [slice(*pair) for pair in zip(ends, ends[1:], strict=False)]
    scores, differences = [], []
    for statistic in statistics_of(results):
        worker = _Worker(statistic, parts, seeds, interval, settings, next(rngs))
        names = [system.name for system in systems]
        scores += [worker.score(name, index) for index, name in enumerate(names)]
        rows = [
            {'a': names[i], 'b': names[j], **worker.difference(i, j)}
            for i, j in combinations(range(len(systems)), 2)
        ]
        for row, corrected in zip(rows, holm([row['p'] for row in rows]), strict=True):
            row['p_holm'] = corrected
        differences += rows
    table = pd.DataFrame(differences)
    if len(systems) > 1:
        table = table.merge(_wins(systems), on=['a', 'b'])
    clips = len(set(results[0].table['clip']))
    return Comparison(pd.DataFrame(scores), table, seeds, interval, clips, settings.level)


class _Worker:
    """One score of all systems."""

    def __init__(
        self,
        statistic: Statistic,
        parts: Sequence[slice],
        seeds: bool,
        interval: str,
        settings: ComparisonSettings,
        rng: np.random.Generator,
    ) -> None:
        self.statistic, self.interval, self.settings, self.rng = statistic, interval, settings, rng
        features, value = statistic.features, statistic.value
        drawn = bootstrap(value, features, settings.resamples, rng)
        single = np.array([value(part.sum(0)) for part in features])
        self.per_seed = [single[part] for part in parts]
        self.values = [
            average_seeds(drawn[part], rng) if seeds else drawn[part].mean(0) for part in parts
        ]
        self.features = [np.mean(features[part], axis=0) for part in parts]
        self.jackknives = [
            np.mean([jackknife(value, seed) for seed in features[part]], axis=0) for part in parts
        ]

    def score(self, name: str, index: int) -> dict:
        seeds = self.per_seed[index]
        low, high = self._interval(self.values[index], seeds.mean(), self.jackknives[index])
        spread = float(seeds.std(ddof=1)) if len(seeds) > 1 else None
        return {
            'system': name,
            'score': self.statistic.name,
            'value': float(seeds.mean()),
            'low': low,
            'high': high,
            'seeds': len(seeds),
            'std_of_seeds': spread,
        }

    def difference(self, one: int, other: int) -> dict:
        estimate = float(self.per_seed[one].mean() - self.per_seed[other].mean())
        jack = self.jackknives[one] - self.jackknives[other]
        low, high = self._interval(self.values[one] - self.values[other], estimate, jack)
        p = permutation_p(
            self.statistic.value,
            self.features[one],
            self.features[other],
            self.settings.resamples,
            self.rng,
        )
        name = self.statistic.name
        return {'score': name, 'difference': estimate, 'low': low, 'high': high, 'p': p}

    def _interval(
        self, values: np.ndarray, estimate: float, jack: np.ndarray
    ) -> tuple[float, float]:
        if self.interval == 'bca':
            return bca_interval(values, estimate, jack, self.settings.level)
        return percentile_interval(values, self.settings.level)


def _use_seeds(systems: Sequence[System], wanted: bool | None) -> bool:
    single = [system for system in systems if len(system.results) == 1]
    if wanted and single:
        raise DataError(
            f'several seeds are asked for, but {single[0].name} has one result '
            f'({single[0].results[0].path}): train with other seeds, or leave out --seeds'
        )
    return not single if wanted is None else wanted


def _wins(systems: Sequence[System]) -> pd.DataFrame:
    """How many clips each of two systems wins, by J."""
    scores = clip_scores(systems)
    rows = []
    for one, other in combinations(scores.columns, 2):
        gap = scores[one] - scores[other]
        wins = {'wins_a': int((gap > _TIE).sum()), 'wins_b': int((gap < -_TIE).sum())}
        rows.append({'a': one, 'b': other, **wins, 'ties': len(gap) - sum(wins.values())})
    return pd.DataFrame(rows)
