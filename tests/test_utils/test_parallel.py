import os
import time

import pytest

from avsbench.utils import parallel
from avsbench.utils.errors import DataError
from avsbench.utils.parallel import map_in_processes, show_progress


def late_if_even(number: int) -> tuple[int, int]:
    time.sleep(0.05 * (number % 2 == 0))
    return number, os.getpid()


def refuse(number: int) -> int:
    if number == 3:
        raise DataError(f'{number}.png: broken')
    return number


@pytest.mark.parametrize('workers', [0, 1, 2])
def test_results_keep_the_order_of_the_tasks(workers: int) -> None:
    numbers, processes = zip(*map_in_processes(late_if_even, range(6), workers), strict=True)
    assert numbers == tuple(range(6))
    assert (os.getpid() in processes) is (workers < 2)


@pytest.mark.parametrize('workers', [0, 2])
def test_the_first_error_ends_it(workers: int) -> None:
    with pytest.raises(DataError, match='3.png: broken'):
        list(map_in_processes(refuse, range(6), workers))


def test_no_tasks() -> None:
    assert list(map_in_processes(refuse, [], 2)) == []


@pytest.mark.parametrize('terminal', [True, False])
def test_bar_on_a_terminal_only(terminal: bool, monkeypatch, capsys) -> None:
    for name in ('FORCE_COLOR', 'TTY_INTERACTIVE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(parallel.Console, 'is_terminal', terminal)
    assert list(show_progress(iter('abc'), 3, 'clips')) == ['a', 'b', 'c']
    out, err = capsys.readouterr()
    assert out == '' and ('clips' in err) is terminal
