"""The tables of the leaderboard: headings, columns and cells as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avsbench.analysis.leaderboard.published import PROTOCOLS

TITLES = {
    's4': 'S4: one source, binary masks',
    'ms3': 'MS3: several sources, binary masks',
    'avss': 'AVSS: 71 classes',
}
SYNTHETIC = 'Synthetic benchmark: not comparable with any number above'
_PUBLISHED = {
    'system': 'system',
    'backbone': 'backbone',
    'pixels': 'pixels',
    'protocol': 'protocol',
    'J': 'J',
    'F': 'F',
    'JF': 'J&F',
    'f_group': 'F: clips per batch',
    'source': 'source',
    'note': 'note',
}
_METRICS = {
    'binary': {
        'mIoU': 'J',
        'F_b1': 'F, 1 clip per batch',
        'F_b2': 'F, 2',
        'F_b4': 'F, 4',
        'F_all': 'F, one threshold',
        'IoU_dataset': 'J, whole set',
        'F_dataset': 'F, whole set',
        'JF_dataset': 'J&F, whole set',
    },
    'semantic': {
        'mIoU': 'J',
        'F': 'F',
        'mIoU_no_bg': 'J without background',
        'mIoU_dataset': 'J, whole set',
        'F_dataset': 'F, whole set',
        'JF_dataset': 'J&F, whole set',
    },
}


@dataclass(frozen=True)
class Board:
    """A table.

    Attributes:
        section: Heading that it stands under.
        title: Its own.
        columns: Names of the columns.
        rows: Cells.
        empty: What stands in place of a table without rows.
    """

    section: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = ''


def leaderboard_tables(
    published: Sequence[Mapping[str, str]], measured: Sequence[Mapping[str, Any]]
) -> list[Board]:
    """All tables: for each subset published and measured, and the synthetic ones last.

    Args:
        published: From `read_published`.
        measured: From `read_measured`.
    """
    tables = []
    for subset, title in TITLES.items():
        rows = [row for row in published if row['subset'] == subset]
        rows.sort(key=_published_order)
        cells = [[row[key] for key in _PUBLISHED] for row in rows]
        shown = [any(row[place] for row in cells) for place in range(len(_PUBLISHED))]
        columns = _kept(list(_PUBLISHED.values()), shown)
        tables.append(Board(title, 'Published', columns, [_kept(row, shown) for row in cells]))
        results = [r for r in measured if r['subset'] == subset and not r['synthetic']]
        tables.append(_measured(title, 'Measured here', subset, results))
    for subset in TITLES:
        results = [r for r in measured if r['subset'] == subset and r['synthetic']]
        if results:
            name = f'Layout of {subset.upper()}'
            tables.append(_measured(SYNTHETIC, name, subset, results))
    return tables


def _published_order(row: Mapping[str, str]) -> tuple:
    best = float(row['J'] or row['JF'])
    return PROTOCOLS.index(row['protocol']), -best, row['system'], row['backbone']


def _measured(section: str, title: str, subset: str, results: Sequence[Mapping[str, Any]]) -> Board:
    metrics = _METRICS['semantic' if subset == 'avss' else 'binary']
    columns = ['system', 'backbone', *metrics.values(), 'protocol', 'config', 'seed', 'note']
    results = sorted(results, key=lambda result: -result['metrics']['mIoU'])
    rows = []
    for result in results:
        numbers = [_percent(result['metrics'].get(key)) for key in metrics]
        facts = [_protocol(result['protocol']), result.get('config_file') or '']
        facts += ['' if result.get('seed') is None else str(result['seed']), _note(result)]
        rows.append([result['system'], result['backbone'], *numbers, *facts])
    return Board(section, title, columns, rows, 'None yet.')


def _percent(value: float | None) -> str:
    return '' if value is None else f'{100 * value:.2f}'


def _protocol(facts: Mapping[str, Any]) -> str:
    """What the numbers of a result depend on."""
    parts = [f'scored at {", ".join(facts["sizes"])}']
    if facts['task'] == 'binary':
        parts.append(f'F from {facts["f_from"]}')
    else:
        parts.append(f'padded frames {"" if facts["count_padded"] else "not "}counted')
    return '; '.join(parts)


def _note(result: Mapping[str, Any]) -> str:
    missing = result.get('frames_missing')
    parts = [result['note'], f'{missing} masks missing, background scored' if missing else '']
    return '; '.join(filter(None, parts))


def _kept(cells: Sequence[str], shown: Sequence[bool]) -> list[str]:
    return [cell for cell, keep in zip(cells, shown, strict=True) if keep]
