"""The picture of a comparison: scores, differences, and J by groups of clips."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avsbench.analysis.comparison import Comparison
from avsbench.visualization.curves import COLOURS
from avsbench.visualization.verbatim import draw_verbatim

_LINE = 0.24  # inches
_MAX_CLASSES = 12  # the most frequent ones are drawn


def draw_comparison(comparison: Comparison, groups: pd.DataFrame) -> Figure:
    """Draw a comparison.

    Args:
        comparison: Of two systems or more.
        groups: From `group_rows`.
    """
    systems = list(dict.fromkeys(comparison.scores.system))
    colours = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(systems)}
    parts = [(by, _drawn(rows)) for by, rows in groups.groupby('by', sort=False)]
    heights = [len(comparison.scores) + 2, len(comparison.differences) + 2]
    left = sum(heights)
    right = sum(len(rows) + 2 for _, rows in parts)
    size = (11, max(3.5, _LINE * max(left, right) + 0.8))
    figure = Figure(figsize=size, layout='constrained')
    FigureCanvasAgg(figure)
    halves = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    panels = halves[0].subplots(2, 1, height_ratios=heights)
    _draw_scores(panels[0], comparison, colours)
    _draw_differences(panels[1], comparison)
    ratios = [len(rows) + 2 for _, rows in parts]
    axes = halves[1].subplots(len(parts), 1, height_ratios=ratios, squeeze=False)[:, 0]
    for panel, (by, rows) in zip(axes, parts, strict=True):
        _draw_groups(panel, by, rows, colours)
    handles = [axes[0].plot([], [], 'o', color=colours[name])[0] for name in systems]
    figure.legend(handles, systems, loc='outside upper center', ncols=4, frameon=False)
    draw_verbatim(figure)
    return figure


def _draw_scores(panel: Axes, comparison: Comparison, colours: dict[str, str]) -> None:
    rows = comparison.scores.sort_values('score', kind='stable', key=_order(comparison.scores))
    for place, row in enumerate(rows.itertuples()):
        _interval(panel, place, row.value, row.low, row.high, colours[row.system])
    _finish(panel, [f'{row.score}  {row.system}' for row in rows.itertuples()])
    about = 'clips and seeds' if comparison.seeds else f'{comparison.clips} clips'
    panel.set_title(f'score, {100 * comparison.level:g} % interval over {about}', fontsize=10)


def _draw_differences(panel: Axes, comparison: Comparison) -> None:
    rows = list(comparison.differences.itertuples())
    for place, row in enumerate(rows):
        clear = row.low > 0 or row.high < 0
        _interval(
            panel, place, row.difference, row.low, row.high, '#000000' if clear else '#999999'
        )
    panel.axvline(0, color='#D55E00', linewidth=1)
    _finish(panel, [f'{row.score}  {row.a} - {row.b}' for row in rows])
    panel.set_title('difference (grey: the interval holds 0)', fontsize=10)


def _draw_groups(panel: Axes, by: str, rows: pd.DataFrame, colours: dict[str, str]) -> None:
    places = np.arange(len(rows))
    for name, colour in colours.items():
        panel.plot(rows[f'J {name}'], places, 'o', color=colour, markersize=5, alpha=0.85)
    labels = [f'{row.group} ({row.clips})' for row in rows.itertuples()]
    _finish(panel, labels)
    panel.set_xlim(-0.02, 1.02)
    what = {'area': 'area of the target', 'sources': 'number of sources'}.get(by, by)
    panel.set_title(f'J by {what} (clips)', fontsize=10)


def _drawn(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a grouping, the most frequent ones if there are many."""
    return rows.nlargest(_MAX_CLASSES, 'clips') if len(rows) > _MAX_CLASSES else rows


def _order(scores: pd.DataFrame) -> Callable[[pd.Series], pd.Series]:
    """Key of `sort_values`: scores in the order in which they come."""
    names = list(dict.fromkeys(scores.score))
    return lambda column: column.map(names.index)


def _interval(panel: Axes, place: int, value: float, low: float, high: float, colour: str) -> None:
    panel.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle='butt')
    panel.plot([value], [place], 'o', color=colour, markersize=5)


def _finish(panel: Axes, labels: Sequence[str]) -> None:
    panel.set_yticks(range(len(labels)), labels, fontsize=8)
    panel.set_ylim(len(labels) - 0.4, -0.6)
    panel.tick_params(labelsize=8)
    panel.grid(axis='x', alpha=0.25)
    panel.spines[['top', 'right']].set_visible(False)
