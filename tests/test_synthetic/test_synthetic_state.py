import itertools

import numpy as np
import pytest

from avsbench.synthetic.clip import draw_scene
from avsbench.synthetic.scene import CELL
from avsbench.synthetic.settings import NUISANCES, Settings
from avsbench.synthetic.state import (
    law_marginals,
    sample_sets,
    sample_twin_sets,
    subset_bits,
)
from avsbench.synthetic.streams import stream

# Chi-square above which p < 0.001, by degrees of freedom.
CHI_SQUARE = {3: 16.27, 7: 24.32, 8: 26.12}


def _draw(settings, split, index):
    return draw_scene(settings, settings.parts[0], split, index)


@pytest.mark.parametrize('subset', ['s4', 'ms3'])
def test_what_sounds_does_not_depend_on_what_is_seen(subset):
    settings = Settings(subset)
    traits = {'class': [], 'cell': [], 'radius': [], 'colour': []}
    sounding = []
    for index in range(2000):
        scene, [state] = _draw(settings, 'train', index)
        traits['class'].append(scene.kinds)
        traits['cell'].append(scene.cells)
        traits['radius'].append(((scene.radii / CELL - 0.30) / 0.035).astype(int))
        traits['colour'].append((scene.colours > 0.675) @ [1, 2, 4])
        sounding.append(state.sets[0])
    sounding = np.concatenate(sounding)
    for name, groups in (('class', 8), ('cell', 9), ('radius', 4), ('colour', 8)):
        values = np.concatenate(traits[name])
        total = np.bincount(values, minlength=groups)
        assert len(total) == groups and total.min() > 0, name
        counts = np.bincount(values[sounding], minlength=groups)
        rate = sounding.mean()
        statistic = ((counts - rate * total) ** 2 / (rate * (1 - rate) * total)).sum()
        assert statistic < CHI_SQUARE[groups - 1], name


def test_streams_depend_on_each_of_their_names():
    arguments = [(0, 's4', 'train', 0, 'scene'), (1, 's4', 'train', 0, 'scene')]
    arguments += [(0, 'ms3', 'train', 0, 'scene'), (0, 's4', 'val', 0, 'scene')]
    arguments += [(0, 's4', 'train', 1, 'scene'), (0, 's4', 'train', 0, 'state')]
    draws = [stream(*names).random() for names in arguments]
    assert len(set(draws)) == len(draws)
    assert stream(*arguments[0]).random() == draws[0]


@pytest.mark.parametrize('every_second', [False, True])
@pytest.mark.parametrize(('law', 'count'), [('single', 3), ('multi', 5)])
def test_marginals_are_those_of_the_law(law, count, every_second):
    rng = np.random.default_rng(0)
    clips = 4000
    sets = np.stack([sample_sets(rng, law, count, 4, every_second) for _ in range(clips)])
    numbers = sets @ (1 << np.arange(count))  # (clips, T)
    marginals = law_marginals(law, count, 4, every_second)
    assert marginals.shape == (4, 2**count)
    np.testing.assert_allclose(marginals.sum(axis=1), 1)
    for t in range(4):
        counts = np.bincount(numbers[:, t], minlength=2**count) / clips
        assert (counts[marginals[t] == 0] == 0).all()
        assert abs(counts - marginals[t]).max() < 0.03
        by_size = np.bincount(subset_bits(count).sum(axis=1), marginals[t])
        if law == 'multi' and not every_second:
            np.testing.assert_allclose(by_size[:4], [0.10, 0.35, 0.35, 0.20])


def test_single_law_switches_once_or_never():
    rng = np.random.default_rng(0)
    sets = np.stack([sample_sets(rng, 'single', 3, 5, False) for _ in range(1000)])
    assert (sets.sum(axis=2) == 1).all()
    changes = (sets[:, 1:] != sets[:, :-1]).any(axis=2)
    assert set(changes.sum(axis=1)) == {0, 1}
    assert abs(changes.any(axis=1).mean() - 0.5) < 0.05
    assert (changes.sum(axis=0) > 90).all()  # at each of the four boundaries


@pytest.mark.parametrize('law', ['single', 'multi'])
def test_tier_t3_changes_the_set_every_second(law):
    rng = np.random.default_rng(0)
    for _ in range(50):
        sets = sample_sets(rng, law, 4, 10, True)
        assert (sets[1:] != sets[:-1]).any(axis=1).all()


@pytest.mark.parametrize('every_second', [False, True])
@pytest.mark.parametrize(
    ('count', 'twins', 'seconds', 'sizes'),
    [(3, 3, 5, [1, 1, 1]), (5, 3, 5, [1, 2, 2]), (4, 2, 10, [2, 2]), (4, 4, 5, [1, 1, 1, 1])],
)
def test_twins_partition_the_candidates_in_every_second(count, twins, seconds, sizes, every_second):
    rng = np.random.default_rng(0)
    groups_seen = set()
    for _ in range(30):
        sets = sample_twin_sets(rng, count, twins, seconds, every_second)
        assert sets.shape == (twins, seconds, count)
        assert (sets.sum(axis=0) == 1).all()
        for t in range(seconds):
            assert sorted(sets[:, t].sum(axis=1)) == sizes
        for twin in sets:
            times = np.unique(twin, axis=0, return_counts=True)[1]
            assert len(times) == twins and times.max() <= -(-seconds // twins)
            if every_second:
                assert (twin[1:] != twin[:-1]).any(axis=1).all()
        groups_seen.add(sets[0, 0].tobytes())
    assert len(groups_seen) > 1


def test_another_state_seed_keeps_the_scene():
    plain, other = Settings('ms3'), Settings('ms3', state_seed=7)
    for split in ('train', 'test'):
        (scene_a, states_a), (scene_b, states_b) = (_draw(s, split, 0) for s in (plain, other))
        for name, value in vars(scene_a).items():
            np.testing.assert_array_equal(value, getattr(scene_b, name))
        assert any((a.sets != b.sets).any() for a, b in zip(states_a, states_b, strict=True))


@pytest.mark.parametrize('subset', ['s4', 'ms3', 'avss'])
def test_tier_t2_has_two_classes_in_two_sizes(subset):
    settings = Settings(subset, tiers=('T2',))
    for index in range(20):
        scene, states = _draw(settings, 'test', index)
        assert len(scene.kinds) == 4 and len(states) == (
            4 if subset == 's4' else settings.num_twins
        )
        kinds, counts = np.unique(scene.kinds, return_counts=True)
        assert len(kinds) == 2 and (counts == 2).all()
        assert scene.radii[scene.small].max() < scene.radii[~scene.small].min()
        for kind in kinds:
            assert scene.small[scene.kinds == kind].sum() == 1
        for state, n in itertools.product(states, range(4)):
            source = state.sources[n]
            if source.f0 is not None:
                low, high = (330, 495) if scene.small[n] else (110, 165)
                assert low <= source.f0 <= high
            else:
                twin_of_it = [m for m in range(4) if scene.kinds[m] == scene.kinds[n] and m != n]
                assert state.sources[twin_of_it[0]].band != source.band


def test_tier_t4_has_no_visible_source():
    settings = Settings('ms3', tiers=('T4',))
    for index in range(20):
        scene, states = _draw(settings, 'test', index)
        assert tuple(state.nuisance for state in states) == NUISANCES
        sources = [len([s for s in state.sources if s.gate.any()]) for state in states]
        assert sources[0] == 0 and sources[1] == 1 and sources[2] == 1
        for state in states:
            assert not state.sets.any()
            assert not {source.kind for source in state.sources} & set(scene.kinds)
    assert _draw(settings, 'train', 0)[1][0].nuisance is None
    assert any(len(_draw(settings, 'test', i)[1][3].sources) > 1 for i in range(5))


def test_base_scenes_have_distinct_classes_and_cells():
    settings = Settings('ms3', decoys=2)
    for index in range(50):
        scene, _ = _draw(settings, 'train', index)
        assert len(set(scene.kinds[:5])) == 5 and (scene.kinds[5:] == 8).all()
        assert len(set(scene.cells)) == 7
        corner = np.stack([scene.cells % 3, scene.cells // 3], axis=-1) * CELL
        assert (scene.centres - scene.radii[:, None] >= corner - 1e-9).all()
        assert (scene.centres + scene.radii[:, None] <= corner + CELL + 1e-9).all()
