import pytest
import torch

from avsbench.evaluation import functional as metric
from avsbench.parity import metrics as parity
from avsbench.utils.maps import argmax_classes

THRESHOLDS = metric.thresholds()


def counts_of(probs, target, **kwargs):
    return metric.binary_counts(torch.as_tensor(probs), torch.as_tensor(target), **kwargs)


# --- the stored numbers of the published code ---------------------------------------------------


def test_binary_fixture(fixture_of):
    fixture = fixture_of('metrics_binary')
    computed = parity.run_binary(fixture)
    assert set(computed.outputs) == set(fixture.stored)
    for name, array in fixture.stored.items():
        assert (computed.outputs[name] == array).all(), name
    for name, value in fixture.content['summary'].items():
        assert computed.metrics[name] == value, name


def test_semantic_fixture(fixture_of):
    fixture = fixture_of('metrics_semantic')
    computed = parity.run_semantic(fixture)
    assert set(computed.outputs) == set(fixture.stored)
    for name, array in fixture.stored.items():
        assert computed.outputs[name] == pytest.approx(array, abs=2e-6), name
    for name in ('avsbench.iou_sum', 'avsbench.f_sum', 'avsbench.count'):
        assert (computed.outputs[name] == fixture.stored[name]).all(), name
    for system in ('avsbench', 'combo'):
        for name, value in fixture.content['summary'][system].items():
            assert computed.metrics[f'{system}.{name}'] == pytest.approx(value, abs=2e-8), name
    rounded = fixture.content['summary']['combo_rounded']
    assert round(computed.metrics['combo.miou'], 4) == rounded['mIoU']
    assert round(computed.metrics['combo.F'], 4) == rounded['f_score']


# --- hand-made cases ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('pred', 'target', 'expected'),
    [
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 1.0),
        ([1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, 0.9),
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 0, 0.0),
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0, 0, 0], 0.0),
        ([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], 1, 0.2),
        ([1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [0, 1, 1, 1, 0, 0, 0, 0, 0, 0], 0.5),
    ],
)
def test_frame_iou_cases(pred, target, expected):
    truth = torch.zeros(1, 2, 5) + torch.as_tensor(target).reshape(-1, 1 if target in (0, 1) else 5)
    probs = torch.tensor(pred).float().view(1, 2, 5)
    assert metric.frame_iou(counts_of(probs, truth)).item() == pytest.approx(expected, abs=1e-6)


def test_half_is_background():
    counts = counts_of(torch.zeros(1, 2, 2).sigmoid(), torch.ones(1, 2, 2))
    assert metric.frame_iou(counts).item() == 0
    assert counts.predicted[0, 127] == 4  # but it reaches the threshold 0.5


def test_f_ignores_frames_without_target():
    probs, target = torch.rand(3, 4, 4), torch.zeros(3, 4, 4)
    target[1, :2] = 1
    alone = counts_of(probs[1:2], target[1:2])
    both = counts_of(probs, target)
    assert metric.batch_f(metric.f_curves(both).f, both.target) == metric.batch_f(
        metric.f_curves(alone).f, alone.target
    )


def test_f_of_a_batch_without_target_is_zero():
    counts = counts_of(torch.rand(2, 4, 4), torch.zeros(2, 4, 4))
    f = metric.f_curves(counts).f
    assert metric.mean_f_curve(f, counts.target) is None
    assert metric.batch_f(f, counts.target) == 0.0


def test_f_of_an_empty_prediction_is_zero_above_the_lowest_threshold():
    counts = counts_of(torch.zeros(1, 4, 4), torch.ones(1, 4, 4))
    f = metric.f_curves(counts).f
    assert f[0, 0] == 1 and (f[0, 1:] == 0).all() and not f.isnan().any()


def test_lowest_threshold_marks_everything():
    target = torch.zeros(1, 4, 4)
    target[0, 0] = 1
    counts = counts_of(torch.zeros(1, 4, 4), target)
    q = 4 / 16
    assert metric.batch_f(metric.f_curves(counts).f, counts.target) == pytest.approx(
        1.3 * q / (0.3 * q + 1)
    )


def test_dataset_f_pools_pixels():
    probs = torch.tensor([[[1.0, 1.0, 0.0, 0.0]], [[0.0, 0.0, 0.0, 1.0]]])
    target = torch.tensor([[[1, 0, 0, 0]], [[0, 0, 1, 1]]])
    precision = recall = 2 / 3
    expected = 1.3 * precision * recall / (0.3 * precision + recall)
    assert metric.dataset_f(counts_of(probs, target)) == pytest.approx(expected)


def test_class_scores_by_hand():
    target = torch.tensor([[[0, 0, 1, 1]], [[0, 0, 0, 0]]])
    pred = torch.tensor([[[0, 1, 1, 1]], [[0, 0, 0, 2]]])
    scores = metric.class_scores(metric.class_areas(pred, target, 4))
    third = 2 / 3
    f_one = 1.3 * third / (0.3 * third + 1)
    f_zero = 1.3 * 0.5 / (0.3 + 0.5)
    assert scores.iou.tolist() == [
        pytest.approx([0.5, third, 0, 0]),
        pytest.approx([0.75, 0, 0, 0]),
    ]
    assert scores.f[0].tolist() == pytest.approx([f_zero, f_one, 0, 0])
    # one stray pixel of class 2 makes the class count in that frame
    assert scores.present.tolist() == [[True, True, False, False], [True, False, True, False]]
    assert metric.class_sums(scores).count.tolist() == [2, 1, 1, 0]


# --- against the published loops ----------------------------------------------------------------


def stress_probs(kind, generator):
    shape = (6, 21, 19)
    uniform = torch.rand(shape, generator=generator)
    if kind == 'on thresholds':
        return THRESHOLDS[(uniform * 254.99).long()]
    if kind == 'beside thresholds':
        towards = torch.where(torch.rand(shape, generator=generator) < 0.5, 0.0, 1.0)
        return THRESHOLDS[(uniform * 254.99).long()].nextafter(towards)
    if kind == 'saturated':
        return (60 * (uniform - 0.5)).sigmoid()
    if kind == 'nan':
        return torch.where(uniform < 0.1, float('nan'), uniform)
    return uniform


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize(
    'kind', ['uniform', 'on thresholds', 'beside thresholds', 'saturated', 'nan']
)
def test_curves_equal_the_published_loop(kind, seed, published):
    generator = torch.Generator().manual_seed(seed)
    probs = stress_probs(kind, generator)
    target = (torch.rand(probs.shape, generator=generator) < 0.3).float()
    target[2] = 1
    curves = metric.f_curves(counts_of(probs, target))
    for frame in range(len(probs)):
        precision, recall = published.published_curves(probs[frame], target[frame])
        assert torch.equal(curves.precision[frame], precision)
        assert torch.equal(curves.recall[frame], recall)


@pytest.mark.parametrize('seed', range(3))
def test_scores_equal_the_published_loops(seed, published):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(7, 20, 24, generator=generator)
    target = (torch.rand(logits.shape, generator=generator) < 0.4).float()
    target[seed] = 0
    counts = counts_of(logits.sigmoid(), target)
    ours = metric.batch_f(metric.f_curves(counts).f, counts.target)
    assert ours == published.published_f_measure(logits, target)
    assert torch.equal(
        metric.batch_iou(metric.frame_iou(counts)), published.published_iou(logits, target)
    )


def test_class_sums_equal_the_published_loop(published):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 9, 20, 24, generator=generator)
    target = torch.randint(0, 7, (6, 20, 24), generator=generator)
    areas = metric.class_areas(argmax_classes(logits), target, 9)
    ours = metric.class_sums(metric.class_scores(areas))
    for mine, theirs in zip(ours, published.published_class_sums(logits, target), strict=True):
        assert torch.equal(mine, theirs)


def test_counting_all_frames_at_once_gives_the_same():
    """What runs on a GPU, tried on the CPU."""
    generator = torch.Generator().manual_seed(0)
    frames = (
        torch.rand(5, 300, generator=generator),
        torch.randint(0, 2, (5, 300), generator=generator).to(torch.int16),
    )
    one_by_one = metric._histograms(metric._threshold_codes, frames, 512)
    at_once = metric._histograms_at_once(metric._threshold_codes, frames, 512)
    assert torch.equal(one_by_one, at_once)


def test_no_frames():
    counts = counts_of(torch.zeros(0, 4, 4), torch.zeros(0, 4, 4))
    assert counts.predicted.shape == (0, 255) and counts.hits.shape == (0,)
    assert metric.class_areas(torch.zeros(0, 4, 4), torch.zeros(0, 4, 4), 3).target.shape == (0, 3)
