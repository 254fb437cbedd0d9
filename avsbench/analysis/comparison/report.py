"""A comparison as Markdown."""

import pandas as pd

from avsbench.analysis.comparison.comparing import Comparison
from avsbench.analysis.comparison.results import System


def markdown(systems: list[System], comparison: Comparison, groups: pd.DataFrame) -> str:
    """The tables, and what they say.

    Args:
        systems: What was compared.
        comparison: Their scores and differences.
        groups: From `group_rows`.
    """
    entry = systems[0].results[0].entry
    split = (entry.get('data') or {}).get('split')
    about = 'clips and seeds' if comparison.seeds else 'clips'
    level = f'{100 * comparison.level:g} %'
    lines = [
        f'# {entry["subset"]}, split {split}: {", ".join(system.name for system in systems)}',
        '',
        f'{comparison.clips} clips; {level} intervals ({comparison.interval}) over {about}. J is '
        'the mean IoU as published, F is taken at one threshold for the set. The p-values are of '
        'a permutation test over clips, for these trained networks; p (Holm) is corrected for the '
        'number of pairs. Wins and ties are clips, by J.',
        '',
        '## Scores',
        '',
        *_table(comparison.scores),
        '',
        '## Differences (a - b)',
        '',
        *_table(comparison.differences.rename(columns={'p_holm': 'p (Holm)'})),
    ]
    if not (comparison.scores.score == 'F').any():
        lines += ['', 'F is left out: some results have it from probabilities, some from masks.']
    for by, rows in groups.groupby('by', sort=False):
        lines += ['', f'## By {by}', '', *_table(rows.drop(columns='by'))]
    return '\n'.join([*lines, ''])


def _table(table: pd.DataFrame) -> list[str]:
    rows = [list(table.columns), ['---'] * len(table.columns)]
    rows += [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    return [f'| {" | ".join(map(str, row))} |' for row in rows]


def _cell(value: object) -> str:
    if value is None or value != value:
        return ''
    return f'{value:.4f}' if isinstance(value, float) else str(value).replace('|', '\\|')
