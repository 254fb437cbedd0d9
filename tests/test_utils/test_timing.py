import pytest

from avsbench.utils import timing
from avsbench.utils.timing import StageClock


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(timing.time, 'perf_counter', lambda: now[0])
    clock = StageClock()
    clock.wait = lambda seconds: now.__setitem__(0, now[0] + seconds)
    return clock


def test_inner_stages_count_for_themselves(clock):
    with clock('outer'):
        clock.wait(1)
        with clock('inner'):
            clock.wait(3)
        clock.wait(1)
    clock.wait(5)
    assert clock.seconds == {'outer': 2, 'inner': 3}
    assert clock.shares(10) == {'outer': 0.2, 'inner': 0.3, 'rest': 0.5}


def test_items_count_without_what_is_done_with_them(clock):
    def items():
        for number in range(3):
            clock.wait(1)
            yield number

    for _ in clock.over('items', items()):
        clock.wait(10)
    assert clock.seconds == {'items': 3}
