"""The image of a network's robustness: each metric, by condition."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avsbench.analysis.robustness.conditions import TRUTHS
from avsbench.analysis.robustness.measuring import (
    AREA,
    FPR,
    LEAK,
    MARKED,
    RETAINED,
    SENSITIVITY,
    J,
)
from avsbench.analysis.robustness.report import Robustness
from avsbench.visualization.curves import COLOURS
from avsbench.visualization.verbatim import draw_verbatim

_LINE = 0.26  # inches
_PANELS = {
    'J, or leak mIoU': (J, LEAK),
    'retained J': (RETAINED,),
    'FPR, or area marked': (FPR, AREA),
    'frames marked': (MARKED,),
    'sensitivity': (SENSITIVITY,),
}
_COLOURS = dict(zip(TRUTHS, COLOURS, strict=False))


def draw_robustness(found: Robustness) -> Figure:
    """Draw a panel for each metric, with a line for each condition."""
    names = list(dict.fromkeys(found.scores.condition))
    figure = Figure(figsize=(13, _LINE * len(names) + 1.6), layout='constrained')
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    for panel, (title, metrics) in zip(panels, _PANELS.items(), strict=True):
        _draw(panel, found.scores[found.scores.metric.isin(metrics)], names)
        panel.set_title(title, fontsize=10)
    panels[0].set_yticks(range(len(names)), names, fontsize=8)
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    used = dict.fromkeys(found.scores.truth)
    handles = [panels[0].plot([], [], 'o', color=_COLOURS[truth])[0] for truth in used]
    labels = [f'to mark: {truth}' for truth in used]
    figure.legend(handles, labels, loc='outside upper center', ncols=4, frameon=False)
    draw_verbatim(figure)
    return figure


def _draw(panel: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    for row in rows.itertuples():
        place, colour = names.index(row.condition), _COLOURS[row.truth]
        if not np.isnan(row.low):
            panel.plot([row.low, row.high], [place, place], color=colour, linewidth=2)
        panel.plot([row.value], [place], 'o', color=colour, markersize=5)
    highest = np.nanmax([*rows.value, *rows.high, 0.02])
    panel.set_xlim(-0.03 * highest, 1.06 * highest)
    panel.tick_params(labelsize=8)
    panel.grid(axis='x', alpha=0.25)
    panel.spines[['top', 'right']].set_visible(False)
