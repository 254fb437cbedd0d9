"""Results of tests as files, and whether they may be compared."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avsbench.evaluation.frame_table import COLUMNS
from avsbench.evaluation.result_files import RESULTS
from avsbench.layouts.avss_classes import CLASSES
from avsbench.utils.errors import DataError, examples

_PROTOCOL = ('task', 'num_classes', 'sizes', 'iou_threshold', 'f_beta2', 'f_thresholds')
_TEXT = {'clip': str, 'frame': str, 'classes': str, 'target': str, 'predicted': str}
_TEXT |= {'intersection': str}
_WAY = 'test again with `test.sh`, or score saved masks with `python -m avsbench score`'


@dataclass(frozen=True)
class Result:
    """A result of one trained network.

    Attributes:
        path: The json.
        entry: Its content.
        table: The table of frames, see `avsbench.evaluation.frame_table`.
    """

    path: Path
    entry: dict[str, Any]
    table: pd.DataFrame

    @property
    def semantic(self) -> bool:
        """Whether masks have classes."""
        return self.entry['protocol']['task'] == 'semantic'


@dataclass(frozen=True)
class System:
    """Results of one system, one for each seed that it was trained with."""

    name: str
    results: tuple[Result, ...]


def read_result(path: str | Path) -> Result:
    """Read a result.

    Args:
        path: A json, or the folder that it or its folder `results` is in.

    Raises:
        DataError: There is none, or it has no table of frames, or that is of another result.
    """
    file = _result_file(Path(path))
    try:
        entry = json.loads(file.read_text(encoding='utf-8'))
    except ValueError as error:
        raise DataError(f'{file}: no json ({error})') from error
    if not isinstance(entry, dict) or 'metrics' not in entry:
        raise DataError(f'{file}: no result of a test; {_WAY}')
    table_file = file.parent / str(entry.get('scores'))
    if not entry.get('scores') or not entry.get('protocol') or not table_file.is_file():
        raise DataError(f'{file}: a result without scores of its frames (scores.csv); {_WAY}')
    table = pd.read_csv(table_file, dtype=_TEXT, keep_default_na=False, na_values={'F': ['']})
    if tuple(table.columns) != COLUMNS or not len(table):
        raise DataError(f'{table_file}: not the table of frames that was expected; {_WAY}')
    result = Result(file, entry, table)
    counts = [entry['metrics'].get(name) for name in ('frames', 'frames_padded')]
    if None not in counts and sum(counts) != len(table):
        raise DataError(
            f'{table_file}: it has {len(table)} frames, but the result {file} was of '
            f'{sum(counts)}; they are of different tests: {_WAY}'
        )
    if not result.semantic:
        table = table.astype(dict.fromkeys(('target', 'predicted', 'intersection'), np.int64))
        result = Result(file, entry, table)
        wanted = next((v for k, v in entry['metrics'].items() if k.endswith('mIoU')), None)
        if wanted is None or abs(table.IoU.mean() - wanted) > 1e-6:
            raise DataError(
                f'{table_file}: its frames have a mean IoU of {table.IoU.mean():.6f}, but the '
                f'result {file} says {wanted}; they are of different tests: {_WAY}'
            )
    return result


def read_confusion(result: Result) -> pd.DataFrame:
    """The confusion matrix of a result with classes, in pixels of the frames that exist.

    Returns:
        Labelled classes in rows, predicted ones in columns, by name.

    Raises:
        DataError: There is none, or it is of another result.
    """
    file = result.path.parent / str(result.entry.get('confusion'))
    if not result.entry.get('confusion') or not file.is_file():
        raise DataError(f'{result.path}: a result without confusion matrix (confusion.csv); {_WAY}')
    try:
        table = pd.read_csv(file, index_col=0, keep_default_na=False).astype(np.int64)
    except (ValueError, TypeError, pd.errors.ParserError) as error:
        raise DataError(f'{file}: no confusion matrix ({error}); {_WAY}') from error
    count = result.entry['protocol']['num_classes']
    if table.shape != (count, count) or list(table.index) != list(table.columns):
        raise DataError(f'{file}: expected {count} classes in rows and columns; {_WAY}')
    real = result.table[result.table.padded == 0]
    pixels = int((real.height * real.width).sum())
    if table.to_numpy().sum() != pixels:
        raise DataError(
            f'{file}: it has {table.to_numpy().sum()} pixels, the frames of the result '
            f'{result.path} have {pixels}; they are of different tests: {_WAY}'
        )
    return table


def class_names(result: Result) -> list[str]:
    """Names of the classes of a result with classes; numbers where they are not known."""
    count = result.entry['protocol']['num_classes']
    if result.entry.get('confusion'):
        return list(read_confusion(result).columns)
    return list(CLASSES) if count == len(CLASSES) else [str(index) for index in range(count)]


def _result_file(path: Path) -> Path:
    candidates = [path] if path.is_file() else [path / RESULTS / 'test.json', path / 'test.json']
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise DataError(f'{path}: no result here; looked for {examples(candidates)}')
    return found


def check_comparable(results: Sequence[Result]) -> None:
    """Check that results are of the same clips by the same protocol, and all different.

    Raises:
        DataError: Two are not; both are named.
    """
    first = results[0]
    paths: set[Path] = set()
    for result in results:
        if result.path.resolve() in paths:
            raise DataError(f'{result.path}: given twice; each seed has a result of its own')
        paths.add(result.path.resolve())
        for name, (one, other) in _facts(first, result).items():
            if one != other:
                raise DataError(
                    f'{first.path} and {result.path} do not compare: {name} is {one!r} in the '
                    f'first, {other!r} in the second{_remedy(name)}'
                )
        _check_frames(first, result)


def _facts(first: Result, second: Result) -> dict[str, tuple]:
    pairs = {'subset': tuple(r.entry.get('subset') for r in (first, second))}
    pairs['split'] = tuple((r.entry.get('data') or {}).get('split') for r in (first, second))
    for name in _PROTOCOL:
        pairs[name] = tuple(r.entry['protocol'].get(name) for r in (first, second))
    pairs['frames_padded'] = tuple(int(r.table.padded.sum()) for r in (first, second))
    return pairs


def _remedy(name: str) -> str:
    if name == 'sizes':
        return '; `python -m avsbench score DIR --at labels` scores the masks of both at one size'
    if name == 'frames_padded':
        return '; `python -m avsbench score DIR --no-count-padded` scores no padded frames'
    return ''


def _check_frames(first: Result, second: Result) -> None:
    keys = ['clip', 'frame', 'padded']
    one, other = (set(map(tuple, r.table[keys].values.tolist())) for r in (first, second))
    if one != other:
        raise DataError(
            f'{first.path} and {second.path} do not compare: {len(one - other)} frames are in the '
            f'first only, {len(other - one)} in the second only, such as '
            f'{examples(sorted("/".join(map(str, key[:2])) for key in one ^ other), 3)}'
        )
    tables = (r.table.sort_values(keys, kind='stable') for r in (first, second))
    areas, others = (_labelled(table, first.semantic) for table in tables)
    if areas != others:
        raise DataError(
            f'{first.path} and {second.path} do not compare: the same frames have other labels'
        )


def _labelled(table: pd.DataFrame, semantic: bool) -> list:
    """What is labelled in each frame: its area in pixels, or those of its classes."""
    if not semantic:
        return table.target.tolist()
    pairs = zip(table.classes.str.split(), table.target.str.split(), strict=True)
    return [
        {name: area for name, area in zip(names, areas, strict=True) if float(area)}
        for names, areas in pairs
    ]
