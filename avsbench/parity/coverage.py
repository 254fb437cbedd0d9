"""A document of what the parity fixtures check, a row per fixture."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from avsbench.parity.fixture import Fixture, Row
from avsbench.utils.files import write_text

HEAD = """# What parity covers

Made by `avsbench parity tests/parity/*.json --document docs/parity_coverage.md`, which replaces the
rows of the fixtures that it ran. [Parity](parity.md) explains fixtures and tolerances.

* **Published code**: what returned the stored numbers.
* **Checks**: stored numbers or arrays that ours were compared with, and of which kinds.
* **Largest error**: of all checks the difference between ours and the stored number, as a share of
  what is allowed; 1 would be the limit, 0 means equal in every bit.
* **Seconds**: of the whole check on one core of a machine that may have been busy, the repetitions
  that measure rounding included.

| fixture | published code | checks | of which | largest error | in | seconds |
|---|---|---|---|---|---|---|
"""
_ROW = re.compile(r'^\| `(\w+)` \|.*\|$', re.MULTILINE)
_PLURALS = {
    'loss': 'losses',
    'grid loss': 'grid losses',
    'gradient': 'gradient norms',
    'entry': 'entries',
    'files': 'files',
}


def document_row(fixture: Fixture, rows: Sequence[Row], seconds: float) -> str:
    """The row of a fixture.

    Args:
        fixture: What was run.
        rows: What was compared, at least one.
        seconds: How long it took.
    """
    worst = max(rows, key=_share)
    failed = sum(not row.passed for row in rows)
    counts = Counter(row.kind for row in rows)
    kinds = ', '.join(f'{count} {_plural(kind, count)}' for kind, count in counts.items())
    verdict = f'**{failed} fail**, {_share(worst):.2g}' if failed else f'{_share(worst):.2g}'
    cells = [
        f'`{fixture.path.stem}`',
        re.split(r' \(|; |: --', fixture.content['published_config'])[0],
        str(len(rows)),
        kinds,
        verdict,
        f'{worst.kind} `{worst.name}`',
        f'{seconds:.0f}',
    ]
    return f'| {" | ".join(cell.replace("|", "/") for cell in cells)} |'


def update_document(path: Path, row: str, folder: Path) -> None:
    """Replace the row of a fixture in the document, or add it; write the rest anew.

    Args:
        path: The document.
        row: What `document_row` gave.
        folder: Of the fixtures; those without a row are named below the table.
    """
    rows = document_rows(path.read_text()) if path.is_file() else {}
    rows |= document_rows(row)
    text = HEAD + '\n'.join(rows[name] for name in sorted(rows)) + '\n'
    missing = sorted({file.stem for file in folder.glob('*.json')} - set(rows))
    if missing:
        text += f'\nNot run for this table yet: {", ".join(f"`{name}`" for name in missing)}.\n'
    write_text(path, text)


def document_rows(text: str) -> dict[str, str]:
    """The rows of a document by their fixtures' names."""
    return {found[1]: found[0] for found in _ROW.finditer(text)}


def _share(row: Row) -> float:
    """The error of a row as a share of what is allowed; that of a NaN is infinite."""
    if row.difference == 0:
        return 0.0
    is_number = row.difference == row.difference and row.tolerance > 0
    return row.difference / row.tolerance if is_number else float('inf')


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 else _PLURALS.get(kind, f'{kind}s')
