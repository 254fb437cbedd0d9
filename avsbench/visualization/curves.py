"""Curves of losses, learning rate and metrics of one or several trainings."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from avsbench.analysis.run_logs import RunLog
from avsbench.utils.errors import DataError, nearest
from avsbench.visualization.verbatim import draw_verbatim

# Distinguishable with any colour vision (Okabe and Ito).
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000')
_STYLES = ('-', '--', ':')
_BOOKKEEPING = {'epoch', 'time', 'data_time', 'memory', 'base_lr'}
# Losses of inner layers, published groupings of a metric, counts: drawn only on request.
_DETAILS = re.compile(
    r'(.*/)?(.*_\d+|.*_b\d+|(clips|frames|classes|threshold|JF).*'
    r'|.*_(no_bg|present|real|dataset_all|mask|mask_dataset))'
)
_SMALLER = re.compile(r'loss|mae', re.IGNORECASE)  # of which the smallest is the best
_COLUMNS = 3
_CELL = (4.2, 2.7)  # inches


def curve_names(runs: Sequence[RunLog], patterns: Sequence[str] = ()) -> list[str]:
    """Names of the curves that match.

    Args:
        runs: At least one.
        patterns: Names or patterns such as `loss*`; none for all except times, counts, the losses
            of inner layers and metrics of single batch sizes.

    Returns:
        Names in the order of the patterns, those of the training first.

    Raises:
        DataError: Nothing matches one of the patterns.
    """
    names = dict.fromkeys(str(name) for run in runs for name in run.train if name != 'epoch')
    names |= dict.fromkeys(str(name) for run in runs for name in run.val)
    if not patterns:
        return [n for n in names if n not in _BOOKKEEPING and not _DETAILS.fullmatch(n)]
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matching = [name for name in names if fnmatchcase(name, pattern)]
        if not matching:
            raise DataError(
                f'no run has {pattern!r}{nearest(pattern, names)}; there are {", ".join(names)}'
            )
        chosen |= dict.fromkeys(matching)
    return list(chosen)


def draw_curves(runs: Sequence[RunLog], names: Sequence[str], window: int = 1) -> Figure:
    """Draw one panel per name, with one line per run that has it.

    Args:
        runs: At least one.
        names: At least one, see `curve_names`.
        window: Training records in the running mean that is drawn; if more than one, the records
            themselves are drawn pale behind it. `lr` is never smoothed. A star marks the best
            epoch of a metric.
    """
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    lines_of_legend = -(-len(runs) // columns)
    size = (columns * _CELL[0], rows * _CELL[1] + 0.25 * lines_of_legend + 0.15)
    figure = Figure(figsize=size, layout='constrained')
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    for panel, name in zip(panels, names, strict=False):
        _draw_panel(panel, runs, name, window)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    lines = [panels[0].plot([], [], **_look(i))[0] for i in range(len(runs))]
    figure.legend(
        lines,
        [run.name for run in runs],
        loc='outside upper left',
        ncols=columns,
        frameon=False,
    )
    draw_verbatim(figure)
    return figure


def _draw_panel(panel: Axes, runs: Sequence[RunLog], name: str, window: int) -> None:
    units = set()
    for index, run in enumerate(runs):
        training = name in run.train
        table = run.train if training else run.val
        if name not in table:
            continue
        units.add('epoch' if run.by_epoch and not training else 'iteration')
        values = table[name].dropna()
        look = _look(index)
        if training and window > 1 and name != 'lr':
            panel.plot(values.index, values, **look | {'alpha': 0.25, 'linewidth': 0.8})
            values = values.rolling(window, min_periods=1).mean()
        panel.plot(values.index, values, **look, marker='' if training else '.')
        if not training and len(values):
            best = values.idxmin() if _SMALLER.search(name) else values.idxmax()
            star = dict(marker='*', markersize=11, markeredgecolor='white', color=look['color'])
            panel.plot([best], [values[best]], **star, label='best')
    panel.set_title(name, fontsize=10)
    panel.set_xlabel(' or '.join(sorted(units)), fontsize=8)
    panel.tick_params(labelsize=8)
    panel.xaxis.set_major_locator(MaxNLocator('auto', integer=True, min_n_ticks=1))
    if np.ptp(panel.dataLim.intervalx) < 1:  # a single record; whole numbers beside it
        panel.set_xlim(panel.dataLim.x0 - 1, panel.dataLim.x1 + 1)
    panel.ticklabel_format(axis='y', scilimits=(-3, 4))
    panel.yaxis.get_offset_text().set_fontsize(8)
    panel.grid(alpha=0.25)
    panel.spines[['top', 'right']].set_visible(False)


def _look(index: int) -> dict:
    """Colour and style of the lines of a run."""
    style = _STYLES[index // len(COLOURS) % len(_STYLES)]
    return {'color': COLOURS[index % len(COLOURS)], 'linestyle': style, 'linewidth': 1.4}
