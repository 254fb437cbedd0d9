import pytest
import torch

from avsbench.checkpoint import find_adapter
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models import FrameTargets
from avsbench.parity import Fixture
from avsbench.registry import MODELS
from avsbench.systems.avsegformer.keys import AVSEGFORMER
from avsbench.systems.modat.fusion import DualMixtureFusion
from avsbench.systems.modat.keys import MODAT
from avsbench.systems.modat.query_generator import EncoderDecoderQueryGenerator
from avsbench.systems.modat.routing import route
from avsbench.utils.errors import ConfigError

EXPERTS = 4


def dense_routing(probabilities, factor, draws):
    """Combine weights (N, L, E, capacity) of the same rules, written token by token."""
    num, length, experts = probabilities.shape
    capacity = max(min(length, int(length * factor / experts)), 4)
    combine = torch.zeros(num, length, experts, capacity)
    for n in range(num):
        used = [0] * experts
        chosen = []
        for token in range(length):
            first, second = probabilities[n, token].topk(2).indices.tolist()
            g1, g2 = probabilities[n, token, [first, second]].tolist()
            g1, g2 = g1 / (g1 + g2 + 1e-9), g2 / (g1 + g2 + 1e-9)
            chosen.append((second, g2))
            if used[first] < capacity:
                combine[n, token, first, used[first]] = g1
            used[first] += 1
        waiting = [min(count, capacity) for count in used]
        for token, (second, g2) in enumerate(chosen):
            if draws is not None and not draws[n, token] < g2 / 0.2:
                continue
            if waiting[second] < capacity:
                combine[n, token, second, waiting[second]] = g2
            waiting[second] += 1
    return combine


@pytest.mark.parametrize('factor', [1.0, 2.0])
@pytest.mark.parametrize('policy', ['all', 'none', 'random'])
def test_routing_equals_the_rules_token_by_token(factor: float, policy: str) -> None:
    torch.manual_seed(0)
    # Experts of unequal liking, so that some are full and tokens are refused.
    probabilities = (torch.randn(3, 40, EXPERTS) + torch.tensor([2.0, 1, 0, 0])).softmax(-1)
    draws = {
        'all': None,
        'none': torch.full((3, 40), float('inf')),
        'random': torch.rand(3, 40),
    }[policy]
    expected = dense_routing(probabilities, factor, draws)
    routing = route(probabilities, factor, draws)
    assert routing.capacity == expected.shape[-1]
    assert ((expected.sum((2, 3)) == 0).any()) or factor == 2.0
    tokens = torch.randn(3, 40, 5)
    slots = torch.einsum('nlec,nld->necd', (expected != 0).float(), tokens)
    torch.testing.assert_close(routing.dispatch(tokens), slots)
    answers = torch.randn(3, EXPERTS, routing.capacity, 5)
    combined = torch.einsum('nlec,necd->nld', expected, answers)
    torch.testing.assert_close(routing.combine(answers), combined)


def test_balance() -> None:
    probabilities = torch.tensor([[[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.1, 0.2, 0.7]]])
    mean = probabilities[0].mean(0)
    share = torch.tensor([2 / 3, 0, 1 / 3])
    torch.testing.assert_close(route(probabilities, 2.0).balance, (mean * share).mean() * 9)


def test_capacity_has_a_floor_and_a_ceiling() -> None:
    uniform = torch.full((1, 8, 16), 1 / 16)
    assert route(uniform, 1.0).capacity == 4
    assert route(torch.full((1, 8, 2), 0.5), 9.0).capacity == 8


def make_fusion(**changed) -> DualMixtureFusion:
    torch.manual_seed(0)
    return DualMixtureFusion(8, num_experts=EXPERTS, num_heads=2, **changed)


def test_refused_tokens_leave_zero_and_gradients_flow() -> None:
    fusion = make_fusion(train_policy='all', dropout=0.0, capacity_factors=(0.5, 0.5))
    tokens = torch.randn(2, 64, 8)
    mixture = fusion.channel_mixture
    answers, _ = mixture(tokens, torch.randn(2, 1, 8))
    refused = mixture.route(tokens).weights.sum(-1) == 0
    assert refused.any() and (answers[refused] == 0).all() and (answers[~refused] != 0).any()
    feature = torch.randn(2, 8, 8, 8, requires_grad=True)
    output = fusion(feature, torch.randn(2, 3, 8))
    assert output.feature.shape == feature.shape
    (output.feature.sum() + output.losses['loss_balance']).backward()
    missing = [name for name, p in fusion.named_parameters() if p.grad is None]
    assert missing == [] and feature.grad.abs().sum() > 0


def test_policies_of_training_and_testing() -> None:
    feature, audio = torch.randn(1, 8, 8, 8), torch.randn(1, 1, 8)
    fusion = make_fusion(dropout=0.0)
    fusion.eval()
    assert torch.equal(fusion(feature, audio).feature, fusion(feature, audio).feature)
    fusion.train()
    assert not torch.equal(fusion(feature, audio).feature, fusion(feature, audio).feature)
    random = make_fusion(test_policy='random', dropout=0.0).eval()
    assert not torch.equal(random(feature, audio).feature, random(feature, audio).feature)
    assert make_fusion(balance_weight=0)(feature, audio).losses == {}
    with pytest.raises(ConfigError, match="test_policy='rando'.*did you mean 'random'"):
        make_fusion(test_policy='rando')


def test_generated_queries_of_a_frame_are_equal() -> None:
    generator = EncoderDecoderQueryGenerator(5, 8, num_heads=2, feedforward_channels=16)
    levels = [torch.randn(2, 8, side, side) for side in (4, 2, 1)]
    queries, tokens = generator(torch.randn(2, 1, 8), levels)
    assert queries.shape == (2, 5, 8) and tokens.shape == (2, 3, 8)
    torch.testing.assert_close(queries, queries[:, :1].expand_as(queries))
    with pytest.raises(ValueError, match='zip'):
        generator(torch.randn(2, 1, 8), levels[:2])


def test_head_adds_the_balance_to_its_losses() -> None:
    cfg = load_config(config_file('s4/modat_demo.py')).model.decode_head
    head = MODELS.build({**cfg, 'in_channels': [8, 8, 8, 8], 'audio_channels': 6})
    features = [torch.randn(1, 8, side, side) for side in (16, 8, 4, 2)]
    output = head(features, torch.randn(1, 1, 6), (1,))
    targets = FrameTargets(torch.ones(1, 64, 64, dtype=torch.long), torch.tensor([True]))
    assert set(head.loss(output, targets)) == {'loss_mask', 'loss_mix', 'loss_balance'}


def test_checkpoints_of_the_two_heads_are_told_apart() -> None:
    folder = config_file('s4/modat_pvt2.py').parents[2] / 'tests' / 'parity'
    for name, adapter in (('modat_pvt2_ms3', MODAT), ('avsegformer_pvt2_s4', AVSEGFORMER)):
        keys = [entry[0] for entry in Fixture(folder / f'{name}.json').content['checkpoint']]
        assert find_adapter(keys) is adapter


def test_a_group_may_be_longer_than_halves_can_count() -> None:
    """Places in the experts are counted in integers: bfloat16 stops at 256, float16 at 2048."""
    torch.manual_seed(0)
    probabilities = torch.randn(1, 3000, EXPERTS).softmax(-1).bfloat16()
    routing = route(probabilities, 8.0)
    used = routing.slots[routing.weights > 0]
    assert len(used) == len(used.unique()) > 5000
