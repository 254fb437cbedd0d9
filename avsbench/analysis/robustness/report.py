"""Robustness as files: Markdown, csv and json, and a table of several systems."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avsbench.analysis.robustness.measuring import (
    AREA,
    FPR,
    LEAK,
    MARKED,
    MEANINGS,
    RETAINED,
    SENSITIVITY,
    J,
)
from avsbench.analysis.robustness.settings import RobustnessSettings
from avsbench.utils.errors import DataError
from avsbench.utils.files import write_json, write_text
from avsbench.utils.text import read_json

FILES = ('robustness.md', 'robustness.csv', 'robustness.json')
_COLUMNS = {
    'J': (J,),
    'leak mIoU': (LEAK,),
    'retained J': (RETAINED,),
    'FPR': (FPR,),
    'frames marked': (MARKED,),
    'sensitivity': (SENSITIVITY,),
}


@dataclass(frozen=True)
class Robustness:
    """How a network takes other sounds.

    Attributes:
        scores: One row for each condition and metric: condition, truth (what is to be marked),
            clips, metric, value, low, high.
        unavailable: Condition -> why no clip of the data can have it.
        left_out: Condition -> why some clips are not in it.
        facts: Subset, split, clips, config, checkpoint, front end, where the sound comes from.
        settings: What was run.
    """

    scores: pd.DataFrame
    unavailable: dict[str, str]
    left_out: dict[str, str]
    facts: dict[str, Any]
    settings: RobustnessSettings

    def value(self, condition: str, metric: str) -> float:
        """A number; NaN where it does not exist.

        Args:
            condition: Such as 'silence'.
            metric: Such as 'FPR', one of `avsbench.analysis.robustness.METRICS`.
        """
        row = self.scores[(self.scores.condition == condition) & (self.scores.metric == metric)]
        return float(row.value.iloc[0]) if len(row) else float('nan')


def write_robustness(folder: Path, found: Robustness) -> None:
    """Write the three `FILES`."""
    write_text(folder / FILES[0], markdown(found))
    write_text(folder / FILES[1], found.scores.to_csv(index=False))
    content = {**asdict(found), 'scores': found.scores.to_dict('records')}
    write_json(folder / FILES[2], content)


def read_robustness(folder: str | Path) -> Robustness:
    """Read what `write_robustness` wrote.

    Raises:
        DataError: The folder holds no such file, or another one.
    """
    path = Path(folder, FILES[2])
    try:
        content = read_json(path)
        settings = RobustnessSettings(**content.pop('settings'))
        numbers = dict.fromkeys(('value', 'low', 'high'), float)  # null is NaN
        scores = pd.DataFrame(content.pop('scores')).astype(numbers)
        return Robustness(scores=scores, settings=settings, **content)
    except (FileNotFoundError, TypeError, KeyError) as error:
        raise DataError(
            f'{path}: no result of `avsbench robustness` ({type(error).__name__}: {error})'
        ) from error


def markdown(found: Robustness) -> str:
    """One table, and what it depends on."""
    facts, level = found.facts, f'{100 * found.settings.level:g} %'
    lines = [
        f'# Robustness to sound: {facts["subset"]}, split {facts["split"]}',
        '',
        f'{facts["clips"]} clips, {facts["config"]} with {facts["checkpoint"]}. All sounds but '
        f'those of `published_front_end_*` pass the front end {facts["front_end"]}, computed from '
        f'{facts["audio"]}. In brackets {level} intervals (BCa) over {facts["resampled"]}: of this '
        'network on others, not of another training.',
        '',
        '| condition | to mark | clips | ' + ' | '.join(_COLUMNS) + ' |',
        '|' + ' --- |' * (3 + len(_COLUMNS)),
    ]
    for condition, rows in found.scores.groupby('condition', sort=False):
        first = rows.iloc[0]
        cells = [_cell(rows, names) for names in _COLUMNS.values()]
        lines.append('| ' + ' | '.join([condition, first.truth, str(first.clips), *cells]) + ' |')
    for condition, reason in found.unavailable.items():
        empty = ' |' * len(_COLUMNS)
        lines.append(f'| {condition} | not available: {reason} | 0 |{empty}')
    lines += ['', *(f'* **{n}**: {MEANINGS[n]}.' for n in MEANINGS if n != AREA)]
    lines += [f'* {name}: {reason}.' for name, reason in found.left_out.items()]
    lines += [f'* {note}.' for note in facts['notes']]
    return '\n'.join([*lines, ''])


def systems_table(systems: Mapping[str, Sequence[Robustness]]) -> str:
    """One row for each system, one column for each condition, as Markdown.

    A cell has J where the labels hold, or hold later, and FPR where nothing is to be marked. Of
    several seeds it has the mean, and after ± their standard deviation.

    Args:
        systems: Name -> one result for each seed, with the same conditions.

    Raises:
        DataError: The results are of different data or conditions.
    """
    results = [found for seeds in systems.values() for found in seeds]
    first = results[0]
    for other in results[1:]:
        for key in ('subset', 'split', 'clips'):
            if other.facts[key] != first.facts[key]:
                raise DataError(
                    f'{first.facts["checkpoint"]} and {other.facts["checkpoint"]} were measured on '
                    f'different data: {key} {first.facts[key]!r} and {other.facts[key]!r}'
                )
        if _conditions(other) != _conditions(first):
            raise DataError(
                f'{first.facts["checkpoint"]} and {other.facts["checkpoint"]} were measured under '
                'different conditions; run both with the same options'
            )
    columns = _conditions(first)
    heads = [f'{condition}: {metric}' for condition, metric in columns]
    lines = ['| system | ' + ' | '.join(heads) + ' |', '|' + ' --- |' * (1 + len(heads))]
    for name, seeds in systems.items():
        cells = [_mean_text([found.value(*column) for found in seeds]) for column in columns]
        lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    return '\n'.join([*lines, ''])


def _conditions(found: Robustness) -> list[tuple[str, str]]:
    """The conditions, each with the metric that says most."""
    rows = found.scores[found.scores.metric.isin((J, FPR))]
    return list(zip(rows.condition, rows.metric, strict=True))


def _mean_text(values: Sequence[float]) -> str:
    """The mean of several seeds, and after ± their standard deviation."""
    text = f'{np.mean(values):.3f}'
    return text if len(values) == 1 else f'{text} ± {np.std(values, ddof=1):.3f}'


def _cell(rows: pd.DataFrame, names: Sequence[str]) -> str:
    row = rows[rows.metric.isin(names)]
    if not len(row) or np.isnan(row.value.iloc[0]):
        return ''
    value, low, high = row[['value', 'low', 'high']].to_numpy(float)[0]
    return f'{value:.3f}' + ('' if np.isnan(low) else f' [{low:.3f}, {high:.3f}]')
