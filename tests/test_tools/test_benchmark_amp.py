import importlib
import sys
from pathlib import Path

import pytest

from avsbench.utils.errors import DataError


@pytest.fixture
def amp(monkeypatch):
    monkeypatch.setattr(
        sys, 'path', [str(Path(__file__).resolve().parents[2] / 'tools'), *sys.path]
    )
    return importlib.import_module('benchmarks.amp')


def test_table_has_differences_in_percent(amp) -> None:
    results = {'off': {'mIoU': 0.61}, 'bf16': {'mIoU': 0.6}}
    scores = {name: amp._percent({'metrics': part}, ['mIoU']) for name, part in results.items()}
    table = amp.as_table([amp.Row('demo', 10, scores)], ['bf16'], ['mIoU'])
    assert table.splitlines()[0] == '| config | frames | mIoU, float32 | mIoU, bf16 |'
    assert table.splitlines()[2] == '| demo | 10 | 61.00 | -1.00 |'


def test_unknown_score(amp) -> None:
    with pytest.raises(DataError, match='no F in the result; it has mIoU'):
        amp._percent({'metrics': {'mIoU': 0.5}}, ['F'])
