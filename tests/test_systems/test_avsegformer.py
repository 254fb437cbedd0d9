import copy

import pytest
import torch

from avsbench.models import AVSegmentor, AVSHeadOutput, FrameTargets
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.systems.avsegformer.head import AVSegFormerHead

CONFIG = {
    'type': 'avsbench.AVSegmentor',
    'data_preprocessor': {'type': 'AVSDataPreprocessor', 'num_frames': 3},
    'backbone': {'type': 'TimmBackbone', 'model_name': 'resnet18'},
    'audio_encoder': {'type': 'TimmAudioEncoder', 'model_name': 'test_resnet'},
    'decode_head': {
        'type': 'AVSegFormerHead',
        'num_classes': 1,
        'embed_dims': 16,
        'pixel_decoder': {
            'type': 'DeformablePixelDecoder',
            'num_layers': 1,
            'num_heads': 2,
            'feedforward_channels': 16,
            'num_groups': 4,
        },
        'query_generator': {
            'type': 'AttentionQueryGenerator',
            'num_queries': 5,
            'num_layers': 1,
            'num_heads': 2,
            'feedforward_channels': 16,
        },
        'transformer_decoder': {
            'type': 'TransformerDecoder',
            'num_layers': 1,
            'num_heads': 2,
            'feedforward_channels': 16,
        },
        'fusion': {'type': 'ChannelGateFusion', 'num_heads': 2},
        'mlp_channels': 16,
        'predictor_channels': (8, 8),
        'loss_mask': {'type': 'DiceLoss'},
        'loss_mix': {'type': 'DiceLoss', 'loss_weight': 0.1},
    },
}


def build(**head) -> AVSegmentor:
    torch.manual_seed(0)
    config = copy.deepcopy(CONFIG)
    config['decode_head'] |= head
    with MODELS.switch_scope_and_registry('avsbench'):
        model = MODELS.build(config)
    return model


def clips(*lengths: int, size: tuple[int, int] = (32, 40)) -> dict:
    torch.manual_seed(1)
    frames = [torch.randint(0, 256, (n, 3, *size), dtype=torch.uint8) for n in lengths]
    samples = []
    for n in lengths:
        sample = AVSDataSample()
        sample.gt_masks = torch.randint(0, 2, (n, *size), dtype=torch.uint8)
        sample.gt_valid = torch.arange(n) == 0
        sample.frame_valid = torch.ones(n, dtype=torch.bool)
        samples.append(sample)
    audio = [torch.randn(n, 1, 96, 64) for n in lengths]
    return {'inputs': {'frames': frames, 'audio': audio}, 'data_samples': samples}


def test_predict_returns_each_clip_at_its_input_size() -> None:
    model = build().eval()
    with torch.no_grad():
        results = model.test_step(clips(3, 2))
    assert [tuple(r.seg_logits.shape) for r in results] == [(3, 1, 32, 40)] * 2
    assert torch.equal(results[0].pred_masks, (results[0].seg_logits[:, 0].sigmoid() > 0.5).byte())


def test_size_need_not_divide_by_the_stride() -> None:
    with torch.no_grad():
        results = build().eval().test_step(clips(3, size=(33, 37)))
    assert results[0].seg_logits.shape == (3, 1, 33, 37)


def test_padded_frames_are_exactly_zero() -> None:
    model = build().eval()
    with torch.no_grad():
        short = model.test_step(clips(2))[0]
        output = model(**{'inputs': model.data_preprocessor(clips(2))['inputs']})
    assert short.seg_logits[2].abs().max() == 0
    assert (short.seg_logits[:2].abs().amax((1, 2, 3)) > 0).all()
    assert output.mask_feature[2].abs().max() == 0
    assert short.frame_valid.tolist() == [True, True, False]


def test_frames_never_interact() -> None:
    model = build().eval()
    data = clips(3)
    order = torch.tensor([2, 0, 1])
    permuted = copy.deepcopy(data)
    for key in ('frames', 'audio'):
        permuted['inputs'][key] = [permuted['inputs'][key][0][order]]
    with torch.no_grad():
        straight = model.test_step(data)[0].seg_logits
        mixed = model.test_step(permuted)[0].seg_logits
    torch.testing.assert_close(mixed, straight[order], atol=1e-5, rtol=1e-4)


def test_the_audio_matters() -> None:
    model = build().eval()
    data = clips(3)
    other = copy.deepcopy(data)
    other['inputs']['audio'] = [audio + 1 for audio in other['inputs']['audio']]
    with torch.no_grad():
        first, second = (model.test_step(d)[0].seg_logits for d in (data, other))
    assert (first - second).abs().max() > 1e-4


def test_only_annotated_frames_are_supervised() -> None:
    model = build()
    output = AVSHeadOutput(
        logits=torch.randn(3, 1, 32, 40, requires_grad=True),
        mask_feature=torch.randn(3, 16, 8, 10, requires_grad=True),
    )
    targets = FrameTargets(torch.randint(0, 2, (3, 32, 40)), torch.tensor([True, False, False]))
    losses = model.decode_head.loss(output, targets)
    assert set(losses) == {'loss_mask', 'loss_mix'}
    sum(losses.values()).backward()
    for tensor in (output.logits, output.mask_feature):
        assert tensor.grad[0].abs().max() > 0
        assert tensor.grad[1:].abs().max() == 0


def test_a_batch_without_annotation_gives_a_finite_loss() -> None:
    model = build()
    data = clips(3)
    data['data_samples'][0].gt_valid[:] = False
    data = model.data_preprocessor(data)
    losses = model(**data, mode='loss')
    total = sum(losses.values())
    total.backward()
    assert float(total.detach()) == 0
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in model.parameters())


def test_several_classes() -> None:
    model = build(num_classes=7, loss_mask={'type': 'CrossEntropyLoss'})
    data = clips(3)
    data['data_samples'][0].gt_masks *= 6
    losses = model(**model.data_preprocessor(copy.deepcopy(data)), mode='loss')
    assert all(torch.isfinite(loss) for loss in losses.values())
    with torch.no_grad():
        result = model.eval().test_step(data)[0]
    assert torch.equal(result.pred_masks, result.seg_logits.argmax(1).byte())


def test_every_trained_parameter_gets_a_gradient() -> None:
    model = build()
    sum(model(**model.data_preprocessor(clips(3)), mode='loss').values()).backward()
    silent = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    # A pyramid without a classifier uses all of its layers; so does the head.
    assert silent == []


def test_published_initialisation() -> None:
    model = build()
    model.init_weights()
    head: AVSegFormerHead = model.decode_head
    bound = (6 / (16 + 16)) ** 0.5
    weight = head.transformer_decoder.layers[0].ffn.fc2.weight
    assert 0.9 * bound < weight.abs().max() <= bound
    assert head.pixel_decoder.encoder.layers[0].self_attn.sampling_offsets.weight.abs().max() == 0
    assert 0.5 < head.pixel_decoder.level_embed.std() < 1.5
    decoder = head.pixel_decoder
    for module in (*decoder.input_convs, decoder.lateral_conv, decoder.output_conv):
        conv = module.conv
        limit = conv.weight[0].numel() ** -0.5
        assert 0.3 * limit < conv.bias.abs().max() <= limit


def test_unknown_mode() -> None:
    model = build()
    inputs = model.data_preprocessor(clips(3))['inputs']
    with pytest.raises(ValueError, match="mode='train', expected 'tensor', 'loss', 'maps' or"):
        model(inputs, mode='train')


def test_missing_weights_are_listed(tmp_path) -> None:
    model = build()
    missing = str(tmp_path / 'none.pth')
    model.backbone.weights, model.backbone.require_weights = missing, False
    model.init_weights()
    assert model.missing_pretrained == [missing]
