"""Reads the csv that lists the clips of a subset: by column name, whatever order they come in."""

import warnings
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pandas as pd

from avsbench.layouts import Layout
from avsbench.utils.errors import DataError, counted, examples, nearest
from avsbench.utils.text import read_text

FIRST_ROW = 2  # line of the first clip: the header is line 1, as editors and spreadsheets count


def read_csv(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """All rows of a csv, every cell a string without surrounding blanks.

    A byte order mark, Windows line ends, another order of columns, further columns and empty lines
    are fine; ids such as `NA` stay what they are.

    Args:
        path: The csv.
        columns: Names of the columns that are needed.

    Returns:
        The columns asked for and `csv_row`, the line in the file.

    Raises:
        DataError: The file is missing or no csv, lacks a column, or a needed cell is empty.
    """
    table = _parse(Path(path))
    for name in columns:
        if (table.columns == name).sum() > 1:
            raise DataError(
                f'{path}: more than one column is called {name!r}; delete or rename all but one in '
                'the first line of the file'
            )
        if name not in table.columns:
            found = ', '.join(repr(column) for column in table.columns)
            guess = nearest(name, table.columns) or '.'
            raise DataError(
                f'{path}: no column {name!r}{guess} Columns found: {found}; needed: '
                f'{", ".join(columns)}. Rename the column in the first line of the file'
            )
    table = table[list(columns)].apply(lambda column: column.str.strip())
    table['csv_row'] = range(FIRST_ROW, FIRST_ROW + len(table))
    table = table[(table[list(columns)] != '').any(axis=1)]
    for name in columns:
        empty = table.csv_row[table[name] == '']
        if len(empty):
            raise DataError(
                f'{path}: column {name!r} is empty in row {examples(empty)}; fill it or delete the '
                'row'
            )
    return table


def select_split(table: pd.DataFrame, split: str, path: str | Path) -> pd.DataFrame:
    """The rows of one split.

    Args:
        table: From `read_csv`, with a column `split`.
        split: Name of the split.
        path: The csv, for the error.

    Raises:
        DataError: The split has no clips.
    """
    rows = table[table.split == split]
    if not len(rows):
        counts = table.split.value_counts()
        found = examples(f'{name!r} ({counted(count, "clip")})' for name, count in counts.items())
        raise DataError(
            f'{path}: no clips of split {split!r}{nearest(split, counts.index) or "."} '
            f'Splits found: {found or "none, the file has no rows"}'
        )
    return rows


def check_names(rows: pd.DataFrame, columns: Sequence[str], path: str | Path) -> None:
    """Refuse names that would lead out of their folder, and clips that are listed twice.

    Args:
        rows: Rows of one split, with `csv_row`.
        columns: The columns that make up the name of a clip; each becomes one folder or file name.
        path: The csv, for the error.

    Raises:
        DataError: A name is no plain file name, or two rows name one clip.
    """
    for column in columns:
        for name, row in zip(rows[column], rows.csv_row, strict=True):
            if name in ('.', '..') or not name.isprintable() or set(name) & set('/\\'):
                raise DataError(
                    f'{path}: row {row}, column {column!r}: {name!r} is no plain file name (no '
                    'slashes, no control characters, not . or ..); correct the row'
                )
    repeated = rows[rows.duplicated(list(columns), keep=False)]
    if len(repeated):
        groups = repeated.groupby(list(columns), sort=False).csv_row
        cases = (f'{"/".join(name)} in rows {examples(group)}' for name, group in groups)
        raise DataError(
            f'{path}: clips listed more than once in one split: {examples(cases)}; delete all rows '
            'but one of each'
        )


def check_labels(rows: pd.DataFrame, layout: Layout, path: str | Path) -> None:
    """Refuse labels that the layout doesn't have.

    Args:
        rows: Rows with `csv_row`, and with `label` where the layout has labels.
        layout: Of the data.
        path: The csv, for the error.

    Raises:
        DataError: A label is unknown.
    """
    if 'label' not in layout.columns:
        return
    for label, row in zip(rows.label, rows.csv_row, strict=True):
        if label not in layout.kinds:
            raise DataError(
                f"{path}: row {row}, column 'label': {label!r}, expected one of "
                f'{", ".join(layout.kinds)}{nearest(label, layout.kinds)}'
            )


def _parse(path: Path) -> pd.DataFrame:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error', pd.errors.ParserWarning)  # a row longer than the header
            table = pd.read_csv(
                StringIO(read_text(path)),
                dtype=str,
                keep_default_na=False,
                skip_blank_lines=False,  # else rows can't be numbered
                header=None,  # else pandas would rename the second of two equal columns
                index_col=False,
            )
    except FileNotFoundError as error:
        raise DataError(_missing(path)) from error
    except (ValueError, pd.errors.ParserWarning) as error:
        # pandas' own errors of parsing are ValueErrors
        reason = ' '.join(str(error).split())
        raise DataError(
            f'{path}: not a readable csv ({reason}). Restore it from the download: text in UTF-8, '
            'a header line, commas'
        ) from error
    table = table.fillna('')
    table.columns = [name.strip() for name in table.iloc[0]]
    return table[1:]


def _missing(path: Path) -> str:
    root, wanted = path.parent, f'Set data_root to the folder that holds {path.name}'
    if not root.is_dir():
        return f'{path}: no such file, and its folder does not exist. {wanted}'
    inside = sorted(root.glob(f'*/{path.name}'))
    if inside:
        folder = str(inside[0].parent)
        return f'{path}: no such file, but there is {inside[0]}. Set data_root={folder!r}'
    found = examples(sorted(file.name for file in root.glob('*.csv'))) or 'none'
    return (
        f'{path}: no such file (csv files in that folder: {found}). {wanted}, or ann_file to the '
        'name of the csv'
    )
