from pathlib import Path

import pytest

from avsbench.datasets.csv_index import check_names, read_csv, select_split
from avsbench.utils.errors import DataError


def write(folder: Path, text: str) -> Path:
    path = folder / 'x.csv'
    path.write_text(text, encoding='utf-8')
    return path


def test_cells_stay_text(tmp_path: Path) -> None:
    """Ids that look like numbers or like missing values, quotes, commas, other alphabets."""
    names = ['NA', 'null', '0012', '1e5', '-x', '=1+1', '"a, b"', 'é鳥']
    path = write(tmp_path, 'name,split\n' + ''.join(f'{name},train\n' for name in names))
    found = read_csv(path, ['name', 'split'])
    assert list(found.name) == [name.strip('"') for name in names]
    assert list(found.csv_row) == list(range(2, 10))


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, 'other,split,name\n,train,a\n,val,b\n')
    assert list(read_csv(path, ['name', 'split']).columns) == ['name', 'split', 'csv_row']


@pytest.mark.parametrize(
    'rows', ['a,train,x\nb,train,x\n', 'a,train\nb,train,x\n', '"a,train\nb,train\n']
)
def test_rows_that_do_not_fit_the_header(tmp_path: Path, rows: str) -> None:
    """Among them rows that are all longer: pandas would take the first column for an index."""
    with pytest.raises(DataError, match=r'x\.csv: '):
        read_csv(write(tmp_path, 'name,split\n' + rows), ['name', 'split'])


@pytest.mark.parametrize('header', ['name,split,split', 'name,split, split', ' name,name,split'])
def test_a_column_that_is_there_twice_is_named(tmp_path: Path, header: str) -> None:
    path = write(tmp_path, f'{header}\na,train,val\n')
    with pytest.raises(DataError, match="more than one column is called '(name|split)'; delete"):
        read_csv(path, ['name', 'split'])
    other = write(tmp_path, 'name,split,x,x\na,train,1,2\n')  # nobody asks for these
    assert list(read_csv(other, ['name', 'split']).split) == ['train']


def test_a_missing_cell_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, 'name,split\na,train\nb\n')
    with pytest.raises(DataError, match="column 'split' is empty in row 3"):
        read_csv(path, ['name', 'split'])


def test_the_same_name_in_two_splits_is_fine(tmp_path: Path) -> None:
    path = write(tmp_path, 'name,split\na,train\na,val\n')
    rows = select_split(read_csv(path, ['name', 'split']), 'val', path)
    check_names(rows, ['name'], path)
    assert list(rows.csv_row) == [3]


@pytest.mark.parametrize('name', ['..', '.', 'a/b', 'a\\b', '/etc', 'a\tb', 'a\x00b'])
def test_names_that_are_no_file_names(tmp_path: Path, name: str) -> None:
    table = read_csv(write(tmp_path, f'name,split\n"{name}",train\n'), ['name', 'split'])
    with pytest.raises(DataError, match="row 2, column 'name'"):
        check_names(table, ['name'], tmp_path / 'x.csv')
