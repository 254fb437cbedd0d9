"""Palette images mean what their colours show, whatever numbers stand for these."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avsbench.layouts.avss_classes import palette
from avsbench.media.images import (
    read_binary_mask,
    read_colour_label,
    read_grey_mask,
    read_index_label,
    read_numbered_label,
)
from avsbench.utils.errors import DataError

SHOWN = np.arange(24)[:, None].repeat(8, 1) < 5  # (24, 8)
INDICES = np.arange(24)[:, None].repeat(8, 1) // 8
CLASSES = np.array([0, 7, 28])
BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def saved(folder: Path, values: np.ndarray, *colours: tuple[int, int, int]) -> Path:
    image = Image.fromarray(values.astype(np.uint8))
    image.putpalette(np.array(colours, np.uint8).tobytes())
    image.save(folder / 'x.png')
    return folder / 'x.png'


def test_black_is_the_background_of_a_mask(tmp_path: Path) -> None:
    path = saved(tmp_path, ~SHOWN, WHITE, BLACK)
    assert (read_binary_mask(path) == SHOWN).all()
    grey = Image.fromarray(SHOWN.astype(np.uint8) * 255).convert('RGB')
    grey.quantize(2).save(path)
    assert np.asarray(Image.open(path))[0, 0] == 0  # white comes first
    assert (read_binary_mask(path) == SHOWN).all()
    path = saved(tmp_path, INDICES, (0, 128, 0), (128, 0, 0), BLACK)  # two objects
    assert (read_binary_mask(path) == (INDICES < 2)).all()


def test_a_grey_palette_needs_a_decision_as_greys_do(tmp_path: Path) -> None:
    path = saved(tmp_path, INDICES, WHITE, (50, 50, 50), BLACK)
    with pytest.raises(DataError, match='mask of two values.*50 in 64 pixels, 255 in 64 pixels'):
        read_binary_mask(path)
    assert (read_binary_mask(path, grey='foreground') == (INDICES < 2)).all()


def test_palettes_of_no_certain_meaning_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, SHOWN, (0, 9, 0), (0, 0, 128))
    with pytest.raises(DataError, match='none of them black.*one channel, black'):
        read_binary_mask(path)
    path = saved(tmp_path, SHOWN, BLACK)
    for read in (
        read_binary_mask,
        lambda path: read_index_label(path, 71),
        lambda path: read_colour_label(path, 71),
        lambda path: read_grey_mask(path, 1),
    ):
        with pytest.raises(DataError, match='value 1 in a palette of 1 colours'):
            read(path)
    unknown = [(1, 2, 3), (4, 5, 6), BLACK]
    ambiguous = [BLACK, (64, 64, 64), BLACK]  # the colour of class 56, and the grey of 64
    beyond = [BLACK, (80, 80, 80), BLACK]
    for colours in (unknown, ambiguous, beyond):
        path = saved(tmp_path, INDICES, *colours)
        with pytest.raises(DataError, match=r'neither .* nor greys \(0 is .*the class indices'):
            read_index_label(path, 71)


@pytest.mark.parametrize('read', [read_index_label, read_numbered_label])
def test_labels_are_what_their_colours_are(tmp_path: Path, read: Callable) -> None:
    labels = CLASSES[INDICES]
    expected = labels if read is read_index_label else np.where(labels == 0, 255, labels - 1)
    forms = [
        (labels, palette()),  # as published
        (INDICES, palette()[CLASSES]),  # reduced to the colours in use
        (labels, [(k, k, k) for k in range(29)]),
        (INDICES, [(k, k, k) for k in CLASSES]),
    ]
    for values, colours in forms:
        assert (read(saved(tmp_path, values, *colours), 71) == expected).all()


def test_values_that_are_no_class_are_named_as_in_grey_labels(tmp_path: Path) -> None:
    colours = [tuple(colour) for colour in palette(255)]
    path = saved(tmp_path, np.where(SHOWN, 255, 3), *colours, (224, 224, 192))
    with pytest.raises(DataError, match='found also 255 in 40 pixels'):
        read_index_label(path, 71)
    assert (read_numbered_label(path, 71) == np.where(SHOWN, 255, 2)).all()
