"""Colours of classes: neighbours differ for every colour vision, and none is grey."""

import numpy as np
import pytest

from avsbench.layouts.avss_classes import CLASSES, palette
from avsbench.visualization.palette import MIN_CHROMA, class_palette, display_palette, lab


def smallest_distance(colours: np.ndarray, apart: int) -> float:
    """Of colours at most so many classes apart, as those see them who see the least."""
    seen = np.stack([lab(colours, vision) for vision in range(3)])
    distances = np.linalg.norm(seen[:, :, None] - seen[:, None], axis=-1).min(0)
    index = np.arange(len(colours))
    gaps = np.abs(index[:, None] - index)
    return distances[(gaps > 0) & (gaps <= apart)].min()


@pytest.mark.parametrize(('count', 'background'), [(71, True), (124, False)])
def test_neighbours_differ(count: int, background: bool) -> None:
    colours = class_palette(count, background=background)[int(background) :]
    encoded = palette(count + 1)[1:]
    assert len(np.unique(colours, axis=0)) == len(colours)
    assert smallest_distance(colours, 1) > 12 > 2 > smallest_distance(encoded, 1)
    assert smallest_distance(colours, 8) > 8


def test_no_class_is_grey() -> None:
    chroma = np.hypot(*lab(class_palette(len(CLASSES)))[1:, 1:].T)
    assert chroma.min() >= MIN_CHROMA
    bird = lab(palette()[CLASSES.index('bird')])
    assert np.hypot(*bird[1:]) < 1  # what the colours of mask files are


def test_colours_do_not_depend_on_the_number_of_classes() -> None:
    assert (class_palette(71)[:5] == class_palette(5)).all()
    assert (class_palette(5)[0] == 0).all() and class_palette(5, background=False)[0].any()


def test_only_the_colours_of_mask_files_are_replaced() -> None:
    chosen = np.array([[0, 0, 0], [1, 2, 3], [200, 0, 0]], np.uint8)
    assert (display_palette(chosen) == chosen).all()
    assert (display_palette(palette(9)) == class_palette(9)).all()
    without = palette(10)[1:]
    assert (display_palette(without, background=False) == class_palette(9, background=False)).all()
    assert (display_palette(without) == without).all()
