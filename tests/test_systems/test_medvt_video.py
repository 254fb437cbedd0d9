"""MED-VT for videos without sound, at a small size."""

import argparse
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.registry import DefaultScope

from avsbench.analysis.complexity import complexity
from avsbench.checkpoint import adapters
from avsbench.checkpoint.reading import read_checkpoint, state_dict_of
from avsbench.config.paths import config_file
from avsbench.models import AVSegmentor, AVSHeadOutput, FrameTargets
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.systems.medvt.label_propagation import OtherFramesAttention
from avsbench.systems.medvt.object_attention import ObjectAttention
from avsbench.utils.errors import CheckpointError, ConfigError, DataError

VARIANTS = ['swinb_avos', 'swinb_avos_cvpr2023', 'swinb_a2d', 'resnet101_avos', 'resnet101_a2d']
SMALL_SWIN = {'type': 'VideoSwin', 'embed_dim': 16, 'depths': (1, 1, 2, 1), 'num_heads': (1,) * 4}
SMALL_RESNET = {'type': 'TimmBackbone', 'model_name': 'resnet18', 'frozen_norm': True}


def small_config(variant: str) -> dict:
    cfg = Config.fromfile(config_file(f'_base_/models/medvt_{variant}.py')).model
    cfg.backbone = dict(SMALL_SWIN if 'swin' in variant else SMALL_RESNET)
    head = cfg.decode_head
    head.embed_dims = 48
    head.transformer_decoder.update(num_layers=3, feedforward_channels=32, dropout=0.0)
    for stage in head.context_encoder.stages:
        stage.update(num_layers=1, feedforward_channels=32, dropout=0.0)
    head.predictor.channels = (16, 8, 8)
    return cfg


def build(cfg: dict) -> AVSegmentor:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('avsbench'):
        return MODELS.build(cfg).eval()


def clips(*lengths: int) -> dict:
    torch.manual_seed(1)
    frames, samples = [], []
    for length in lengths:
        frames.append(torch.randint(0, 256, (length, 3, 32, 48), dtype=torch.uint8))
        every = torch.ones(length, dtype=torch.bool)
        sample = AVSDataSample(frame_valid=every, gt_valid=every.clone())
        sample.gt_masks = torch.zeros(length, 32, 48, dtype=torch.uint8)
        sample.gt_masks[:, 4:20, 8:30] = 1
        samples.append(sample)
    return {'inputs': {'frames': frames}, 'data_samples': samples}


@pytest.mark.parametrize('variant', VARIANTS)
def test_networks_step_and_predict_without_sound(variant: str) -> None:
    model = build(small_config(variant))
    batch = model.data_preprocessor(clips(3, 2))
    assert 'audio' not in batch['inputs']
    losses = model(**batch, mode='loss')
    sum(losses.values()).backward()
    without = {name for name, p in model.named_parameters() if p.grad is None and p.requires_grad}
    assert without == set()
    result = model(**batch, mode='predict')
    classes = 80 if 'a2d' in variant else 1
    assert [len(sample.pred_masks) for sample in result] == [3, 2]
    assert result[0].probabilities().shape == (3, classes, 32, 48)


@pytest.mark.parametrize('variant', ['swinb_avos', 'resnet101_avos'])
def test_clips_of_a_batch_do_not_meet(variant: str) -> None:
    model = build(small_config(variant))
    frames = model.data_preprocessor(clips(3, 3, 2))['inputs']['frames']
    with torch.no_grad():
        joint = model({'frames': frames, 'clip_lengths': (3, 3, 2)}).logits
        parts = [
            model({'frames': clip, 'clip_lengths': (len(clip),)}).logits
            for clip in frames.split((3, 3, 2))
        ]
    torch.testing.assert_close(joint, torch.cat(parts), rtol=1e-3, atol=1e-4)


def test_frames_of_a_clip_meet_in_the_backbone() -> None:
    backbone = build(small_config('swinb_avos')).backbone
    frames = torch.randn(3, 3, 30, 45)  # padded everywhere
    other = frames.clone()
    other[2] += 1
    with torch.no_grad():
        first, changed = backbone(frames, (3,)), backbone(other, (3,))
        alone = backbone(frames, (2, 1))
    assert [tuple(level.shape[1:]) for level in first] == [
        (32, 4, 6),
        (64, 2, 3),
        (128, 1, 2),
        (128, 1, 2),
    ]
    assert not torch.allclose(first[0][0], changed[0][0])
    torch.testing.assert_close(alone[0][:2], backbone(frames[:2], (2,))[0])


def test_memories_differ_and_a_clip_has_at_most_a_query_per_frame() -> None:
    cfg = small_config('swinb_avos_cvpr2023')
    results = []
    for name in ('decoded', 'encoded_first', 'finer'):
        cfg.decode_head.queries.memories = name
        model = build(cfg)
        frames = model.data_preprocessor(clips(3))['inputs']['frames']
        with torch.no_grad():
            results.append(model({'frames': frames, 'clip_lengths': (3,)}).logits)
    assert len({float(logits.sum()) for logits in results}) == 3
    with pytest.raises(DataError, match=r'7 frames and the network 6 queries.*num_queries'):
        model({'frames': torch.randn(7, 3, 32, 32), 'clip_lengths': (7,)})
    cfg.decode_head.queries.memories = 'decode'
    with pytest.raises(ConfigError, match="did you mean 'decoded'"):
        build(cfg)


@pytest.mark.parametrize('softmax', ['pixels', 'heads'])
def test_object_attention(softmax: str) -> None:
    torch.manual_seed(0)
    attention = ObjectAttention(12, 3, softmax=softmax)
    queries, maps = torch.randn(2, 12), torch.randn(2, 12, 4, 5)
    result = attention(queries, maps)
    axes = (1, 2, 3) if softmax == 'pixels' else (1,)
    total = result.sum(axes)
    torch.testing.assert_close(total, torch.ones_like(total))
    q = F.linear(queries, attention.q_linear.weight, attention.q_linear.bias)
    k = attention.k_linear(maps[1, :, 2, 3])
    logit = [(q[1].view(3, 4) * k.view(3, 4)).sum(1)[head] * 4**-0.5 for head in range(3)]
    ratio = (result[1, 0, 2, 3] / result[1, 1, 2, 3]).log()
    torch.testing.assert_close(ratio, logit[0] - logit[1])


def test_attention_to_other_frames_equals_the_masked_one() -> None:
    torch.manual_seed(0)
    attention = OtherFramesAttention(7, 4)
    query, value = torch.randn(3, 5, 7), torch.randn(3, 5, 6)
    q = k = F.normalize(attention.key_proj(query.flatten(0, 1)), dim=-1)
    frames = torch.arange(3).repeat_interleave(5)
    logits = (30 * q @ k.T).masked_fill(frames[:, None] == frames, -torch.inf)
    expected = logits.softmax(-1) @ value.flatten(0, 1)
    result = attention(query[None], query[None], value[None])[0]
    torch.testing.assert_close(result.flatten(0, 1), expected, rtol=1e-4, atol=1e-5)


def test_losses_are_those_of_annotated_frames_averaged_over_clips() -> None:
    head = build(small_config('swinb_a2d')).decode_head
    torch.manual_seed(0)
    logits = torch.randn(5, 80, 8, 8)
    masks = torch.randint(0, 80, (5, 8, 8))
    annotated = torch.tensor([False, True, False, True, False])

    def loss(lengths: tuple[int, ...], masks: torch.Tensor = masks) -> torch.Tensor:
        output = AVSHeadOutput(logits=logits, clip_lengths=lengths)
        return head.loss(output, FrameTargets(masks, annotated))['loss_mask']

    def expected(frame: int) -> torch.Tensor:
        entropy = F.cross_entropy(
            logits[frame : frame + 1], masks[frame : frame + 1], reduction='none'
        )
        return ((1 - (-entropy).exp()) ** 2 * entropy).mean()

    torch.testing.assert_close(loss((3, 2)), (expected(1) + expected(3)) / 2)
    torch.testing.assert_close(loss((2, 1, 2)), (expected(1) + expected(3)) / 2)
    other = masks.clone()
    other[0] = 0
    assert torch.equal(loss((3, 2), other), loss((3, 2)))
    other[1] = 255
    torch.testing.assert_close(loss((3, 2), other), expected(3) / 2)
    head.loss_factor = 0.5
    torch.testing.assert_close(loss((3, 2)), (expected(1) + expected(3)) / 4)


@pytest.mark.parametrize('variant', VARIANTS)
def test_published_layouts_there_and_back(variant: str) -> None:
    model = build(small_config(variant))
    adapter = adapters()['medvt_video_swin' if 'swin' in variant else 'medvt_video_resnet']
    state = model.state_dict()
    published = adapter.to_published(state)
    assert adapter.matches(published)
    back, dropped = adapter.to_ours(published)
    assert {key: value.shape for key, value in back.items()} == {
        key: value.shape for key, value in state.items()
    }
    assert all(torch.equal(back[key], state[key]) for key in state)
    assert len(back) + len(dropped) == len(published)


def test_a_published_file_is_read_safely(tmp_path: Path) -> None:
    """An old file of torch.save, not a zip archive, with the command line that made it."""
    content = {'model': {'x': torch.ones(2)}, 'args': argparse.Namespace(lr=0.1), 'epoch': 3}
    path = tmp_path / 'swin_medvt.pth'
    torch.save(content, path, _use_new_zipfile_serialization=False)
    assert torch.equal(state_dict_of(read_checkpoint(path))['x'], torch.ones(2))
    torch.save({**content, 'args': path}, path)
    with pytest.raises(CheckpointError, match='refused'):
        read_checkpoint(path)


def test_named_parts_of_a_backbone_are_not_trained() -> None:
    cfg = {**SMALL_RESNET, 'frozen_parts': ('conv1', 'layer1')}
    with DefaultScope.overwrite_default_scope('avsbench'):
        backbone = MODELS.build(cfg)
    frozen = {n.split('.')[1] for n, p in backbone.named_parameters() if not p.requires_grad}
    assert frozen == {'conv1', 'layer1'}
    with pytest.raises(ConfigError, match="no part 'layer5'; did you mean 'layer"):
        with DefaultScope.overwrite_default_scope('avsbench'):
            MODELS.build({**cfg, 'frozen_parts': ('layer5',)})


def test_cost_is_measured_without_sound() -> None:
    cfg = Config({'model': small_config('swinb_avos')})
    result = complexity(cfg, frames=3, size=(32, 48))
    assert set(result.part_params) == {'backbone', 'decode_head'}
    assert min(result.part_flops.values()) > 0
