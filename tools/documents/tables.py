"""The tables of a system's page: published results, small benchmark, configs, costs, citation."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from avsbench.config.paths import subsets

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
SUBSETS = {'s4': 'S4', 'ms3': 'MS3', 'avss': 'AVSS'}
Row = dict[str, str]


def published_table(title: str) -> str:
    """Published results of a system, a row for each network, and their sources."""
    with (DOCS / 'leaderboard' / 'published.csv').open() as file:
        found = [row for row in csv.DictReader(file) if row['system'] == title]
    rows: dict[tuple[str, ...], Row] = {}
    for row in found:
        key = (row['backbone'], row['pixels'], row['note'])
        scores = ' / '.join(score for score in (row['J'], row['F']) if score)
        rows.setdefault(key, {})[row['subset']] = scores
    sources = dict.fromkeys(row['source'] for row in found)
    table = [
        {'encoder': key[0], 'pixels': key[1] or 'not stated'}
        | {name: cells.get(subset, '') for subset, name in SUBSETS.items()}
        | {'note': key[2]}
        for key, cells in rows.items()
    ]
    text = 'mIoU / F-score in percent, by the per-frame rule of AVSBench.'
    return f'{text}\n\n{_markdown(table)}\n\nSources: {"; ".join(sources)}.'


def small_table(title: str) -> str:
    """What the small network of a system reaches on synthetic clips, from docs/listening.md."""
    columns = ('seeds', 'J', 'F', 'J, audio zeroed', 'due to audio')
    rows: dict[str, Row] = {}
    for subset, table in _tables_by_subset((DOCS / 'listening.md').read_text()):
        for row in table:
            if row.get('system') == title and 'due to audio' in row:
                cells = {name: row[name] for name in columns if name in row}
                rows.setdefault(subset, {'synthetic clips': f'{subset}-like', **cells})
    if not rows:
        return 'The small network of this system has no result on the synthetic benchmark yet.'
    return _markdown(list(rows.values()))


def _tables_by_subset(text: str) -> Iterator[tuple[str, list[Row]]]:
    """Tables, and the subset that was last named before each."""
    for found in re.finditer(r'(?:^\|.*\n)+', text, re.MULTILINE):
        names = re.findall(r'\b(S4|MS3|AVSS)-like', text[: found.start()], re.IGNORECASE)
        if names:
            yield names[-1].upper(), read_table(found[0])


def configs_table(name: str) -> str:
    """The configs of a system: a row for each name, with the data sets that have it."""
    rows: dict[str, Row] = {}
    for path in system_configs(name):
        row = rows.setdefault(path.stem, {'config': f'`{path.stem}`', 'data': ''})
        row['data'] += f'{", " if row["data"] else ""}{path.parent.name}'
        row.setdefault('what it is', _first_sentence(path))
    return _markdown([rows[stem] for stem in sorted(rows)])


def system_configs(name: str) -> list[Path]:
    """The configs of a system and those that only name one of them as their base."""
    order = [*SUBSETS, *sorted(subsets())]
    found = []
    for path in sorted((ROOT / 'config').glob('*/*.py'), key=lambda path: path.name):
        if path.parent.name not in order:
            continue
        base = re.search(r"^_base_ = '\./(\w+)\.py'", path.read_text(), re.MULTILINE)
        names = [path.stem, *([base[1]] if base else [])]
        if any(part.startswith(f'{name}_') for part in names):
            found.append(path)
    return sorted(found, key=lambda path: order.index(path.parent.name))


def _first_sentence(path: Path) -> str:
    comment = re.match(r'(?:#.*\n)*', path.read_text())[0]
    text = ' '.join(line.lstrip('# ') for line in comment.splitlines())
    return re.split(r'; |\. |, so |: |\.$', text)[0]


def cost_table(name: str) -> str:
    """What trainings and tests of a system's configs took, from docs/benchmarks/cost.md."""
    files = {f'{path.parent.name}/{path.name}' for path in system_configs(name)}
    table = re.search(r'(?:^\|.*\n)+', (DOCS / 'benchmarks' / 'cost.md').read_text(), re.MULTILINE)
    rows = [row for row in read_table(table[0]) if row['config'] in files]
    if not rows:
        return (
            'Not measured yet; `python tools/benchmark.py cost` measures a training step on your '
            'machine.'
        )
    columns = {
        'config': 'config',
        'device': 'device',
        'precision': 'precision',
        'hours': 'hours of a training',
        'GiB': 'GiB',
        'frames/s': 'frames per second of a test',
    }
    used = [name for name in columns if any(row.get(name) for row in rows)]
    return _markdown([{columns[name]: row.get(name, '') for name in used} for row in rows])


def parity_list(name: str) -> str:
    """The fixtures of a system."""
    fixtures = sorted((ROOT / 'tests' / 'parity').glob(f'{name}_*.json'))
    names = ', '.join(f'`{path.stem}`' for path in fixtures)
    return f'Fixtures: {names}; [what each covers](../parity_coverage.md).'


def citation(paper: str) -> str:
    """The references to a system's paper in CITATION.cff."""
    references = yaml.safe_load((ROOT / 'CITATION.cff').read_text())['references']
    lines = []
    for entry in references:
        if paper in entry['notes']:
            author = entry['authors'][0]
            names = author.get('family-names') or author.get('alias')
            others = ' and others' if len(entry['authors']) > 1 else ''
            place = entry.get('conference', {}).get('name') or entry.get('journal', '')
            parts = [f'{names}{others}: *{entry["title"]}*', place, str(entry['year']), paper]
            lines.append(', '.join(part for part in parts if part) + '.')
    return '\n'.join(lines)


def read_table(text: str) -> list[Row]:
    """The rows of a table in Markdown by their columns; bold is dropped."""
    head, _, *rows = (
        [cell.strip() for cell in line.strip().strip('|').split('|')]
        for line in text.strip().splitlines()
    )
    return [dict(zip(head, (cell.replace('**', '') for cell in row), strict=True)) for row in rows]


def _markdown(rows: list[Row]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[row.get(name, '') for name in columns] for row in rows]
    lines = [columns, ['---'] * len(columns), *cells]
    used = [index for index in range(len(columns)) if any(line[index] for line in cells)]
    return '\n'.join(f'| {" | ".join(line[index] for index in used)} |' for line in lines)
