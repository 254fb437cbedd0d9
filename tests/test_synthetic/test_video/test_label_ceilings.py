import numpy as np
import pytest

from avsbench.evaluation.video import a2d, class_areas
from avsbench.synthetic.video import load_ceilings
from avsbench.synthetic.video.label_layouts import NUMBERS, vspw_class

h5py = pytest.importorskip('h5py')


def a2d_label(tree, video, t):
    with h5py.File(tree.root / tree.layout.mask(video['name'], t)) as file:
        return file['reS_id'][()].T.astype(np.uint8)


def a2d_score(tree, predict):
    """MED-VT's metric of what `predict(video, t, object, label)` says of each object's pixels."""
    videos = {}
    for video in tree.tested:
        values = []
        for t in video['annotated']:
            label = a2d_label(tree, video, t)
            pred = label.copy()
            for n, value in enumerate(video['values']):
                pixels = label == value
                pred[pixels] = value // 10 * 10 + predict(video, t, n, pixels.sum())
            values.append(a2d.frame_value(pred, label))
        videos[video['name']] = values
    return a2d.mean_scores(videos).mean


def test_a2d_ceilings_are_met_and_not_exceeded(video_trees):
    tree = video_trees['a2d']
    scores = load_ceilings(tree.root)['test']
    single, unordered = scores['single_frame'], scores['order_blind']['mIoU']
    assert single['mIoU'] == pytest.approx(1 / 3) == single['bound_mIoU']
    assert unordered == pytest.approx(2 / 3)
    for action in (6, 8, 9):
        assert a2d_score(tree, lambda *_, action=action: action) == pytest.approx(1 / 3)

    def by_pixel(video, t, n, count):  # depends on the image only
        return np.random.default_rng([*video['states'][t], n]).choice([6, 8, 9], count)

    assert a2d_score(tree, by_pixel) <= single['bound_mIoU'] + 1e-9

    def still_or_not(video, t, n, count):
        still = len({state[n] for state in video['states']}) == 1
        return 9 if still else 6

    assert a2d_score(tree, still_or_not) == pytest.approx(unordered)


def vspw_score(tree, predict):
    """mIoU of what `predict(video, t, object, first class, second class)` says of the objects."""
    frames = []
    for video in tree.tested:
        for t in range(len(video['states'])):
            label = tree.mask(video, t)
            pred = label.copy()
            for n, (kind, value) in enumerate(zip(video['kinds'], video['values'], strict=True)):
                classes = [NUMBERS[vspw_class(kind, step)] for step in (-1, 0, 1)]
                classes = sorted({classes[0], classes[2]} | ({classes[1]} if n == 0 else set()))
                pixels = label == value
                pred[pixels] = predict(video, t, n, classes, pixels.sum())
            valid = (label > 0) & (label < 255)
            target = np.where(valid, label - 1, 255).astype(np.uint8)
            frames.append(class_areas.frame_areas(np.where(valid, pred - 1, 0), target, 124))
    return class_areas.mean_iou(class_areas.summed(frames, 124))


def test_vspw_ceilings_are_met_and_not_exceeded(make_videos):
    tree = make_videos('vspw', test=2, train=0)
    scores = load_ceilings(tree.root)['val']
    single, unordered = scores['single_frame'], scores['order_blind']['mIoU']
    assert single['mIoU'] == pytest.approx((8 / 3 + 2) / 10) == single['bound_mIoU']
    assert unordered == pytest.approx((4 + 4 / 3 + 2) / 10)

    def half(video, t, n, classes, count):  # depends on the image only
        return np.random.default_rng([*video['states'][t], n]).permutation(
            np.resize(classes, count)
        )

    assert single['mIoU'] - 0.005 < vspw_score(tree, half) <= single['mIoU'] + 1e-9
    assert vspw_score(tree, lambda video, t, n, classes, count: classes[0]) < single['mIoU']

    def still_or_not(video, t, n, classes, count):
        if n == 0:
            moves = len({state[0] for state in video['states']}) > 1
            return NUMBERS[vspw_class(video['kinds'][0], int(moves))]
        return half(video, t, n, classes, count)

    assert unordered - 0.005 < vspw_score(tree, still_or_not) <= unordered + 1e-9


@pytest.mark.parametrize('subset', ['a2d', 'vspw'])
def test_frames_without_order_leave_both_directions_open(subset, video_trees):
    """Videos with the same frames, in any order, have opposite steps, each equally often."""
    tree = video_trees[subset]
    shown = {}
    for video in tree.tested:
        count = len(video['states'])
        frames = tuple(sorted(tree.frame_bytes(video, t) for t in range(count)))
        shown.setdefault(frames, []).append(tuple(video['steps']))
    for steps in shown.values():
        opposite = sorted(tuple(-step for step in each) for each in steps)
        assert sorted(steps) == opposite and len(steps) == 2
