import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avsbench.synthetic import load_ceilings, load_truth
from avsbench.synthetic.clip import draw_scene, render_scene
from avsbench.synthetic.tree import csv_row

SIZES = (0.10, 0.35, 0.35, 0.20)


class Tree:
    """A tree read back from its files: masks as written, candidates drawn again."""

    def __init__(self, root, settings):
        self.root, self.settings = root, settings
        self.clips = load_truth(root)
        self._labels = {}

    def frames(self, split):
        """Yields clip, second, mask as written, and candidates (N, H, W) bool."""
        for clip in self.clips:
            for t in clip['labelled'] if clip['split'] == split else ():
                yield clip, t, self.mask(clip, t), self.candidates(clip, t)

    def files(self, clip):
        layout = self.settings.layout
        return layout.clip_files(csv_row(layout, clip), len(clip['sets']))

    def mask(self, clip, t):
        return np.asarray(Image.open(self.root / next(iter(self.files(clip).masks.values()))[t]))

    def candidates(self, clip, t):
        if clip['group'] not in self._labels:
            part = next(p for p in self.settings.parts if p.name == clip['part'])
            where = (self.settings, part, clip['split'], int(clip['group'][-4:]))
            self._labels[clip['group']] = render_scene(*where, draw_scene(*where)[0])[1]
        count = self.settings.num_candidates
        return self._labels[clip['group']][t] == np.arange(count)[:, None, None]

    def twins(self):
        """Yields candidates (N, H, W) and the masks of all twins, second by second."""
        groups = {}
        for clip in self.clips:
            if clip['split'] == 'test':
                groups.setdefault(clip['group'], []).append(clip)
        for clips in groups.values():
            for t in range(len(clips[0]['sets'])):
                yield self.candidates(clips[0], t), [self.mask(clip, t) != 0 for clip in clips]


@pytest.fixture
def read(settings_of):
    return lambda root: Tree(root, settings_of(root))


def _unions(candidates):
    for members in itertools.product([False, True], repeat=len(candidates)):
        yield candidates[list(members)].any(axis=0)


def _law(subset, candidates):
    """The law's sets as (probability, mask)."""
    count = len(candidates)
    if subset == 's4':
        return [(1 / count, candidate) for candidate in candidates]
    law = []
    for size, probability in enumerate(SIZES):
        chosen = list(itertools.combinations(range(count), size))
        law += [(probability / len(chosen), candidates[list(c)].any(axis=0)) for c in chosen]
    return law


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_audio_blind_equals_brute_force_over_pixels(subset, trees, read, score):
    tree, ceilings = read(trees[subset]), load_ceilings(trees[subset])
    iou, f_measure = [], []
    for candidates, masks in tree.twins():
        scores = [[score(union, mask) for mask in masks] for union in _unions(candidates)]
        iou.append(max(np.mean([s[0] for s in row]) for row in scores))
        f_measure.append(max(np.mean([s[1] for s in row]) for row in scores))
    assert ceilings['test']['audio_blind']['J'] == pytest.approx(np.mean(iou), abs=1e-9)
    assert ceilings['test']['audio_blind']['F'] == pytest.approx(np.mean(f_measure), abs=1e-9)
    iou, f_measure, sounding = [], [], []
    for clip, t, mask, candidates in tree.frames('val'):
        np.testing.assert_array_equal(mask != 0, candidates[clip['sets'][t]].any(axis=0))
        law = _law(subset, candidates)
        expected = [
            [(p * score(union, target)[0], p * (score(union, target)[1] or 0)) for p, target in law]
            for union in _unions(candidates)
        ]
        iou.append(max(sum(s[0] for s in row) for row in expected))
        f_measure.append(max(sum(s[1] for s in row) for row in expected))
        sounding.append(sum(p for p, target in law if target.any()))
    blind = ceilings['val']['audio_blind']
    assert blind['J'] == pytest.approx(np.mean(iou), abs=1e-9)
    assert blind['F'] == pytest.approx(np.sum(f_measure) / np.sum(sounding), abs=1e-9)


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_no_mask_beats_the_twin_bound(subset, trees, read, score):
    rng = np.random.default_rng(0)
    bound = load_ceilings(trees[subset])['test']['audio_blind']
    assert bound['J'] <= bound['bound_J'] and bound['F'] <= bound['bound_F']
    for candidates, masks in read(trees[subset]).twins():
        for _ in range(20):
            drawn = rng.random(masks[0].shape) < rng.random()
            kept = candidates & (rng.random(candidates.shape) < rng.random((len(candidates), 1, 1)))
            for predicted in (drawn, kept.any(axis=0)):
                scores = [score(predicted, mask) for mask in masks]
                assert np.mean([s[0] for s in scores]) <= bound['bound_J']
                assert np.mean([s[1] for s in scores]) <= bound['bound_F']


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_time_blind_is_the_clips_own_sets_in_any_order(subset, trees, read, score):
    ceilings = load_ceilings(trees[subset])
    for split in ('val', 'test'):
        best = []
        for clip, _, _, candidates in read(trees[subset]).frames(split):
            targets = [candidates[chosen].any(axis=0) for chosen in clip['sets']]
            best.append(
                max(np.mean([score(u, g)[0] for g in targets]) for u in _unions(candidates))
            )
        assert ceilings[split]['time_blind']['J'] == pytest.approx(np.mean(best), abs=1e-9)
    test = ceilings['test']['time_blind']
    assert test['bound_J'] == pytest.approx(0.4) and test['J'] <= test['bound_J']


def test_count_blind_marks_the_loudest(trees, read, score):
    scores = []
    for clip, t, mask, candidates in read(trees['ms3']).frames('train'):
        gains = {n: clip['sources'][n]['gain_db'] for n in clip['sets'][t]}
        chosen = candidates[[max(gains, key=gains.get)] if gains else []].any(axis=0)
        scores.append(score(chosen, mask != 0))
    train = load_ceilings(trees['ms3'])['train']
    assert train['count_blind']['J'] == pytest.approx(np.mean([s[0] for s in scores]), abs=1e-9)
    sounding = [s[1] for s in scores if s[1] is not None]
    assert train['count_blind']['F'] == pytest.approx(np.mean(sounding), abs=1e-9)
    assert train['frames'] == len(scores) and train['empty_frames'] == len(scores) - len(sounding)
    assert 0 < train['empty_frames']
    assert 'count_blind' not in load_ceilings(trees['s4'])['train']


def test_tier_t2_halves_what_timbre_alone_can_reach(make, read, score):
    root = make('s4', tiers=('T2',))
    ceilings = load_ceilings(root)
    for split in ('train', 'val', 'test', 'overall'):
        assert ceilings[split]['audio_blind']['J'] == pytest.approx(1 / 4, abs=1e-6)
        assert ceilings[split]['instance_blind']['J'] == pytest.approx(1 / 2, abs=1e-6)
    # A listener that marks both instances of the class it hears scores just that.
    scores = []
    for clip, t, mask, candidates in read(root).frames('test'):
        kinds = [candidate['class'] for candidate in clip['candidates']]
        same = [n for n in range(4) if kinds[n] == kinds[clip['sets'][t][0]]]
        scores.append(score(candidates[same].any(axis=0), mask != 0)[0])
    assert np.mean(scores) == pytest.approx(1 / 2, abs=1e-6)


def test_tier_t4_leaves_only_the_empty_prediction(make):
    test = load_ceilings(make('s4', tiers=('T4',)))['test']
    assert test['empty_frames'] == test['frames'] == 20
    assert test['audio_blind']['J'] == pytest.approx(1) and test['audio_blind']['F'] is None
    assert 0.5 < test['references']['all_candidates']['J'] < 0.95
    assert 'bound_J' not in test['audio_blind']


def test_references_are_scores_of_real_masks(trees, read, score):
    references = load_ceilings(trees['ms3'])['val']['references']
    scores = {name: [] for name in references}
    for _, _, mask, candidates in read(trees['ms3']).frames('val'):
        largest = candidates[candidates.sum(axis=(1, 2)).argmax()]
        for name, predicted in (
            ('empty', np.zeros_like(largest)),
            ('all_candidates', candidates.any(axis=0)),
            ('largest_candidate', largest),
        ):
            scores[name].append(score(predicted, mask != 0)[0])
    for name, values in scores.items():
        assert references[name]['J'] == pytest.approx(np.mean(values), abs=1e-9)


def _class_scores(predicted, target, sums):
    """Adds one frame to AVSBench's counted sums: class -> [IoU, F, count]."""
    for kind in np.union1d(predicted, target):
        p, g = predicted == kind, target == kind
        entry = sums.setdefault(int(kind), np.zeros(3))
        inter = (p & g).sum()
        entry += [inter / (p | g).sum(), 1.3 * inter / (0.3 * g.sum() + p.sum()), 1]


def test_semantic_scores_are_the_counted_ones(trees, read):
    test = load_ceilings(trees['avss'])['test']
    sums = {}
    for clip, _, mask, candidates in read(trees['avss']).frames('test'):
        labels = np.array([c['label_index'] for c in clip['candidates']])
        _class_scores(np.where(candidates.any(0), labels[candidates.argmax(0)], 0), mask, sums)
    means = {kind: entry[:2] / entry[2] for kind, entry in sums.items()}
    everything = test['references']['all_candidates']
    assert everything['mIoU'] == pytest.approx(sum(m[0] for m in means.values()) / 71)
    assert everything['F_score'] == pytest.approx(sum(m[1] for m in means.values()) / 71)
    assert everything['background']['J'] == pytest.approx(means[0][0])
    assert len(everything['classes']) == len(means) - 1


def test_no_label_map_beats_the_semantic_bounds(trees, read):
    rng = np.random.default_rng(0)
    test = load_ceilings(trees['avss'])['test']
    blind = test['audio_blind']
    assert blind['J'] == pytest.approx(0.5) and blind['bound_J'] == 0.5
    assert blind['mIoU'] <= blind['bound_mIoU'] < 0.08
    tree = read(trees['avss'])
    frames = list(tree.frames('test'))
    for _ in range(6):
        sums, choices = {}, {}
        for clip, t, mask, candidates in frames:
            labels = np.array([c['label_index'] for c in clip['candidates']])
            # one choice an image: the twins get the same prediction
            key = clip['group'], t
            if key not in choices:
                keep = candidates & (rng.random(4) < rng.random())[:, None, None]
                choices[key] = np.where(keep.any(0), labels[keep.argmax(0)], 0)
            _class_scores(choices[key], mask, sums)
        means = {kind: entry[0] / entry[2] for kind, entry in sums.items()}
        assert max(value for kind, value in means.items() if kind) <= 0.5 + 1e-9
        assert means[0] <= blind['background']['J'] + 1e-9
        assert sum(means.values()) / 71 <= blind['mIoU'] + 1e-9


def test_tell_gives_the_sounding_object_away(make, read, score):
    results = {}
    for tell in (False, True):
        root = make('s4', test=3, tell=tell)
        tree, scores = read(root), []
        for clip, t, mask, _ in tree.frames('test'):
            frame = np.asarray(Image.open(Path(root) / tree.files(clip).frames[t]))
            bright = frame.min(axis=-1) > 0.8 * 255
            scores.append(score(bright, mask != 0)[0])
        results[tell] = np.mean(scores)
        bound = load_ceilings(root)['test']['audio_blind']['bound_J']
    assert results[True] > bound + 0.3
    assert results[False] <= bound
