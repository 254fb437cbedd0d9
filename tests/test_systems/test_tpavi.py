import pytest
import torch
from torch import Tensor, nn

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.models import AVSHeadOutput, FrameTargets
from avsbench.models.layers import DilatedProjection
from avsbench.registry import MODELS
from avsbench.systems.tpavi.fusion import TPAVI
from avsbench.systems.tpavi.head import TPAVIHead
from avsbench.systems.tpavi.pixel_decoder import FeatureFusion, RefineFPN, ResidualConvUnit
from avsbench.utils.errors import ConfigError

CHANNELS, AUDIO = [8, 12, 16, 24], 10


def awake(module: nn.Module) -> nn.Module:
    """Blocks start as the identity; give them something to add."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm3d):
            nn.init.ones_(part.weight)
    return module.eval()


def make_head(**changed) -> TPAVIHead:
    cfg = load_config(config_file('s4/tpavi_demo.py')).model.decode_head
    fusion = {**cfg.fusion, 'group_frames': None, **changed.pop('fusion', {})}
    cfg = {**cfg, 'in_channels': CHANNELS, 'audio_channels': AUDIO, 'fusion': fusion, **changed}
    torch.manual_seed(0)
    return awake(MODELS.build(cfg))


def make_inputs(frames: int, finest: int = 16) -> tuple[list[Tensor], Tensor]:
    torch.manual_seed(1)
    features = [
        torch.randn(frames, channels, finest >> level, finest >> level)
        for level, channels in enumerate(CHANNELS)
    ]
    return features, torch.randn(frames, 1, AUDIO)


def run(head, features, audio, lengths, order=None, valid=None) -> Tensor:
    if order is not None:
        features, audio = [level[order] for level in features], audio[order]
    with torch.no_grad():
        return head(features, audio, lengths, valid).logits


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def differs(result: Tensor, other: Tensor) -> bool:
    return bool((result - other).abs().max() > 1e-3 * other.abs().max())


@pytest.fixture(scope='module')
def head() -> TPAVIHead:
    return make_head()


def test_clips_of_a_batch_do_not_meet(head) -> None:
    features, audio = make_inputs(6)
    result = run(head, features, audio, (3, 3))
    order = [3, 4, 5, 0, 1, 2]
    close(run(head, features, audio, (3, 3), order), result[order])
    close(run(head, features, audio, (3, 2, 1))[:3], result[:3])


def test_frames_of_a_clip_meet_but_their_order_does_not_count(head) -> None:
    features, audio = make_inputs(3)
    result = run(head, features, audio, (3,))
    assert differs(run(head, features, audio, (1, 1, 1)), result)
    order = [2, 0, 1]
    close(run(head, features, audio, (3,), order), result[order])
    # Which sound belongs to which picture does count.
    assert differs(run(head, features, audio[order], (3,)), result)


def test_sound_of_one_frame_reaches_the_others(head) -> None:
    features, audio = make_inputs(3)
    result = run(head, features, audio, (3,))
    audio[2] += 1
    assert differs(run(head, features, audio, (3,))[:2], result[:2])


def test_frames_that_look_alike_get_one_answer_unless_each_is_a_group(head) -> None:
    features, audio = make_inputs(3)
    features = [level[:1].expand(3, -1, -1, -1) for level in features]
    result = run(head, features, audio, (3,))
    close(result, result[:1].expand_as(result))
    assert differs(run(head, features, audio * 2, (3,)), result)
    single = run(make_head(fusion={'group_frames': 1}), features, audio, (3,))
    assert differs(single[1:], single[:1])


def test_groups_cut_clips() -> None:
    head = make_head(fusion={'group_frames': 2})
    features, audio = make_inputs(5)
    result = run(head, features, audio, (5,))
    close(run(head, features, audio, (2, 2, 1)), result)
    within, across = [1, 0, 2, 3, 4], [0, 2, 1, 3, 4]
    close(run(head, features, audio, (5,), within), result[within])
    assert differs(run(head, features, audio, (5,), across), result[across])


@pytest.mark.parametrize('keys', ['audio', 'visual', 'both'])
def test_block_equals_its_definition(keys: str) -> None:
    torch.manual_seed(0)
    block = awake(TPAVI(6, 5, hidden_channels=4, keys=keys)).double()
    feature = torch.randn(3, 6, 2, 4, dtype=torch.float64)
    audio = torch.randn(3, 1, 5, dtype=torch.float64)
    with torch.no_grad():
        result, aligned = block(feature, audio, (3,))
        video = feature.transpose(0, 1)[None]  # (1, C, T, h, w)
        heard = block.audio_proj(audio)[:, 0].T[None, :, :, None, None].expand_as(video)
        wanted = []
        for source in {'audio': [heard], 'visual': [video], 'both': [heard, video]}[keys]:
            theta, phi, g = block.theta(video), block.phi(source), block.g(video)
            affinity = theta.flatten(2).transpose(1, 2) @ phi.flatten(2)  # (1, L, L)
            read = affinity / affinity.shape[-1] @ g.flatten(2).transpose(1, 2)
            branch = block.out_proj(read.transpose(1, 2).reshape(theta.shape)) + video
            wanted.append(block.norm(branch[0].permute(1, 2, 3, 0)).permute(0, 3, 1, 2))
    torch.testing.assert_close(result, sum(wanted) / len(wanted))
    torch.testing.assert_close(aligned, block.audio_proj(audio))


def test_block_starts_as_the_identity_up_to_its_norm() -> None:
    block = TPAVI(6, 5).train()
    feature = torch.randn(2, 6, 3, 3)
    audio = torch.randn(2, 1, 5)
    identity = block.norm(feature.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    close(block(feature, audio, (2,))[0], identity)
    assert differs(TPAVI(6, 5, zero_init=False).train()(feature, audio, (2,))[0], identity)


def test_padded_frames_are_zero_and_change_nothing_across_groups() -> None:
    head = make_head(fusion={'group_frames': 2, 'audio_bias': False})
    features, audio = make_inputs(4)
    valid = torch.tensor([True, True, False, False])
    result = run(head, features, audio, (4,), valid=valid)
    assert (result[2:] == 0).all() and result[:2].abs().min() > 0
    close(result[:2], run(head, [level[:2] for level in features], audio[:2], (2,)))
    with torch.no_grad():
        output = head(features, audio, (4,), valid)
    for maps, vector in output.matched_pairs:
        assert (maps[2:] == 0).all() and (vector[2:] == 0).all()
        assert (maps >= 0).all() and maps[:2].max() > 0


def test_sizes_need_not_divide_by_the_stride(head) -> None:
    torch.manual_seed(0)
    sizes = [(9, 11), (5, 6), (3, 3), (2, 2)]
    features = [torch.randn(2, c, *size) for c, size in zip(CHANNELS, sizes, strict=True)]
    output = head(features, torch.randn(2, 1, AUDIO), (2,))
    assert output.logits.shape == (2, 1, 36, 44)
    assert head.predict(output, (33, 41)).shape == (2, 1, 33, 41)


def test_chosen_levels() -> None:
    match = {'type': 'AudioVisualMatchingLoss'}
    head = make_head(fusion_levels=(1, 3), match_levels=(3,), loss_match=match)
    assert set(head.fusions) == {'1', '3'}
    features, audio = make_inputs(2)
    pairs = head(features, audio, (2,)).matched_pairs
    assert [maps.shape[2] for maps, _ in pairs] == [2]
    with pytest.raises(ConfigError, match=r'fusion_levels=\(4,\): \[4\] not among \[0, 1, 2, 3\]'):
        make_head(fusion_levels=(4,))
    with pytest.raises(ConfigError, match=r'match_levels=\(0, 1\): \[0\] not among \[1\]'):
        make_head(fusion_levels=(1,), match_levels=(0, 1), loss_match=match)
    with pytest.raises(ConfigError, match="keys='audo'.*did you mean 'audio'"):
        make_head(fusion={'keys': 'audo'})


def targets(*annotated: bool, side: int = 64) -> FrameTargets:
    masks = torch.ones(len(annotated), side, side, dtype=torch.long)
    return FrameTargets(masks, torch.tensor(annotated))


def test_losses_and_their_gradients() -> None:
    match = {'type': 'AudioVisualMatchingLoss', 'annotated_only': True, 'loss_weight': 0.5}
    head = make_head(loss_match=match)
    features, audio = make_inputs(3)
    losses = head.loss(head(features, audio, (3,)), targets(True, False, True))
    assert set(losses) == {'loss_mask', 'loss_match'}
    sum(losses.values()).backward()
    assert [name for name, p in head.named_parameters() if p.grad is None] == []
    head.zero_grad()
    losses = head.loss(head(features, audio, (3,)), targets(False, False, False))
    total = sum(losses.values())
    total.backward()
    assert float(total.detach()) == 0
    assert [name for name, p in head.named_parameters() if p.grad is None] == []


def test_matching_loss_sees_rectified_maps_and_annotated_frames() -> None:
    match = {'type': 'AudioVisualMatchingLoss', 'annotated_only': True}
    head = make_head(loss_match=match)
    features, audio = make_inputs(2)
    output = head(features, audio, (2,))
    first = [(maps[:1], vector[:1]) for maps, vector in output.matched_pairs]
    alone = AVSHeadOutput(logits=output.logits[:1], matched_pairs=first)
    torch.testing.assert_close(
        head.loss(output, targets(True, False))['loss_match'],
        head.loss(alone, targets(True))['loss_match'],
    )


def test_residual_unit_carries_the_rectified_map() -> None:
    unit = ResidualConvUnit(3)
    for conv in (unit.conv1, unit.conv2):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
    maps = torch.randn(1, 3, 4, 4)
    before = maps.clone()
    torch.testing.assert_close(unit(maps), maps.clamp(min=0))
    assert torch.equal(maps, before)


def test_fusion_block_adds_the_finer_map_and_enlarges() -> None:
    torch.manual_seed(0)
    block = FeatureFusion(3)
    path, skip = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    wanted = block.unit(path + block.skip_unit(skip))
    result = block(path, skip, (7, 7))
    torch.testing.assert_close(result[..., ::2, ::2], wanted)  # corners aligned
    assert FeatureFusion(3, with_skip=False)(path, None, (8, 8)).shape == (1, 3, 8, 8)


def test_pyramid_doubles_the_finest_level() -> None:
    pyramid = RefineFPN(4, num_levels=3)
    levels = [torch.randn(2, 4, side, side) for side in (8, 4, 2)]
    plain, flagged = pyramid(levels), pyramid(levels, torch.tensor([True, False]))
    assert plain.shape == (2, 4, 16, 16)
    torch.testing.assert_close(flagged[0], plain[0])
    assert (flagged[1] == 0).all()


def test_dilated_projection_sums_its_branches() -> None:
    torch.manual_seed(0)
    projection = DilatedProjection(64, 32, (1, 3))
    maps = torch.randn(1, 64, 9, 9)
    first, second = projection.branches
    torch.testing.assert_close(projection(maps), first(maps) + second(maps))
    assert second.dilation == (3, 3)
    assert float(first.weight.std()) == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize('backbone', ['pvt2', 'res50'])
def test_published_settings(backbone: str) -> None:
    cfgs = {s: load_config(config_file(f'{s}/tpavi_{backbone}.py')) for s in ('s4', 'ms3', 'avss')}
    assert {s: cfg.train_cfg.max_epochs for s, cfg in cfgs.items()} == {
        's4': 15, 'ms3': 30, 'avss': 60
    }  # fmt: skip
    for cfg in cfgs.values():
        optimizer = cfg.optim_wrapper.optimizer
        assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('Adam', 1e-4, 0.0)
        assert cfg.train_dataloader.batch_size == 4
        assert cfg.model.decode_head.fusion.group_frames == 5
    heads = {s: cfg.model.decode_head for s, cfg in cfgs.items()}
    assert heads['s4'].loss_match is None
    assert (heads['ms3'].loss_match.reduction, heads['ms3'].loss_match.loss_weight) == ('sum', 0.5)
    assert heads['avss'].loss_match.annotated_only and not heads['avss'].fusion.audio_bias
    # S4 weights start MS3: nothing but the loss differs.
    different = {key for key in heads['s4'] if heads['s4'][key] != heads['ms3'][key]}
    assert different == {'loss_match'}
    assert cfgs['s4'].model.backbone == cfgs['ms3'].model.backbone
