"""The document of what parity covers has a row for every fixture, and each row is believable."""

import math
import re
import sys
from pathlib import Path

import pytest

from avsbench.commands.main import run_avsbench
from avsbench.parity import Fixture, Row
from avsbench.parity.coverage import document_row, document_rows, update_document

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'tests' / 'parity'
DOCUMENT = ROOT / 'docs' / 'parity_coverage.md'


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip('|').split(' | ')]


@pytest.fixture
def fixture() -> Fixture:
    return Fixture(FOLDER / 'metrics_binary.json')


def test_every_fixture_has_a_row_or_is_named_as_not_run() -> None:
    text = DOCUMENT.read_text()
    named = re.findall(r'`(\w+)`', text.split('Not run for this table yet:')[-1])
    rows = document_rows(text)
    missing = set(named) - set(rows) if 'Not run for this table yet:' in text else set()
    assert sorted({*rows, *missing}) == sorted(path.stem for path in FOLDER.glob('*.json'))


def test_every_row_passed_and_counts_what_is_stored() -> None:
    for name, row in document_rows(DOCUMENT.read_text()).items():
        _, _, checks, _, error, _, seconds = cells(row)
        fixture = Fixture(FOLDER / f'{name}.json')
        assert int(checks) >= len(fixture.stored) - len(fixture.content.get('given', ())) > 0, name
        assert float(error) <= 1 and float(seconds) >= 0, name


def test_the_command_writes_the_rows_of_what_it_ran(tmp_path, monkeypatch, capsys) -> None:
    document = tmp_path / 'coverage.md'
    document.write_text(DOCUMENT.read_text())
    words = ['parity', str(FOLDER / 'metrics_binary.json'), '--document', str(document)]
    monkeypatch.setattr(sys, 'argv', ['avsbench', *words])
    run_avsbench()
    before, after = document_rows(DOCUMENT.read_text()), document_rows(document.read_text())
    changed = before.pop('metrics_binary'), after.pop('metrics_binary')
    assert before == after
    assert cells(changed[0])[:4] == cells(changed[1])[:4]
    assert f'{cells(changed[1])[2]} of {cells(changed[1])[2]} pass' in capsys.readouterr().out


def test_the_largest_share_of_the_allowed_error_is_named(fixture: Fixture) -> None:
    rows = [
        Row('output', 'features', 1e-5, 10.0, 1e-3),
        Row('loss', 'bce', 2e-4, 1.0, 1e-3),
        Row('loss', 'dice', 0.0, 0.0, 0.0),
    ]
    assert cells(document_row(fixture, rows, 1.6))[2:] == [
        *('3', '1 output, 2 losses', '0.2', 'loss `bce`', '2')
    ]


@pytest.mark.parametrize('difference', [2e-3, math.nan])
def test_a_failure_is_not_hidden(fixture: Fixture, difference: float) -> None:
    rows = [Row('output', 'features', difference, 1.0, 1e-3), Row('loss', 'bce', 0.0, 1.0, 1e-3)]
    assert cells(document_row(fixture, rows, 0.0))[4].startswith('**1 fail**')


def test_rows_are_replaced(fixture: Fixture, tmp_path: Path) -> None:
    document = tmp_path / 'coverage.md'
    for name in ('metrics_binary', 'other'):
        (tmp_path / f'{name}.json').write_text('{}')
    for difference in (1e-4, 5e-4):
        row = document_row(fixture, [Row('output', 'x', difference, 1.0, 1e-3)], 0.0)
        update_document(document, row, tmp_path)
    assert list(document_rows(document.read_text()).values()) == [row]
    assert document.read_text().endswith('\nNot run for this table yet: `other`.\n')
