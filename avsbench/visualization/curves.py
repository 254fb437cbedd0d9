"""Curves of losses, learning rate and metrics of one or several trainings."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from avsbench.analysis.run_logs import RunLog, counterparts
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
        Names in the order of the patterns, those of the training first; without patterns the
        loss, metrics, and then what else the training logs. What validations log as the
        counterpart of a curve of the training, such as `val_loss`, belongs to it.

    Raises:
        DataError: Nothing matches one of the patterns.
    """
    train = dict.fromkeys(str(name) for run in runs for name in run.train if name != 'epoch')
    val = dict.fromkeys(str(name) for run in runs for name in run.val)
    names = train | val
    paired = {other for name in train for other in counterparts(name)}
    if not patterns:
        ordered = dict.fromkeys(name for name in train if name == 'loss') | val | train
        left_out = _BOOKKEEPING | paired
        return [n for n in ordered if n not in left_out and not _DETAILS.fullmatch(n)]
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matching = [name for name in names if fnmatchcase(name, pattern)]
        if not matching:
            raise DataError(
                f'no run has {pattern!r}{nearest(pattern, names)}; there are {", ".join(names)}'
            )
        chosen |= dict.fromkeys(matching)
    return [
        name
        for name in chosen
        if not any(name in counterparts(other) for other in chosen if other in train)
    ]


def best_position(name: str, values: pd.Series) -> int:
    """Where a metric is best: at its smallest value for losses and errors, else at its largest."""
    return int(values.idxmin() if _SMALLER.search(name) else values.idxmax())


def draw_curves(runs: Sequence[RunLog], names: Sequence[str], window: int = 1) -> Figure:
    """Draw one panel per name, with one line per run that has it, over a shared axis of epochs.

    What validations log stands at the end of their epoch, below or beside what the training logged
    by then; where both log the same, e.g. a loss, the validations are a dashed line in its panel.
    Trainings that count iterations are drawn over iterations.

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
    units = {run.by_epoch for run in runs}
    share = 'all' if len(units) == 1 else 'none'
    panels = figure.subplots(rows, columns, squeeze=False, sharex=share).flatten()
    for panel, name in zip(panels, names, strict=False):
        _draw_panel(panel, runs, name, window, by_epoch=units == {True})
    _finish_axis(panels[: len(names)])
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


def _draw_panel(
    panel: Axes, runs: Sequence[RunLog], name: str, window: int, *, by_epoch: bool
) -> None:
    """The curves of a name; `by_epoch` draws those of trainings over epochs, too."""
    units, parts = set(), {}
    for index, run in enumerate(runs):
        look, column = _look(index), run.validation_of(name)
        if name in run.train:
            units.add('epoch' if by_epoch else 'iteration')
            parts['training'] = '-'
            _draw_training(panel, run, name, look, window, by_epoch)
        if column is not None:
            units.add('epoch' if run.by_epoch else 'iteration')
            parts['validation'] = '--' if name in run.train else '-'
            style = {'linestyle': '--'} if name in run.train else {}
            _draw_validation(panel, name, run.val[column].dropna(), look | style)
    if len(parts) == 2:
        grey = [Line2D([], [], color='0.4', linestyle=style) for style in parts.values()]
        panel.legend(grey, list(parts), fontsize=8, frameon=False)
    panel.set_title(f'{name} ({" and ".join(parts)})', fontsize=10)
    panel.set_xlabel(' or '.join(sorted(units)), fontsize=8)
    panel.tick_params(labelsize=8, labelbottom=True)
    panel.ticklabel_format(axis='y', scilimits=(-3, 4))
    panel.yaxis.get_offset_text().set_fontsize(8)
    panel.grid(alpha=0.25)
    panel.spines[['top', 'right']].set_visible(False)


def _draw_training(
    panel: Axes, run: RunLog, name: str, look: dict, window: int, by_epoch: bool
) -> None:
    values = run.train[name].dropna()
    places = run.epochs()[run.train[name].notna()] if by_epoch else values.index
    if window > 1 and name != 'lr':
        panel.plot(places, values, **look | {'alpha': 0.25, 'linewidth': 0.8})
        values = values.rolling(window, min_periods=1).mean()
    panel.plot(places, values, **look)


def _draw_validation(panel: Axes, name: str, values: pd.Series, look: dict) -> None:
    panel.plot(values.index, values, **look, marker='.')
    if len(values):
        best = best_position(name, values)
        star = dict(marker='*', markersize=11, markeredgecolor='white', color=look['color'])
        panel.plot([best], [values[best]], **star, label='best')


def _finish_axis(panels: Sequence[Axes]) -> None:
    """Whole numbers, also where there is a single record; unshared axes each their own."""
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator('auto', integer=True, min_n_ticks=1))
        shared = panel.get_shared_x_axes().get_siblings(panel)
        limits = [other.dataLim.intervalx for other in shared if other.lines]
        low, high = np.min(limits), np.max(limits)
        if high - low < 1:
            panel.set_xlim(low - 1, high + 1)


def _look(index: int) -> dict:
    """Colour and style of the lines of a run."""
    style = _STYLES[index // len(COLOURS) % len(_STYLES)]
    return {'color': COLOURS[index % len(COLOURS)], 'linestyle': style, 'linewidth': 1.4}
