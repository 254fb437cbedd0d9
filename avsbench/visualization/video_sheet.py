"""Plots over the time of a video: its log-mel, and the area of its masks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avsbench.media.front_ends import VGGISH, FrontEnd
from avsbench.visualization.local_visualizer import PREDICTION_COLOUR
from avsbench.visualization.verbatim import draw_verbatim

DPI = 100
HEIGHT = 0.95  # inches of the axes
MAX_CLASSES = 6
"""Only the curves of the largest classes are drawn."""


@dataclass(frozen=True)
class PlotStyle:
    """Size of a plot, the same for all of a video, so that their time axes align.

    Attributes:
        width: Of the image in pixels.
        margins: Left and right of the axes, in inches.
        font: Size of the title in points; other text is a little smaller.
    """

    width: int = 640
    margins: tuple[float, float] = (0.8, 0.2)
    font: float = 10


PLAIN = PlotStyle()


def draw_log_mel(
    log_mel: np.ndarray,
    span: float,
    seconds: float,
    *,
    front_end: FrontEnd = VGGISH,
    style: PlotStyle = PLAIN,
) -> np.ndarray:
    """Draw the log-mel of a video over time.

    Args:
        log_mel: (n, columns, bands), consecutive patches with any number of columns each.
        span: Seconds that all patches cover together.
        seconds: At which the time axis ends.
        front_end: What computed it.
        style: Of the plot.

    Returns:
        (h, w, 3) uint8, RGB.
    """
    figure, axes = _figure(style, 'audio: log-mel patch of each second')
    spectrum = log_mel.reshape(-1, log_mel.shape[-1]).T
    silence, (low, high) = front_end.silence, front_end.mel_range
    limits = dict(cmap='magma', vmin=silence, vmax=max(float(spectrum.max()), silence + 1))
    extent = (0, span, 0, 1)
    axes.imshow(spectrum, origin='lower', aspect='auto', extent=extent, **limits)
    axes.set(xlim=(0, max(seconds, 0.1)))
    axes.set_yticks([0, 1], [f'{low:g} Hz', f'{high / 1000:g} kHz'])
    return _image(figure)


def draw_areas(
    starts: Sequence[float],
    areas: Mapping[str, Sequence[float]],
    seconds: float,
    *,
    colours: Mapping[str, Sequence[int]],
    style: PlotStyle = PLAIN,
) -> np.ndarray:
    """Draw the area of each class over time.

    Args:
        starts: Seconds at which the masks begin.
        areas: Class -> fraction of the image in each mask, 0 to 1.
        seconds: At the end of the last mask.
        colours: Class -> RGB, 0 to 255; others get that of binary predictions.
        style: Of the plot.

    Returns:
        (h, w, 3) uint8, RGB.
    """
    figure, axes = _figure(style, 'area of the masks, % of the image')
    largest = sorted(areas, key=lambda name: -float(np.sum(areas[name])))[:MAX_CLASSES]
    edges = [*starts, max(seconds, starts[-1] + 1e-3)]
    for name in largest:
        colour = np.asarray(colours.get(name, PREDICTION_COLOUR)) / 255
        axes.stairs(
            100 * np.asarray(areas[name]), edges, color=colour, lw=2, label=name, baseline=None
        )
    axes.set(xlim=(0, max(seconds, 0.1)), ylim=(0, None if largest else 1))
    if not largest:
        axes.set_yticks([0])
        middle = dict(transform=axes.transAxes, ha='center', va='center', fontsize=style.font)
        axes.text(0.5, 0.5, 'nothing marked', **middle)
    if any(name in colours for name in largest):  # in place of the title
        title = axes.get_title(loc='left')
        axes.set_title('', loc='left')
        axes.set_ylabel(title.rpartition(', ')[2].replace(' of the', '\nof the'))
        above = dict(loc='lower left', bbox_to_anchor=(0, 1), borderaxespad=0.2, frameon=False)
        short = dict(fontsize=0.8 * style.font, handlelength=1, columnspacing=1)
        axes.legend(ncols=MAX_CLASSES, **above, **short)
    axes.spines[['top', 'right']].set_visible(False)
    return _image(figure)


def _figure(style: PlotStyle, title: str) -> tuple[Figure, Axes]:
    """Axes with the same margins in every plot, so that their time axes align."""
    width = style.width / DPI
    above, below = 0.025 * style.font, 0.04 * style.font
    height = HEIGHT + above + below
    figure = Figure(figsize=(width, height), dpi=DPI)
    left, right = style.margins
    box = (left / width, below / height, 1 - (left + right) / width, HEIGHT / height)
    axes = figure.add_axes(box)
    axes.set_title(title, fontsize=style.font, loc='left')
    axes.set_xlabel('second', fontsize=0.9 * style.font, labelpad=1)
    axes.tick_params(labelsize=0.8 * style.font)
    return figure, axes


def _image(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    draw_verbatim(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
