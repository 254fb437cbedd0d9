import numpy as np
import pytest

from avsbench.visualization.local_visualizer import PREDICTION_COLOUR
from avsbench.visualization.overlay import MaskPainter
from avsbench.visualization.video_sheet import draw_areas, draw_log_mel

IMAGE = np.full((60, 80, 3), 100, np.uint8)
PALETTE = np.array([(0, 0, 0), (200, 0, 0), (0, 200, 0)], np.uint8)


def test_colour_inside_nothing_outside():
    mask = np.zeros((60, 80), np.uint8)
    mask[10:50, 20:60] = 1
    painter = MaskPainter(('background', 'sounding'), alpha=0.5)
    painter.set_mask(mask)
    painted = painter.paint(IMAGE)
    assert np.abs(painted[30, 40].astype(int) * 2 - 100 - PREDICTION_COLOUR).max() <= 1
    assert (painted[:8] == 100).all() and (IMAGE == 100).all()
    assert painted[10, 40].max() < 60  # the border


def test_an_empty_mask_changes_nothing():
    painter = MaskPainter(('background', 'sounding'))
    with pytest.raises(ValueError, match='set_mask must come before'):
        painter.paint(IMAGE)
    painter.set_mask(np.zeros((60, 80), np.uint8))
    assert (painter.paint(IMAGE) == IMAGE).all()


def test_colours_and_names_of_classes():
    mask = np.zeros((60, 80), np.uint8)
    mask[30:50, 5:35], mask[30:50, 45:75] = 1, 2
    named = MaskPainter(('background', 'dog', 'cat'), PALETTE, alpha=1)
    named.set_mask(mask)
    painted = named.paint(IMAGE)
    assert tuple(painted[40, 20]) == (200, 0, 0) and tuple(painted[40, 60]) == (0, 200, 0)
    assert (painted[:28] != 100).any()  # letters above the objects


def test_each_pixel_has_a_class_where_there_is_no_background():
    mask = np.zeros((60, 80), np.uint8)
    mask[:, 40:] = 1
    palette = np.array([(0, 0, 200), (200, 0, 0)], np.uint8)
    for background, left in ((True, (100, 100, 100)), (False, (0, 0, 200))):
        painter = MaskPainter(('wall', 'dog'), palette, background=background, alpha=1)
        painter.set_mask(mask)
        painted = painter.paint(IMAGE)
        assert tuple(painted[50, 20]) == left and tuple(painted[50, 60]) == (200, 0, 0)


def test_plots_of_a_video_have_the_same_axes():
    log_mel = np.linspace(-4, 1, 5 * 12 * 64).reshape(5, 12, 64)
    audio = draw_log_mel(log_mel, 5, 5, width=500)
    areas = draw_areas(
        [0, 1, 2], {'dog': [0, 0.1, 0], 'cat': [0, 0, 0.2]}, 5, colours={}, width=500
    )
    assert audio.shape[1] == areas.shape[1] == 500 and audio.dtype == np.uint8
    assert len(np.unique(audio.reshape(-1, 3), axis=0)) > 50
    empty = draw_areas([0], {}, 1, colours={}, width=500)
    assert empty.shape == areas.shape and (empty != areas).any()
