import collections
import itertools

import numpy as np
import pytest

from avsbench.synthetic.video.motion import RULES, Motion, all_motions, sample_motion, step_sets

COUNTS = {'one': (2, 3, 4), 'some': (3, 4), 'distinct': (2, 3), 'pairs': (2,)}
CASES = [(rule, n, False) for rule, counts in COUNTS.items() for n in counts] + [('one', 2, True)]


def test_every_rule_is_tested():
    assert COUNTS.keys() == RULES.keys()


def _shown(sets, turn, positions):
    """State -> how often each way of moving shows it at the positions, in all versions."""
    motions = all_motions(np.random.default_rng(0), sets, turn)
    shown = collections.defaultdict(collections.Counter)
    for motion in motions:
        states = motion.states(6)
        for t in positions:
            steps = tuple(np.abs(motion.steps)) if turn else motion.steps
            shown[tuple(states[t])][steps] += 1
    return shown


@pytest.mark.parametrize(('rule', 'count', 'order'), CASES)
def test_versions_show_every_state_equally_often_with_every_way_of_moving(rule, count, order):
    sets = step_sets(rule, count, order)
    shown = _shown(sets, rule in ('one', 'some') and not order, range(6))
    assert set(shown) == set(itertools.product(range(3), repeat=count))
    for counter in shown.values():
        assert len(counter) == len(sets) and set(counter.values()) == {2}


@pytest.mark.parametrize('count', [2, 3, 4])
def test_versions_stay_balanced_without_the_first_and_the_last_frame(count):
    """As DAVIS's official J has it: what a state counts is then the same for all movers."""
    sets = step_sets('one', count)
    shown = _shown(sets, True, range(1, 5))
    assert {len(counter) for counter in shown.values()} == {len(sets)}
    assert {len(set(counter.values())) for counter in shown.values()} == {1}


def test_sampled_places_are_uniform_and_independent_of_the_steps():
    rng = np.random.default_rng(0)
    sets = step_sets('one', 2)
    counts = collections.Counter()
    draws = 9000
    for _ in range(draws):
        motion = sample_motion(rng, sets, turn=True)
        counts[(*motion.states(6)[4], *(step != 0 for step in motion.steps))] += 1
    assert len(counts) == 9 * 2
    expected = draws / 18
    chi2 = sum((value - expected) ** 2 / expected for value in counts.values())
    assert chi2 < 40.8  # p = 0.001 with 17 degrees of freedom


def test_a_moving_object_visits_its_places_in_turn():
    (motion,) = (m for m in all_motions(np.random.default_rng(1), [(1,)], turn=False))
    assert motion.states(6)[:, 0].tolist() in ([0, 1, 2] * 2, [1, 2, 0] * 2, [2, 0, 1] * 2)
    back = all_motions(np.random.default_rng(1), [(-1,)], turn=False)[0].states(3)[:, 0]
    assert (np.diff(back) % 3 == 2).all()


@pytest.mark.parametrize('steps', [(1, 0), (1, -1), (1, 1)])
def test_a_shuffled_window_around_a_frame_does_not_tell_the_direction(steps):
    """Six frames with the centre in its place, the other five in any order."""
    for centre in itertools.product(range(3), repeat=2):
        others = []
        for sign in (1, -1):
            turned = sign * np.array(steps)
            start = (np.array(centre) - 3 * turned) % 3
            states = Motion(tuple(turned.tolist()), tuple(start.tolist())).states(6).tolist()
            assert tuple(states[3]) == centre
            others.append(sorted(states[:3] + states[4:]))
        assert others[0] == others[1]
