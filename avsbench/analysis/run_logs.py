"""Reads the log of a training: mmengine's `scalars.json`, one record per line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from avsbench.utils.errors import DataError
from avsbench.utils.text import read_text

SCALARS = 'vis_data/scalars.json'


@dataclass(frozen=True)
class RunLog:
    """The records of one training, resumed or not.

    Attributes:
        name: Of the run, for legends.
        train: One row per training record, indexed by iteration; `loss`, `lr` and whatever else was
            logged as columns.
        val: One row per validation, indexed by epoch or iteration.
        by_epoch: Whether validations count epochs.
    """

    name: str
    train: pd.DataFrame
    val: pd.DataFrame
    by_epoch: bool

    def epochs(self) -> pd.Series:
        """Epochs done at each training record, in a training that counts them.

        The last record of an epoch stands where its validation does, at a whole number; those of
        an epoch that was not finished are as far apart as those of the one before.
        """
        epoch = self.train['epoch']
        count = epoch.groupby(epoch).transform('size')
        if epoch.nunique() > 1:
            last, before = sorted(epoch.unique())[:-3:-1]
            count = count.mask(epoch == last, max((epoch == last).sum(), (epoch == before).sum()))
        return epoch - 1 + (epoch.groupby(epoch).cumcount() + 1) / count

    def validation_of(self, name: str) -> str | None:
        """Column of the validations that is the counterpart of a curve; None if there is none."""
        return next((n for n in (name, *counterparts(name)) if n in self.val), None)


def counterparts(name: str) -> tuple[str, ...]:
    """Names under which validations log what trainings log as `name`."""
    return f'val_{name}', f'val/{name}'


def read_run(path: str | Path) -> RunLog:
    """Read the log of a training.

    Steps that a resumed training repeated replace what was logged for them before. Records of tests
    are skipped, and so is a last line that a killed training left unfinished.

    Args:
        path: A work dir, one of the time-stamped folders in it, or a `scalars.json`.

    Raises:
        DataError: There is no such file, none of a training, or one is malformed.
    """
    path = Path(path)
    parts = [part for part in map(_read_file, _files(path)) if len(part.train)]
    if not parts:
        raise DataError(f'{path}: its {SCALARS} has no record of a training, only of tests')
    name = path.stem if path.is_file() else path.resolve().name
    train, val, by_epoch = parts[0].train, parts[0].val, parts[0].by_epoch
    for part in parts[1:]:
        if part.by_epoch != by_epoch:
            raise DataError(
                f'{path}: some of its trainings count epochs and some iterations, so they are not '
                f'one run; name one of the folders in it, e.g. {part.name}'
            )
        first = part.train.index[0]
        train = pd.concat([train[train.index < first], part.train])
        step = part.train['epoch'].iloc[0] if by_epoch else first
        val = pd.concat([val[val.index < step], part.val])
    return RunLog(name, train, val, by_epoch)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f'{path}: no such work dir or scalars.json')
    found = [path / SCALARS] if (path / SCALARS).is_file() else sorted(path.glob(f'*/{SCALARS}'))
    if not found:
        raise DataError(
            f'{path}: no */{SCALARS} in it; name the work dir of a training, e.g. '
            'work_dir/s4/pvt2 (the backend LocalVisBackend writes the file)'
        )
    return found


def _read_file(path: Path) -> RunLog:
    train, val = [], []
    for record in _records(path):
        (train if 'iter' in record else val).append(record)
    by_epoch = any('epoch' in record for record in train)
    return RunLog(
        str(path.parent.parent), _table(train, 'iter', path), _table(val, 'step', path), by_epoch
    )


def _records(path: Path) -> list[dict[str, Any]]:
    lines = read_text(path).splitlines()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            if number == len(lines):
                break
            raise DataError(f'{path}, line {number}: not json ({error})') from error
        if not isinstance(record, dict) or not isinstance(record.get('step'), int):
            raise DataError(
                f"{path}, line {number}: expected an object with the key 'step', as mmengine's "
                'LocalVisBackend writes it'
            )
        records.append(record)
    return records


def _table(records: list[dict[str, Any]], index: str, path: Path) -> pd.DataFrame:
    if not records:
        return pd.DataFrame()
    table = pd.DataFrame(records)
    if not pd.api.types.is_integer_dtype(table[index]):
        raise DataError(f'{path}: {index!r} is not a whole number in every record')
    table = table.set_index(index).sort_index(kind='stable')
    return table.drop(columns='step', errors='ignore')
