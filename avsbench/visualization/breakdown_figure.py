"""Pictures of one result: its parts, and its confusion matrix."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from avsbench.visualization.curves import COLOURS
from avsbench.visualization.verbatim import draw_verbatim

_LINE = 0.2  # inches
_CELL = 0.17
_TITLES = {
    'classes': 'by class',
    'areas': 'by area of the target, as a share of the frame',
    'sources': 'by number of sources',
}
_TICKS = (0.001, 0.01, 0.1, 1)  # shares of a class; the colours of the matrix begin at the first


def draw_breakdown(tables: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Draw J and F of the parts of a result.

    Args:
        tables: From `breakdown`.
        title: Of the picture.
    """
    parts = {key: _rows(tables[key]) for key in _TITLES if key in tables}
    left = {'classes': parts.pop('classes')} if 'classes' in parts else {}
    heights = [sum(len(rows) + 4 for rows in half.values()) for half in (left, parts)]
    figure = Figure(figsize=(11, max(3.5, _LINE * max(heights) + 1)), layout='constrained')
    FigureCanvasAgg(figure)
    halves = [half for half in (left, parts) if half]
    subfigures = np.atleast_1d(figure.subfigures(1, len(halves)))
    for subfigure, half in zip(subfigures, halves, strict=True):
        # lines of equal height on both sides: what is too short gets room below
        rest = max(heights) - sum(len(rows) + 4 for rows in half.values())
        ratios = [len(rows) + 4 for rows in half.values()] + [max(rest, 0.01)]
        panels = subfigure.subplots(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
        panels[-1].set_axis_off()
        for panel, (key, rows) in zip(panels, half.items(), strict=False):
            _draw_part(panel, rows, _TITLES[key])
    handles = [
        panels[0].plot([], [], 'o', color=COLOURS[index], fillstyle=style)[0]
        for index, style in enumerate(('full', 'none'))
    ]
    figure.legend(handles, ['J', 'F'], loc='outside upper right', ncols=2, frameon=False)
    figure.suptitle(title, fontsize=11, x=0.01, ha='left')
    draw_verbatim(figure)
    return figure


def draw_confusion(confusion: pd.DataFrame, title: str) -> Figure:
    """Draw a confusion matrix: the share of each labelled class that was predicted as each.

    Args:
        confusion: From `read_confusion`; classes that neither occur nor are predicted are left out.
        title: Of the picture.
    """
    values = confusion.to_numpy()
    there = (values.sum(0) > 0) | (values.sum(1) > 0)
    names = np.asarray(confusion.columns)[there]
    values = values[there][:, there]
    total = values.sum(1, keepdims=True)
    shares = np.divide(values, total, out=np.full(values.shape, np.nan), where=total > 0)
    side = max(4.0, _CELL * len(names) + 2)
    figure = Figure(figsize=(side + 2, side), layout='constrained')
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    image = panel.imshow(
        np.where(shares > 0, shares, np.nan),
        cmap='viridis_r',
        norm=LogNorm(_TICKS[0], 1, clip=True),
    )
    panel.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
    labels = [
        f'{names[row]}{"" if total[row, 0] else " (not labelled)"}' for row in range(len(names))
    ]
    panel.set_yticks(range(len(names)), labels, fontsize=7)
    panel.set(xlabel='predicted', ylabel='labelled')
    panel.set_xticks(np.arange(-0.5, len(names)), minor=True)
    panel.set_yticks(np.arange(-0.5, len(names)), minor=True)
    panel.grid(which='minor', color='#dddddd', linewidth=0.4)
    panel.tick_params(which='minor', length=0)
    bar = figure.colorbar(image, ax=panel, shrink=0.6, ticks=[*_TICKS], format='{x:g}')
    bar.set_label('share of the labelled pixels of the class (white: none)', fontsize=8)
    panel.set_title(title, fontsize=11)
    draw_verbatim(figure)
    return figure


def _rows(table: pd.DataFrame) -> pd.DataFrame:
    """Label, J and F of each line of a panel; classes that are not there are left out."""
    name = 'name' if 'name' in table else 'group'
    counts = table.columns[table.columns.get_loc(name) + 1]
    rows = pd.DataFrame(
        {'label': table[name].astype(str) + ' (' + table[counts].astype(str) + ')'}
    ).assign(J=table.J, F=table.F, what=counts.removesuffix('_labelled'))
    rows = rows[rows.J.notna()]
    return rows.sort_values('J', ascending=False) if name == 'name' else rows


def _draw_part(panel: Axes, rows: pd.DataFrame, title: str) -> None:
    places = np.arange(len(rows))
    panel.plot(rows.J, places, 'o', color=COLOURS[0], markersize=5)
    panel.plot(rows.F, places, 'o', color=COLOURS[1], markersize=5, fillstyle='none')
    panel.set_yticks(places, rows.label, fontsize=8)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_xlim(-0.02, 1.02)
    panel.tick_params(labelsize=8)
    panel.grid(axis='x', alpha=0.25)
    panel.spines[['top', 'right']].set_visible(False)
    panel.set_title(f'{title} ({rows.what.iloc[0]})', fontsize=10)
