import numpy as np
import pytest

from avsbench.evaluation.video import moca
from avsbench.evaluation.video.masks import mask_iou
from avsbench.synthetic.streams import stream
from avsbench.synthetic.video import SUBSETS, load_ceilings
from avsbench.synthetic.video.camouflage import BLOCKS, box_law, sample_camouflage
from avsbench.synthetic.video.ceilings import best_constant_box
from avsbench.synthetic.video.oracles import frozen, steps_of_clip
from avsbench.synthetic.video.settings import VideoSettings
from avsbench.synthetic.video.writing import draw_scene, draw_states


def candidates(settings, split, video, t):
    """Masks (N, H, W) bool of all objects of a frame, drawn again."""
    index = int(video['group'].rpartition('_')[2])
    scene, _ = draw_scene(settings, split, index)
    labels = draw_states(settings, split, index, scene, np.array([video['states'][t]]))[1][0]
    return labels == np.arange(settings.num_objects)[:, None, None]


def test_single_frame_oracle_reaches_the_ceiling_and_no_mask_exceeds_it(video_trees):
    tree = video_trees['davis']
    settings = VideoSettings('davis')
    all_objects, random = [], []
    for video in tree.tested:
        masks = [candidates(settings, 'val', video, t) for t in range(6)]
        targets = [tree.mask(video, t) > 0 for t in range(6)]
        for target, own in zip(targets, masks, strict=True):
            np.testing.assert_array_equal(target, own[video['marked']].any(0))
        pairs = list(zip(masks, targets, strict=True))
        all_objects.append(np.mean([mask_iou(own.any(0), target) for own, target in pairs]))
        # A mask that depends on the image only: the generator is seeded by it.
        drawn = []
        for t, (own, target) in enumerate(pairs):
            rng = np.random.default_rng([*video['states'][t]])
            share = rng.random((len(own), 1, 1))
            drawn.append(mask_iou((own & (rng.random(own.shape) < share)).any(0), target))
        random.append(np.mean(drawn))
    single = load_ceilings(tree.root)['val']['single_frame']
    assert single['bound_mIoU'] == pytest.approx(1 / settings.num_objects)
    assert np.mean(all_objects) == pytest.approx(single['mIoU'], abs=1e-6)
    assert np.mean(random) <= single['bound_mIoU']


def test_three_objects_and_the_official_j(make_videos):
    tree = make_videos('davis', objects=3, train=0, test=1)
    single = load_ceilings(tree.root)['val']['single_frame']
    for name in ('mIoU', 'bound_mIoU', 'J_mean', 'bound_J_mean'):
        assert single[name] == pytest.approx(1 / 3)
    assert len(tree.tested) == 27


@pytest.mark.parametrize('subset', [name for name, kind in SUBSETS.items() if kind.tested])
def test_the_clip_tells_what_single_frames_hide(subset, video_trees):
    tree = video_trees[subset]
    clips = [(tree.frames(video)[:6], np.array(video['places'])) for video in tree.tested]
    told = [steps_of_clip(*clip) for clip in clips]
    assert told == [video['steps'] for video in tree.tested]
    still = [steps_of_clip(frozen(frames, 3), places) for frames, places in clips]
    assert not np.any(still)


@pytest.mark.parametrize('subset', ['davis', 'moca'])
def test_without_order_the_control_shows_nothing(subset, make_videos):
    tree = make_videos(subset, order=True, test=1, train=0)
    scores = load_ceilings(tree.root)['val']
    assert scores['order_blind']['mIoU'] == pytest.approx(0.5)
    marked = {}
    for video in tree.tested:
        frames = tuple(sorted(tree.frame_bytes(video, t) for t in range(6)))
        marked.setdefault(frames, []).extend(video['marked'])
        told = steps_of_clip(tree.frames(video), np.array(video['places']))
        assert told == video['steps']
        assert [n for n, step in enumerate(told) if step > 0] == video['marked']
    assert [sorted(both) for both in marked.values()] == [[0, 1]] * 3


def test_boxes_follow_the_law():
    """The box that scores best by enumeration does so on sampled scenes, too."""
    law = box_law()
    assert sum(law.values()) == pytest.approx(1)
    score, box = best_constant_box()
    rng = np.random.default_rng(0)
    drawn = []
    for index in range(1500):
        scene = sample_camouflage(stream(0, 'test', 'val', index, 'scene'), 3)
        states = rng.integers(3, size=(1, 3))
        labels = scene.draw(states, BLOCKS, rng)[1][0]
        rows, columns = (np.flatnonzero((labels == 1).any(axis)) for axis in (1, 0))
        drawn.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    assert set(drawn) <= set(law)
    ious = [moca.box_iou(box, other) for other in drawn]
    error = np.std(ious) / np.sqrt(len(ious))
    assert np.mean(ious) == pytest.approx(score, abs=4 * error) and 4 * error < 0.02
    others = rng.integers(BLOCKS + 1, size=(200, 2, 2))
    expected = [
        sum(p * moca.box_iou((*low, *high), own) for own, p in law.items())
        for low, high in np.sort(others, axis=1)
        if (low < high).all()
    ]
    assert max(expected) <= score < 1 / 9
