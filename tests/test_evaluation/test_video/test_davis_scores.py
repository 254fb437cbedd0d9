import math

import numpy as np
import pytest
from scipy import ndimage

from avsbench.evaluation.video import davis
from avsbench.evaluation.video.masks import mask_iou


def blobs(seed, shape=(40, 57)):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 3)
    return field > 0.02


def test_iou_of_frames():
    full, empty, half = np.ones((4, 6), bool), np.zeros((4, 6), bool), np.zeros((4, 6), bool)
    half[:2] = True
    preds = np.stack([empty, empty, half, half, full])
    targets = np.stack([empty, half, empty, full, full])
    assert mask_iou(preds, targets).tolist() == [1, 0, 0, 0.5, 1]


def plain_boundary(mask):
    height, width = mask.shape
    out = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            for down, right in ((0, 1), (1, 0), (1, 1)):
                inside = y + down < height and x + right < width
                out[y, x] |= inside and mask[y, x] != mask[y + down, x + right]
    return out


@pytest.mark.parametrize('seed', range(3))
def test_boundary_is_on_the_upper_left_side(seed):
    mask = np.random.default_rng(seed).random((7, 9)) < 0.5
    assert np.array_equal(davis.boundary_map(mask), plain_boundary(mask))


def test_radius():
    assert davis.boundary_radius(480, 854) == 8
    assert davis.boundary_radius(48, 48) == 1


def plain_f(pred, target):
    radius = math.ceil(0.008 * math.sqrt(pred.shape[0] ** 2 + pred.shape[1] ** 2))
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disk = x**2 + y**2 <= radius**2
    edges, true_edges = plain_boundary(pred), plain_boundary(target)
    precision = (edges & ndimage.binary_dilation(true_edges, disk)).sum() / edges.sum()
    recall = (true_edges & ndimage.binary_dilation(edges, disk)).sum() / true_edges.sum()
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize('shape', [(40, 57), (120, 301)])
def test_f_follows_its_definition(shape):
    pred, target = blobs(0, shape), blobs(1, shape)
    both = pred | target
    assert davis.boundary_f(pred, target) == pytest.approx(plain_f(pred, target), abs=1e-12)
    assert 0.3 < davis.boundary_f(both, target) == pytest.approx(plain_f(both, target), abs=1e-12)


def test_f_without_a_boundary():
    some, empty, full = blobs(0), np.zeros((40, 57), bool), np.ones((40, 57), bool)
    for flat in (empty, full):  # a full frame has no boundary either
        assert davis.boundary_f(flat, some) == 0
        assert davis.boundary_f(some, flat) == 0
        assert davis.boundary_f(flat, flat) == 1
    assert davis.boundary_f(empty, full) == 1


def test_f_of_boundaries_that_never_meet():
    one, other = np.zeros((40, 57), bool), np.zeros((40, 57), bool)
    one[3:6, 3:6], other[30:33, 40:43] = True, True
    assert davis.boundary_f(one, other) == 0


def test_f_leaves_its_inputs_alone():
    pred, target = blobs(0), blobs(1)
    before = pred.copy(), target.copy()
    davis.boundary_f(pred, target)
    assert np.array_equal(pred, before[0]) and np.array_equal(target, before[1])


def test_statistics_of_short_videos():
    assert all(math.isnan(value) for value in davis.video_statistics(np.array([])))
    assert davis.video_statistics([0.5]) == (0.5, 0, 0)  # not above 0.5
    assert davis.video_statistics([0.75, 0.25]) == (0.5, 0.5, 0.5)
    # limits 1, 1.5, 2, 2.5, 3 of which the halves are rounded up: the last quarter is one value
    assert davis.video_statistics([1, 0, 0.2]) == pytest.approx((0.4, 1 / 3, 0.5 - 0.2))


def test_quarters_share_their_limits():
    values = np.arange(9.0)  # limits 0, 2, 4, 6, 8
    assert davis.video_statistics(values).decay == np.mean([0, 1, 2]) - np.mean([6, 7, 8])


def test_decay_of_long_videos():
    for count in (255, 256, 260, 300, 600):
        falling = np.linspace(1, 0, count)
        assert davis.video_statistics(falling).decay == pytest.approx(0.75, abs=0.01)


@pytest.mark.filterwarnings('ignore:overflow', 'ignore:Mean of empty', 'ignore:invalid value')
@pytest.mark.parametrize('count', [1, 2, 3, 6, 103, 255, 256, 257, 300, 500, 513, 1100])
def test_decay_with_limits_in_eight_bits(count):
    values = np.random.default_rng(count).random(count)
    limits = (np.round(np.linspace(1, count, 5) + 1e-10) - 1).astype(np.uint8)
    quarters = [values[limits[i] : limits[i + 1] + np.uint8(1)] for i in range(4)]
    published = quarters[0].mean() - quarters[3].mean()
    ours = davis.video_statistics(values, eight_bit_limits=True).decay
    assert ours == pytest.approx(published, nan_ok=True)
    assert (ours == davis.video_statistics(values).decay) == (count < 256)
