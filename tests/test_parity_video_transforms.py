"""Recorded draws reach the transforms in the published order."""

from types import SimpleNamespace

import numpy as np

from avsbench.parity.video_transforms import augmented, jitter, resized_shapes

NO_CHANGE = {
    'brightness_add': None,
    'order': ['brightness_add', 'contrast_multiply', 'saturation_multiply', 'hue_add_degrees'],
    'contrast_multiply': None,
    'saturation_multiply': None,
    'hue_add_degrees': None,
    'channel_order': None,
}


def test_jitter() -> None:
    drawn = jitter(NO_CHANGE | {'hue_add_degrees': 3.5, 'channel_order': [2, 0, 1]})
    assert drawn.hue == 3.5 and drawn.channel_order == [2, 0, 1] and drawn.contrast_first
    late = ['brightness_add', 'saturation_multiply', 'hue_add_degrees', 'contrast_multiply']
    assert not jitter(NO_CHANGE | {'order': late}).contrast_first


def test_sizes_come_from_the_table() -> None:
    entry = {'width': 854, 'height': 480, 'shorter': 473, 'longer_at_most': 851}
    fixture = SimpleNamespace(content={'resize_sizes': [entry, entry | {'longer_at_most': 780}]})
    assert resized_shapes(fixture) == [[473, 841], [438, 779]]


def test_steps_follow_each_other() -> None:
    columns = np.tile(np.arange(12, dtype=np.uint8), (6, 1))
    clip = {
        'clip_id': 'a',
        'frames': [np.repeat(20 * columns[..., None], 3, axis=2)],
        'masks': columns[None].copy(),
        'img_shape': (6, 12),
    }
    sizes = [{'shorter': 6, 'longer_at_most': None}, {'shorter': 12, 'longer_at_most': None}]
    draws = {
        'hflip': True,
        'resize': [*sizes, {'shorter': 4, 'longer_at_most': 8}],
        'photometric': [NO_CHANGE | {'brightness_add': 10.0}],
        'crop': [2, 4, 8, 16],
    }
    found = augmented(clip, draws)
    # Mirrored, doubled, cut at columns 4 to 19, halved: columns 2 to 9 of the mirrored clip.
    assert (found['masks'] == np.arange(9, 1, -1)).all()
    assert found['image'].shape == (1, 3, 4, 8)
    assert (found['photometric_in_0'][0, :, 0] == 20 * np.arange(11, -1, -1)).all()
    # HSV and back may lose one.
    risen = found['photometric_out_0'].astype(int) - found['photometric_in_0']
    assert ((risen == 10) | (risen == 9)).all()
    red = (found['image'][0, 0] * 58.395 + 123.675).numpy()
    assert abs(red[2] - (20 * np.arange(9, 1, -1) + 10)).max() <= 2
