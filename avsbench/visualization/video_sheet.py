"""Plots over the time of a video: its log-mel, and the area of its masks."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from avsbench.media.front_ends import VGGISH, FrontEnd
from avsbench.visualization.local_visualizer import PREDICTION_COLOUR
from avsbench.visualization.verbatim import draw_verbatim

DPI = 100
MAX_CLASSES = 6
"""Only the curves of the largest classes are drawn."""


def draw_log_mel(
    log_mel: np.ndarray,
    span: float,
    seconds: float,
    *,
    front_end: FrontEnd = VGGISH,
    width: int = 800,
) -> np.ndarray:
    """Draw the log-mel of a video over time.

    Args:
        log_mel: (n, columns, bands), consecutive patches with any number of columns each.
        span: Seconds that all patches cover together.
        seconds: At which the time axis ends.
        front_end: What computed it.
        width: Of the image in pixels.

    Returns:
        (h, w, 3) uint8, RGB.
    """
    figure, axes = _figure(width, 1.8)
    spectrum = log_mel.reshape(-1, log_mel.shape[-1]).T
    silence, (low, high) = front_end.silence, front_end.mel_range
    limits = dict(cmap='magma', vmin=silence, vmax=max(float(spectrum.max()), silence + 1))
    extent = (0, span, 0, 1)
    axes.imshow(spectrum, origin='lower', aspect='auto', extent=extent, **limits)
    axes.set(xlim=(0, max(seconds, 0.1)), xlabel='second')
    axes.set_title('audio: log-mel patch of each second', fontsize=10)
    axes.set_yticks([0, 1], [f'{low:g} Hz', f'{high / 1000:g} kHz'])
    return _image(figure)


def draw_areas(
    starts: Sequence[float],
    areas: Mapping[str, Sequence[float]],
    seconds: float,
    *,
    colours: Mapping[str, Sequence[int]],
    width: int = 800,
) -> np.ndarray:
    """Draw the area of each class over time.

    Args:
        starts: Seconds at which the masks begin.
        areas: Class -> fraction of the image in each mask, 0 to 1.
        seconds: At the end of the last mask.
        colours: Class -> RGB, 0 to 255; others get that of binary predictions.
        width: Of the image in pixels.

    Returns:
        (h, w, 3) uint8, RGB.
    """
    figure, axes = _figure(width, 2.0)
    largest = sorted(areas, key=lambda name: -float(np.sum(areas[name])))[:MAX_CLASSES]
    edges = [*starts, max(seconds, starts[-1] + 1e-3)]
    for name in largest:
        colour = np.asarray(colours.get(name, PREDICTION_COLOUR)) / 255
        axes.stairs(
            100 * np.asarray(areas[name]), edges, color=colour, lw=2, label=name, fill=False
        )
    axes.set(xlim=(0, max(seconds, 0.1)), xlabel='second')
    axes.set(ylim=(0, None), ylabel='% of the image')
    if any(name in colours for name in largest):  # in place of the title
        above = dict(loc='lower left', bbox_to_anchor=(0, 1), borderaxespad=0.2, frameon=False)
        short = dict(fontsize=7, handlelength=1, columnspacing=1)
        axes.legend(ncols=MAX_CLASSES, **above, **short)
    else:
        axes.set_title('area of the masks', fontsize=10)
    axes.spines[['top', 'right']].set_visible(False)
    return _image(figure)


def _figure(width: int, height: float) -> tuple[Figure, Axes]:
    """Axes with the same margins in every plot, so that their time axes align."""
    inches = width / DPI
    figure = Figure(figsize=(inches, height), dpi=DPI)
    box = (0.7 / inches, 0.45 / height, 1 - 0.95 / inches, 1 - 0.75 / height)
    return figure, figure.add_axes(box)


def _image(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    draw_verbatim(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
