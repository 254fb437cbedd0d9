from dataclasses import replace

import matplotlib.axes
import numpy as np
import pytest
import torch
from gallery_toys import SIZE, make_clip
from matplotlib.figure import Figure
from PIL import Image

from avsbench.registry import VISUALIZERS
from avsbench.visualization import AVSLocalVisualizer, ClipView, local_visualizer
from avsbench.visualization.local_visualizer import (
    IGNORED_COLOUR,
    PREDICTION_COLOUR,
    TRUTH_COLOUR,
)
from avsbench.visualization.palette import display_palette

PALETTE = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
NAMES = ('background', 'bell', 'bird', 'boat')


def view_of(pred=None, audio=True, **kwargs):
    item = make_clip(**kwargs)
    sample = item['data_samples']
    if pred is not None:
        sample.pred_masks = pred
        sample.seg_logits = torch.zeros(len(pred), kwargs.get('classes', 1), *SIZE)
    frames = item['inputs']['frames'].permute(0, 2, 3, 1).numpy()
    return ClipView(frames, sample, item['inputs']['audio'] if audio else None)


def pixels_like(image, colour, tolerance=4):
    return (np.abs(image.astype(int) - colour).max(-1) <= tolerance).sum()


@pytest.fixture
def texts(monkeypatch):
    """All strings that are written into images."""
    found = []
    labels = matplotlib.axes.Axes.set_xticks
    text, title = matplotlib.axes.Axes.text, matplotlib.axes.Axes.set_title
    legend = Figure.legend

    def keep_labels(self, ticks, names=None, **kwargs):
        found.extend(names or [])
        return labels(self, ticks, names, **kwargs)

    def keep_text(self, x, y, string, **kwargs):
        found.append(string)
        return text(self, x, y, string, **kwargs)

    def keep_title(self, label, **kwargs):
        found.append(label)
        return title(self, label, **kwargs)

    def keep_legend(self, handles, **kwargs):
        found.extend(handle.get_label() for handle in handles)
        return legend(self, handles=handles, **kwargs)

    monkeypatch.setattr(matplotlib.axes.Axes, 'set_xticks', keep_labels)
    monkeypatch.setattr(matplotlib.axes.Axes, 'text', keep_text)
    monkeypatch.setattr(matplotlib.axes.Axes, 'set_title', keep_title)
    monkeypatch.setattr(Figure, 'legend', keep_legend)
    return found


def test_truth_and_prediction_are_drawn_in_their_colours():
    blank = AVSLocalVisualizer(alpha=1.0)
    pred = make_clip(loud=1)['data_samples'].gt_masks
    image = blank.draw([view_of(pred)])
    assert image.dtype == np.uint8 and image.shape[2] == 3
    shown = [pixels_like(image, colour) for colour in (TRUTH_COLOUR, PREDICTION_COLOUR)]
    share = 80 / (SIZE[0] * SIZE[1])
    expected = 3 * share * (1.3 * 100) ** 2 * 0.96 * SIZE[0] / SIZE[1]
    assert shown == pytest.approx([expected, expected], rel=0.25)  # less the outline
    nothing = blank.draw([view_of(torch.zeros_like(pred))])
    assert pixels_like(nothing, PREDICTION_COLOUR) < 20
    assert pixels_like(nothing, TRUTH_COLOUR) == shown[0]


def test_background_stays_visible_and_masks_have_a_border(monkeypatch):
    monkeypatch.setattr(local_visualizer, '_note', lambda *args: None)
    visualizer = AVSLocalVisualizer(alpha=1.0)
    pred = make_clip(loud=1)['data_samples'].gt_masks
    masks, none = (
        pixels_like(visualizer.draw([view_of(p, audio=False)], draw_gt=False), (0, 0, 0), 100)
        for p in (pred, torch.zeros_like(pred))
    )
    assert none < 1000  # letters
    assert masks > none + 200  # around three masks


def test_audio_is_drawn():
    visualizer = AVSLocalVisualizer()
    view = view_of(loud=0)
    other = ClipView(view.frames, view.sample, view_of(loud=2).log_mel)
    ours, theirs = visualizer.draw([view]), visualizer.draw([other])
    rows = np.flatnonzero((ours != theirs).any(-1).any(1))
    assert rows.min() > 0.6 * len(ours)  # only in the lowest strip
    middle = slice(ours.shape[1] // 2, ours.shape[1] // 2 + 1)
    low, high = (rows[p[rows, middle].sum((1, 2)).argmax()] for p in (ours, theirs))
    assert low > high + 10  # low pitch at the bottom


def test_rows_can_be_left_out():
    visualizer = AVSLocalVisualizer(alpha=1.0)
    pred = make_clip()['data_samples'].gt_masks
    full = visualizer.draw([view_of(pred)])
    no_truth = visualizer.draw([view_of(pred)], draw_gt=False)
    no_audio = visualizer.draw([view_of(pred, audio=False)])
    assert pixels_like(no_truth, TRUTH_COLOUR) == 0 < pixels_like(no_truth, PREDICTION_COLOUR)
    assert no_truth.shape[0] < full.shape[0] and no_audio.shape[0] < full.shape[0]
    assert visualizer.draw([view_of()]).shape == no_truth.shape  # no prediction: no row for it


@pytest.mark.parametrize('field', ['seg_logits', 'seg_probs'])
def test_iou_is_the_one_of_the_metric(texts, field):
    pred = make_clip(loud=1)['data_samples'].gt_masks
    pred[1] = make_clip(loud=0)['data_samples'].gt_masks[1]
    view = view_of(pred)
    view.sample.gt_valid[2] = False
    view.sample.set_field(view.sample.pop('seg_logits'), field)
    AVSLocalVisualizer().draw([view])
    assert [t for t in texts if t.startswith('IoU')] == ['IoU 0.00', 'IoU 1.00']
    assert 'not\nannotated' in texts


def test_titles(texts):
    AVSLocalVisualizer().draw([view_of(clip_id='cat/x_1')])
    assert {'cat/x_1', 'second 1', 'second 2', 'second 3'} <= set(texts)


def test_semantic_masks_have_the_palette_and_a_legend(texts):
    visualizer = AVSLocalVisualizer(alpha=1.0)
    visualizer.dataset_meta = dict(palette=np.array(PALETTE), classes=NAMES)
    pred = make_clip(loud=2, classes=4)['data_samples'].gt_masks
    image = visualizer.draw([view_of(pred, loud=0, classes=4)])
    colours = [tuple(colour) for colour in display_palette(PALETTE)]
    for index in (1, 3):
        assert pixels_like(image, colours[index]) > 500
    assert pixels_like(image, colours[2]) == 0
    assert texts.count('bell') > 1 and texts.count('boat') > 1  # at the masks, in the legend
    assert not {'bird', 'background'} & set(texts)
    assert not any(text.startswith('IoU') for text in texts)


def test_class_0_is_drawn_where_there_is_no_background(texts):
    visualizer = AVSLocalVisualizer(alpha=1.0)
    palette = [(10, 150, 10), *PALETTE[1:]]
    visualizer.dataset_meta = dict(palette=np.array(palette), classes=NAMES, background=False)
    view = view_of(classes=4)
    view.sample.gt_masks[0] = 255
    image = visualizer.draw([view])
    assert pixels_like(image, palette[0]) > 500 and NAMES[0] in texts
    dark = tuple(round(255 * value) for value in IGNORED_COLOUR[:3])
    assert pixels_like(image, dark) > 500
    visualizer.dataset_meta = dict(palette=np.array(palette), classes=NAMES)
    texts.clear()
    assert pixels_like(visualizer.draw([view]), palette[0]) == 0 and NAMES[0] not in texts


def test_long_names_of_classes_stay_in_the_image():
    """In an image of one frame, and where a name is longer than a frame is wide."""
    visualizer = AVSLocalVisualizer(alpha=1.0)
    names = ['background', *(f'{index} of a class with a long name' for index in range(3))]
    view = view_of(make_clip(classes=4)['data_samples'].gt_masks, classes=4)
    view.sample.gt_masks[0, :6, 0], view.sample.gt_masks[0, :6, 1] = 2, 3
    heights = []
    for labels in (list('abcd'), names):
        visualizer.dataset_meta = dict(palette=np.array(PALETTE), classes=labels)
        image = visualizer.draw([view])
        assert (image[:, -1] == 255).all() and (image[:, 0] == 255).all()
        heights.append(image.shape[0])
    assert heights[1] > heights[0]


def test_padded_frames_are_not_drawn():
    view = view_of(make_clip()['data_samples'].gt_masks)
    padded = view_of()
    for name in ('gt_masks', 'pred_masks', 'seg_logits', 'gt_valid', 'frame_valid'):
        value = view.sample.get(name)
        padded.sample.set_field(torch.cat([value, torch.zeros_like(value)]), name)
    ours, theirs = (AVSLocalVisualizer().draw([v]) for v in (view, padded))
    assert (ours == theirs).all()


def test_clips_side_by_side():
    visualizer = AVSLocalVisualizer()
    one, two = view_of(loud=0), view_of(loud=1)
    alone, both = visualizer.draw([one]), visualizer.draw([one, two])
    assert both.shape[0] == alone.shape[0]
    assert both.shape[1] == pytest.approx(2 * alone.shape[1], abs=2)
    left, right = both[:, : alone.shape[1]], both[:, -alone.shape[1] :]
    assert (left != right).any()


def test_a_mask_that_fills_the_frame():
    full = torch.ones(3, *SIZE, dtype=torch.uint8)
    image = AVSLocalVisualizer(alpha=1.0).draw([view_of(full)])
    assert pixels_like(image, PREDICTION_COLOUR) > 30000


def test_add_datasample_writes_a_file_or_to_the_backends(tmp_path):
    visualizer = VISUALIZERS.build(
        dict(
            type='AVSLocalVisualizer',
            name='images',
            vis_backends=[dict(type='LocalVisBackend')],
            save_dir=str(tmp_path),
        )
    )
    view = view_of(make_clip()['data_samples'].gt_masks)
    expected = visualizer.draw([ClipView(view.frames, view.sample, view.log_mel, 'clip')])
    arguments = dict(image=view.frames, data_sample=view.sample, log_mel=view.log_mel)
    visualizer.add_datasample('clip', **arguments, out_file=tmp_path / 'a' / 'clip.png')
    visualizer.add_datasample('clip', **arguments, step=7)
    for path in (tmp_path / 'a/clip.png', tmp_path / 'vis_data/vis_image/clip_7.png'):
        assert (np.asarray(Image.open(path)) == expected).all()


def test_alpha_is_checked():
    with pytest.raises(ValueError, match='alpha: got 2'):
        AVSLocalVisualizer(alpha=2)


def test_pixels_without_a_class_are_dark_and_have_no_name(texts):
    view = view_of(audio=False)
    view.sample.gt_masks[:] = 255
    dark = tuple(round(255 * value) for value in IGNORED_COLOUR[:3])
    assert pixels_like(AVSLocalVisualizer().draw([view]), dark) > 30000
    visualizer = AVSLocalVisualizer()
    visualizer.dataset_meta = dict(palette=np.array(PALETTE), classes=NAMES)
    assert pixels_like(visualizer.draw([view]), dark) > 30000
    assert not set(NAMES) & set(texts)


def test_maskiges_are_a_row():
    view = view_of(audio=False)
    colour = (12, 200, 99)
    maskiges = np.full_like(view.frames, colour)
    plain = AVSLocalVisualizer().draw([view])
    image = AVSLocalVisualizer().draw([replace(view, maskiges=maskiges)])
    assert pixels_like(image, colour, 0) > 30000 and pixels_like(plain, colour, 0) == 0
    assert image.shape[0] > plain.shape[0]


def test_long_titles_are_broken_into_lines(texts):
    view = replace(view_of(), title='a title of many long/words\nand two lines', frames=None)
    one = replace(view, frames=view_of().frames[:1])
    all_three = replace(view, frames=view_of().frames)
    narrow, wide = (AVSLocalVisualizer().draw([v]) for v in (one, all_three))
    assert 'a title of many long/words\nand two lines' in texts
    assert 'a title of many long/\nwords\nand two lines' in texts
    assert narrow.shape[0] > wide.shape[0]


def test_an_empty_target_says_so(texts):
    view = view_of()
    view.sample.gt_masks[:] = 0
    AVSLocalVisualizer().draw([view])
    assert texts.count('empty') == len(view.frames)
