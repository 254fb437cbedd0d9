"""Reads what a training wrote down: mmengine's `scalars.json`, one record a line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from avsbench.utils.errors import DataError

SCALARS = 'vis_data/scalars.json'


@dataclass(frozen=True)
class RunLog:
    """The records of one training, resumed or not.

    Attributes:
        name: of the run, for legends.
        train: a row for each record of the training, its iteration as the index; `loss`, `lr` and
            what else was logged as columns.
        val: a row for each validation, its epoch or iteration as the index.
        by_epoch: whether validations count epochs.
    """

    name: str
    train: pd.DataFrame
    val: pd.DataFrame
    by_epoch: bool


def read_run(path: str | Path) -> RunLog:
    """The log of a training.

    What a resumed training did again replaces what was logged for these steps before. Records of
    tests are left out, and so is a last line that a killed training left unfinished.

    Args:
        path: a work dir, one of the folders by time in it, or a `scalars.json`.

    Raises:
        DataError: there is no such file, none with a training in it, or one is malformed.
    """
    path = Path(path)
    parts = [part for part in map(_read_file, _files(path)) if len(part.train)]
    if not parts:
        raise DataError(f'{path}: its {SCALARS} has no record of a training, only tests')
    name = path.stem if path.is_file() else path.resolve().name
    train, val, by_epoch = parts[0].train, parts[0].val, parts[0].by_epoch
    for part in parts[1:]:
        if part.by_epoch != by_epoch:
            raise DataError(
                f'{path}: some of its trainings count epochs and some iterations, so that they are '
                f'not one run; name one of the folders in it, e.g. {part.name}'
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
    lines = path.read_text(encoding='utf-8').splitlines()
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise DataError(f'{path}, line {number}: no json ({error})') from error
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
        raise DataError(f'{path}: {index!r} is no whole number in every record')
    table = table.set_index(index).sort_index(kind='stable')
    return table.drop(columns='step', errors='ignore')
