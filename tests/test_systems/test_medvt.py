import numpy as np
import pytest
import torch

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models import FrameTargets
from avsbench.models.layers import sine_position_encoding, sine_position_encoding_3d
from avsbench.registry import MODELS
from avsbench.systems.medvt.interaction import BidirectionalInteraction
from avsbench.systems.medvt.label_propagation import LabelPropagation


def make_head(**changed):
    cfg = load_config(config_file('s4/medvt_demo.py')).model.decode_head
    cfg = {**cfg, 'in_channels': [8, 12, 16, 24], 'audio_channels': 10, **changed}
    torch.manual_seed(0)
    return MODELS.build(cfg).eval()


def make_inputs(frames: int):
    torch.manual_seed(1)
    sides = [16, 8, 4, 2]
    features = [
        torch.randn(frames, channels, side, side)
        for channels, side in zip([8, 12, 16, 24], sides, strict=True)
    ]
    return features, torch.randn(frames, 1, 10)


def run(head, features, audio, lengths, order=None, valid=None):
    if order is not None:
        features, audio = [level[order] for level in features], audio[order]
    with torch.no_grad():
        return head(features, audio, lengths, valid).logits


@pytest.fixture(scope='module')
def head():
    return make_head()


@pytest.fixture(scope='module')
def full():
    predictor = {'type': 'PropagatingPredictor', 'channels': (16, 16, 8), 'label_scale': 4}
    encoder = make_head().context_encoder
    stages = load_config(config_file('s4/medvt_demo.py')).model.decode_head.context_encoder.stages
    assert encoder.between is None
    context = {
        'type': 'SpatioTemporalEncoder',
        'stages': stages,
        'between_scales': True,
    }
    return make_head(predictor=predictor, context_encoder=context)


@pytest.mark.parametrize('name', ['head', 'full'])
def test_clips_of_a_batch_do_not_meet(name: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(name)
    features, audio = make_inputs(6)
    result = run(model, features, audio, (3, 3))
    swapped = run(model, features, audio, (3, 3), [3, 4, 5, 0, 1, 2])
    torch.testing.assert_close(swapped[[3, 4, 5, 0, 1, 2]], result, rtol=1e-3, atol=1e-3)
    unequal = run(model, features, audio, (3, 2, 1))
    torch.testing.assert_close(unequal[:3], result[:3], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('name', ['head', 'full'])
def test_frames_of_a_clip_meet(name: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(name)
    features, audio = make_inputs(3)
    result = run(model, features, audio, (3,))
    order = [2, 0, 1]
    moved = run(model, features, audio, (3,), order)
    assert (moved - result[order]).abs().max() > 1e-3 * result.abs().max()  # time is encoded
    alone = run(model, features, audio, (1, 1, 1))
    assert (alone - result).abs().max() > 1e-3 * result.abs().max()


@pytest.mark.parametrize('name', ['head', 'full'])
def test_padded_frames_are_masked_out(name: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(name)
    features, audio = make_inputs(3)
    valid = torch.tensor([True, True, False])
    result = run(model, features, audio, (3,), valid=valid)
    for level in features:
        level[2] += 5
    changed = run(model, features, audio, (3,), valid=valid)
    torch.testing.assert_close(changed[:2], result[:2])
    assert result[:2].abs().max() > 0
    assert (result[2] == 0).all()


def test_published_quirk_of_the_last_convolution() -> None:
    predictor = {'type': 'UpsamplingPredictor', 'channels': (8, 8)}
    features, audio = make_inputs(1)
    logits = run(make_head(predictor=predictor), features, audio, (1,))
    assert logits.shape == (1, 1, 64, 64)
    assert (logits[..., 0, :] == logits[0, 0, 0, 0]).all()
    assert (logits[..., :, 0] == logits[0, 0, 0, 0]).all()
    predictor['padded_last_conv'] = False
    sane = run(make_head(predictor=predictor), features, audio, (1,))
    assert sane[..., 0, 1:].std() > 0
    torch.testing.assert_close(sane[..., :31, :31], logits[..., 1:32, 1:32])
    torch.testing.assert_close(sane[..., 32:, 32:], logits[..., 32:, 32:])


def test_frame_table_is_saved_only_if_it_is_trained() -> None:
    for learned in (False, True):
        torch.manual_seed(0)
        fusion = BidirectionalInteraction(8, 4, max_frames=2, learn_frame_embed=learned)
        assert ('frame_embed' in fusion.state_dict()) is learned
        pos = torch.zeros(2, 9, 8)
        feature, audio = torch.randn(2, 8, 3, 3), torch.randn(2, 1, 4)
        maps, vectors = fusion(feature, audio, pos, (2,))
        fusion.frame_embed.data.add_(torch.randn(2, 8))
        again, moved = fusion(feature, audio, pos, (2,))
        assert torch.equal(maps, again)  # one audio token: nothing to choose from
        assert not torch.equal(vectors, moved)
    with pytest.raises(ValueError, match='a clip has 3 frames, max_frames=2'):
        fusion(torch.randn(3, 8, 3, 3), torch.randn(3, 1, 4), torch.zeros(3, 9, 8), (3,))


def test_losses(head) -> None:
    match = {'type': 'AudioVisualMatchingLoss', 'reduction': 'sum', 'loss_weight': 0.1}
    head = make_head(loss_match=match)
    features, audio = make_inputs(3)
    output = head(features, audio, (3,))
    masks = torch.zeros(3, 64, 64, dtype=torch.long)
    losses = head.loss(output, FrameTargets(masks, torch.tensor([True, False, False])))
    assert set(losses) == {'loss_mask', 'loss_match'}
    expected = 0.0
    for maps, vector in output.matched_pairs:
        mask = torch.nn.functional.adaptive_avg_pool2d(output.logits, maps.shape[2:]).sigmoid()
        visual, audible = (maps * mask).mean((2, 3)).softmax(1), vector.softmax(1)
        expected += (audible * (audible.log() - visual.log())).sum() / len(output.matched_pairs)
    torch.testing.assert_close(losses['loss_match'], 0.1 * expected)
    sum(losses.values()).backward()
    missing = [name for name, p in head.named_parameters() if p.grad is None]
    # The audio side of the interaction counts its frame table; all else takes part.
    assert missing == []


def test_positions_in_time_and_space() -> None:
    code = sine_position_encoding_3d(2, 3, 4, 6).view(2, 12, 18)
    flat = sine_position_encoding(3, 4, 6, normalize=True)
    torch.testing.assert_close(code[0, :, 6:], flat)
    torch.testing.assert_close(code[1, :, 6:], flat)
    first, last = code[0, 0, :2], code[1, 0, :2]
    turn = 2 * np.pi / (2 + 1e-6)
    torch.testing.assert_close(first, torch.tensor([np.sin(turn), np.cos(turn)]).float())
    torch.testing.assert_close(last, torch.tensor([np.sin(2 * turn), np.cos(2 * turn)]).float())


def test_labels_come_from_other_frames_only() -> None:
    torch.manual_seed(0)
    module = LabelPropagation(6, 1, label_scale=4).eval()
    feature, labels = torch.randn(3, 6, 4, 4), torch.randn(3, 16, 4, 4)
    with torch.no_grad():
        before = module.propagate(labels, feature)
        labels[1] += torch.randn(16, 4, 4)
        after = module.propagate(labels, feature)
    torch.testing.assert_close(after[1], before[1])
    assert (after[0] - before[0]).abs().max() > 1e-3
    single = torch.randn(1, 1, 8, 8)
    assert torch.equal(module(single, torch.randn(1, 6, 8, 8), (1,)), single)


def test_offsets_start_from_the_regular_grid() -> None:
    """As published: only the offsets' weights are drawn, so that they are 0 on average."""
    cfg = load_config(config_file('s4/medvt_demo.py')).model.decode_head.pixel_decoder
    channels = {'embed_dims': 32, 'num_groups': 8}
    assert not MODELS.build({**cfg, **channels}).offset_conv.bias.any()
