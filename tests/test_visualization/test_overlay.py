import numpy as np
import pytest

from avsbench.visualization.local_visualizer import PREDICTION_COLOUR
from avsbench.visualization.overlay import MaskPainter
from avsbench.visualization.video_sheet import PlotStyle, draw_areas, draw_log_mel

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


def test_the_border_is_dark_and_light_so_that_one_of_them_is_visible():
    mask = np.zeros((360, 640), np.uint8)
    mask[100:200, 100:200] = 1
    painter = MaskPainter(('background', 'sounding'), alpha=0.5)
    painter.set_mask(mask)
    for grey in (0, 255):
        painted = painter.paint(np.full((360, 640, 3), grey, np.uint8))
        border = painted[95:105, 150].max(-1)
        assert border.min() < 60 and border.max() > 200


def test_colour_of_a_network_with_one_class():
    painter = MaskPainter(('background', 'sounding'), colour=(0, 0, 255), alpha=1)
    painter.set_mask(np.ones((60, 80), np.uint8))
    assert tuple(painter.paint(IMAGE)[30, 40]) == (0, 0, 255)


def test_areas_end_where_the_last_mask_ends_without_a_line_to_zero():
    image = draw_areas([0, 1], {'dog': [0.5, 0.5]}, 2, colours={'dog': (255, 0, 0)})
    red = ((image[..., 0] > 200) & (image[..., 1:].max(-1) < 60)).nonzero()
    by_column = np.bincount(red[1], minlength=image.shape[1])
    assert by_column.max() < 12 and by_column[image.shape[1] // 2] > 0  # the legend is no taller


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
    style = PlotStyle(500)
    audio = draw_log_mel(log_mel, 5, 5, style=style)
    given = {'dog': [0, 0.1, 0], 'cat': [0, 0, 0.2]}
    areas = draw_areas([0, 1, 2], given, 5, colours={}, style=style)
    assert audio.shape[1] == areas.shape[1] == 500 and audio.dtype == np.uint8
    assert len(np.unique(audio.reshape(-1, 3), axis=0)) > 50
    empty = draw_areas([0], {}, 1, colours={}, style=style)
    assert empty.shape == areas.shape and (empty != areas).any()
