import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from avsbench.evaluation.video import crf
from avsbench.evaluation.video.permutohedral import PermutohedralLattice

SETTINGS = crf.DAVIS_CRF


def plain_filter(features, values):
    """The lattice as the paper describes it, point by point, in a dict."""
    dims = features.shape[1]
    size = dims + 1
    grid, simplices = defaultdict(float), []
    for feature, value in zip(features.astype(float), values, strict=True):
        scaled = [
            x * math.sqrt(2 / 3) * size / math.sqrt((i + 1) * (i + 2))
            for i, x in enumerate(feature)
        ]
        place = np.array(
            [sum(scaled[i:]) - (i * scaled[i - 1] if i else 0) for i in range(size)]
        )  # on the plane of sum 0
        nearest = size * np.round(place / size)
        order = np.argsort(-(place - nearest), kind='stable')
        excess = round(nearest.sum()) // size
        for step in range(abs(excess)):
            moved = order[-1 - step] if excess > 0 else order[step]
            nearest[moved] -= size * np.sign(excess)
        rest = (place - nearest) / size
        order = np.argsort(-rest, kind='stable')
        corners, vertex = [], nearest.copy()
        ordered = rest[order]
        weights = [1 + ordered[-1] - ordered[0], *(ordered[:-1] - ordered[1:])[::-1]]
        for corner in range(size):
            corners.append((tuple(vertex.astype(int)), weights[corner]))
            vertex += 1
            vertex[order[-1 - corner]] -= size
        simplices.append(corners)
        for key, weight in corners:
            grid[key] += weight * value
    for axis in range(size):
        step = np.full(size, -1)
        step[axis] += size
        grid = {
            key: value + 0.5 * (grid.get(tuple(key + step), 0) + grid.get(tuple(key - step), 0))
            for key, value in grid.items()
        }
    return [
        sum(weight * grid[key] for key, weight in corners) / (1 + 2.0**-dims)
        for corners in simplices
    ]


@pytest.mark.parametrize('dims', [1, 2, 3, 5])
def test_lattice_is_that_of_the_paper(dims):
    rng = np.random.default_rng(dims)
    features = rng.normal(0, 2, (60, dims)).astype(np.float32)
    values = rng.normal(size=(60, 2)).astype(np.float32)
    ours = PermutohedralLattice(features).filter(values)
    for channel in range(2):
        assert ours[:, channel] == pytest.approx(
            plain_filter(features, values[:, channel]), abs=1e-4
        )


def test_lattice_is_about_a_gaussian():
    rng = np.random.default_rng(0)
    features = rng.uniform(0, 3, (400, 2)).astype(np.float32)
    values = rng.uniform(0, 1, (400, 1)).astype(np.float32)
    apart = ((features[:, None] - features[None]) ** 2).sum(-1)
    exact = (np.exp(-apart / 2) @ values)[:, 0]
    ours = PermutohedralLattice(features).filter(values)[:, 0]
    assert np.corrcoef(exact, ours)[0, 1] > 0.99


def test_lattice_does_not_depend_on_the_order_of_points_or_far_ones():
    rng = np.random.default_rng(1)
    features = rng.normal(0, 2, (50, 3)).astype(np.float32)
    values = rng.normal(size=(50, 1)).astype(np.float32)
    expected = PermutohedralLattice(features).filter(values)
    order = rng.permutation(50)
    assert PermutohedralLattice(features[order]).filter(values[order]) == pytest.approx(
        expected[order], abs=1e-5
    )
    far = np.concatenate([features, [[900, -900, 500]]]).astype(np.float32)
    assert PermutohedralLattice(far).filter(np.append(values, [[7]], 0).astype(np.float32))[
        :50
    ] == pytest.approx(expected, abs=1e-5)


def test_lattice_of_too_many_vertices():
    features = np.array([[0] * 5, [1e6] * 5], np.float32)
    with pytest.raises(ValueError, match='divide them by larger standard deviations'):
        PermutohedralLattice(features)


def noisy_disk(size=(40, 50), seed=0):
    """A bright disk, and noisy probabilities that know of it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    disk = (y - 20) ** 2 + (x - 25) ** 2 < 120
    image = np.where(disk[..., None], [220, 180, 40], [30, 60, 90]).astype(np.uint8)
    levels = np.clip(np.where(disk, 170, 80) + rng.normal(0, 40, size), 0, 255).astype(np.uint8)
    return image, levels, disk


def test_refinement_follows_the_colors():
    image, levels, disk = noisy_disk()
    assert np.mean((levels > 127) != disk) > 0.1
    refined = crf.refine_mask(image, levels)
    assert refined.dtype == bool
    assert np.mean(refined != disk) < 0.01


def test_terms_and_iterations():
    image, levels, _ = noisy_disk()
    unary = crf.unary_energies(crf.stretched_probability(levels))
    start = np.exp(-unary) / np.exp(-unary).sum(0)
    nothing = replace(SETTINGS, spatial_weight=0, bilateral_weight=0)
    assert crf.dense_crf(unary, image, nothing) == pytest.approx(start, abs=1e-6)
    assert crf.dense_crf(unary, image, replace(SETTINGS, iterations=0)) == pytest.approx(
        start, abs=1e-6
    )
    results = [
        crf.dense_crf(unary, image, settings)
        for settings in (
            SETTINGS,
            replace(SETTINGS, spatial_weight=0),
            replace(SETTINGS, bilateral_weight=0),
            replace(SETTINGS, iterations=1),
        )
    ]
    for result in results:
        assert result.sum(0) == pytest.approx(1, abs=1e-5)
        assert sum(np.allclose(result, other, atol=1e-3) for other in results) == 1


def test_more_labels_than_two():
    image, levels, disk = noisy_disk()
    image[:, :8] = (250, 0, 250)
    band = np.zeros(disk.shape, bool)
    band[:, :8] = True
    rng = np.random.default_rng(3)
    truth = np.where(band, 2, disk)
    scores = 0.8 * (truth[None] == np.arange(3)[:, None, None]) + rng.normal(
        0, 0.6, (3, *disk.shape)
    )
    result = crf.dense_crf(-scores.astype(np.float32), image)
    assert np.mean(scores.argmax(0) != truth) > 0.2
    assert np.mean(result.argmax(0) != truth) < 0.05


def test_a_frame_size_that_changes():
    image, levels, _ = noisy_disk()
    first = crf.refine_mask(image, levels)
    crf.refine_mask(image[:30, :31].copy(), levels[:30, :31])
    assert np.array_equal(crf.refine_mask(image, levels), first)


@pytest.mark.parametrize(('level', 'foreground'), [(0, False), (127, False), (128, True)])
def test_constant_frame_stays(level, foreground):
    image, levels, _ = noisy_disk()
    constant = np.full_like(levels, level)
    assert crf.stretched_probability(constant) is None
    assert np.array_equal(crf.refine_mask(image, constant), np.full(levels.shape, foreground))


def test_stretching():
    levels = np.array([[51, 102, 204]], np.uint8)
    low, middle, high = (np.array([51, 102, 204]) / 255) ** 1.3
    expected = [[0, (middle - low) / (high - low), 1]]
    assert crf.stretched_probability(levels) == pytest.approx(np.array(expected), abs=1e-6)
    energies = crf.unary_energies(np.array([[0, 0.25, 1.0]]))
    floor = -math.log(1e-5)
    expected = [[[0, -math.log(0.75), floor]], [[floor, -math.log(0.25), 0]]]
    assert energies == pytest.approx(np.array(expected), abs=1e-5)


def test_bad_input():
    image, levels, _ = noisy_disk()
    with pytest.raises(ValueError, match=r'levels \(40, 50\) float64, expected \(H, W\) uint8'):
        crf.refine_mask(image, levels / 255)
    with pytest.raises(ValueError, match=r'image \(39, 50, 3\) uint8, expected \(40, 50, 3\)'):
        crf.refine_mask(image[1:], levels)
    with pytest.raises(ValueError, match='float64, expected'):
        crf.refine_mask(image / 255, levels)
