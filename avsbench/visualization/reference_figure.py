"""The picture of trainings against reference curves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from avsbench.analysis.curves import Curves
from avsbench.reproduction.reference import LEVEL, Reference, band_of
from avsbench.visualization.curves import COLOURS
from avsbench.visualization.verbatim import draw_verbatim

_CELL = (4.2, 3.0)  # inches
_GREY = '#777777'


def draw_against_reference(
    reference: Reference, runs: Mapping[str, Curves], names: Sequence[str]
) -> Figure:
    """Draw one panel per name: the interval of the reference, its seeds, and the trainings.

    Args:
        reference: What is expected.
        runs: The trainings by name; none, to draw the reference alone.
        names: At least one curve of the reference.
    """
    size = (len(names) * _CELL[0], _CELL[1] + 0.5)
    figure = Figure(figsize=size, layout='constrained')
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for panel, name in zip(panels, names, strict=True):
        _draw_panel(panel, reference, runs, name)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc='outside lower left', ncols=3, frameon=False, fontsize=8)
    figure.suptitle(f'{reference.config}: reference of {seeds_text(reference)}', fontsize=10)
    draw_verbatim(figure)
    return figure


def seeds_text(reference: Reference) -> str:
    """How many seeds there are, and which."""
    seeds = ', '.join(map(str, reference.seeds))
    if len(reference.runs) == 1:
        return f'1 seed ({seeds}), which has no spread'
    return f'{len(reference.runs)} seeds ({seeds})'


def _draw_panel(panel: Axes, reference: Reference, runs: Mapping[str, Curves], name: str) -> None:
    band = band_of(reference, name)
    if not np.isnan(band.low[0]):
        label = f'where {100 * LEVEL:g} % or more of further trainings lie'
        panel.fill_between(band.at, band.low, band.high, color='#DDDDDD', label=label)
    label = 'seeds of the reference'
    for curves in reference.curves:
        curve = curves.curves[name]
        panel.plot(
            list(curve), list(curve.values()), color=_GREY, linewidth=0.8, marker='.', label=label
        )
        label = '_'
    for index, (run, curves) in enumerate(runs.items()):
        curve = curves.curves.get(name, {})
        colour = COLOURS[index % len(COLOURS)]
        panel.plot(list(curve), list(curve.values()), color=colour, marker='o', ms=3, label=run)
    seen = [
        value
        for curves in (*reference.curves, *runs.values())
        for value in curves.curves.get(name, {}).values()
    ]
    room = 0.5 * (max(seen) - min(seen)) or 0.1
    low, high = panel.get_ylim()
    # Wide intervals of few seeds would hide the curves.
    panel.set_ylim(max(low, min(seen) - room), min(high, max(seen) + room))
    panel.set_title(name, fontsize=10)
    panel.set_xlabel(reference.curves[0].unit, fontsize=8)
    panel.tick_params(labelsize=8)
    panel.xaxis.set_major_locator(MaxNLocator('auto', integer=True))
    panel.grid(alpha=0.25)
    panel.spines[['top', 'right']].set_visible(False)
