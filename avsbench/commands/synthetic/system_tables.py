"""Tables of `avsbench synthetic systems` as Markdown, and putting them into a document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import pandas as pd

from avsbench.analysis.comparison import Comparison
from avsbench.analysis.robustness import Robustness
from avsbench.analysis.robustness.measuring import FPR, J
from avsbench.utils.errors import DataError
from avsbench.utils.files import write_text
from avsbench.utils.text import read_text

COLUMNS = ('system', 'params', 'GFLOPs', 'seeds', 'J', 'F', 'std of seeds, J')
COLUMNS += ('J, audio zeroed', 'due to audio', 'minutes')
SHORT = (('noise', FPR), ('off_screen', FPR), ('swapped', J))  # conditions of the short table


@dataclass(frozen=True)
class SystemRow:
    """What a table says of a system besides its scores.

    Attributes:
        title: Of the system.
        params: Number of parameters.
        flops: Operations for a clip.
        muted: J with the audio zeroed in the test, mean of the seeds.
        minutes: Mean wall time of a training, None where it was not measured.
    """

    title: str
    params: int
    flops: int
    muted: float
    minutes: float | None


def score_table(rows: Sequence[SystemRow], comparison: Comparison) -> list[str]:
    """One line for each system: cost, scores with intervals, what is due to the audio."""
    scores = comparison.scores.set_index(['system', 'score'])
    cells = []
    for row in rows:
        j, f = (scores.loc[(row.title, name)] for name in 'JF')
        spread = '' if pd.isna(j.std_of_seeds) else f'{j.std_of_seeds:.3f}'
        cells.append(
            (
                row.title,
                f'{row.params / 1e6:.1f} M',
                f'{row.flops / 1e9:.2f}',
                str(int(j.seeds)),
                f'**{j.value:.3f}** [{j.low:.3f}, {j.high:.3f}]',
                f'{f.value:.3f} [{f.low:.3f}, {f.high:.3f}]',
                spread,
                f'{row.muted:.3f}',
                f'{j.value - row.muted:.3f}',
                '' if row.minutes is None else f'{row.minutes:.1f}',
            )
        )
    return markdown_table(COLUMNS, cells)


def short_table(
    rows: Sequence[SystemRow],
    comparison: Comparison,
    measured: Mapping[str, Sequence[Robustness]] | None,
) -> list[str]:
    """One line for each system: J with its interval; means without audio and with other sounds."""
    scores = comparison.scores.set_index(['system', 'score'])
    others = SHORT if measured is not None else ()
    cells = []
    for row in rows:
        j = scores.loc[(row.title, 'J')]
        seeds = measured[row.title] if measured is not None else ()
        values = [f'{fmean(found.value(*column) for found in seeds):.3f}' for column in others]
        interval = f'{j.value:.3f} [{j.low:.3f}, {j.high:.3f}]'
        cells.append((row.title, interval, f'{row.muted:.3f}', *values))
    heads = [f'{condition}: {metric}' for condition, metric in others]
    return markdown_table(['system', 'J', 'J, audio zeroed', *heads], cells)


def wins_table(comparison: Comparison) -> list[str]:
    """Scenes that the system of the row wins by J against that of the column."""
    rows = comparison.differences[comparison.differences.score == 'J']
    names = list(dict.fromkeys([*rows.a, *rows.b]))
    cells = {}
    for row in rows.itertuples():
        clear = row.low > 0 or row.high < 0
        one, other = (f'**{n}**' if clear else str(n) for n in (row.wins_a, row.wins_b))
        cells[row.a, row.b], cells[row.b, row.a] = one, other
    lines = [[one, *(cells.get((one, other), '') for other in names)] for one in names]
    clear = sum(row.low > 0 or row.high < 0 for row in rows.itertuples())
    note = (
        f'Scenes of {comparison.clips} that the row wins against the column, by J; bold where the '
        f'interval of the difference in J leaves out 0: {clear} of {len(rows)} pairs'
    )
    return [
        f'{note} (not corrected for their number).',
        '',
        *markdown_table(['wins', *names], lines),
    ]


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table."""
    lines = [columns, ['---'] * len(columns), *rows]
    return [f'| {" | ".join(cell.replace("|", "/") for cell in line)} |' for line in lines]


def replace_block(path: Path, name: str, text: str, short: str = '') -> None:
    """Replace what is between `<!-- begin NAME -->` and `<!-- end NAME -->` in a document.

    Args:
        path: The document.
        name: Of the marks.
        text: What goes between them.
        short: What goes there if the marks in the document are those of `NAME short`.

    Raises:
        DataError: The document does not have these marks, once and in this order.
    """
    try:
        content = read_text(path)
    except FileNotFoundError as error:
        raise DataError(f'{path}: no such document') from error
    if short and f'<!-- begin {name} short -->' in content:
        name, text = f'{name} short', short
    begin, end = f'<!-- begin {name} -->', f'<!-- end {name} -->'
    if content.count(begin) != 1 or content.count(end) != 1:
        raise DataError(f'{path}: expected one line {begin} and one {end}, for the tables')
    before, rest = content.split(begin)
    if end not in rest:
        raise DataError(f'{path}: {end} comes before {begin}')
    after = rest.split(end)[1]
    write_text(path, f'{before}{begin}\n\n{text.strip()}\n\n{end}{after}')
