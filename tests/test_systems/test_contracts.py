"""What every system promises about padded frames, the order of levels, and its targets."""

import inspect

import pytest
import torch
from system_cases import SIZE, build, build_demo, demo_config, join_clips, system_names
from torch import Tensor, nn

from avsbench.models import AVSegmentor, AVSHeadOutput
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError

NUM_FRAMES = 3


@pytest.fixture(scope='module', params=system_names())
def system(request) -> str:
    return request.param


def clips(*lengths: int) -> dict:
    torch.manual_seed(1)
    frames, audio, samples = [], [], []
    for length in lengths:
        frames.append(torch.randint(0, 256, (length, 3, SIZE, SIZE), dtype=torch.uint8))
        audio.append(3 * torch.randn(length, 1, 96, 64))
        every = torch.ones(length, dtype=torch.bool)
        sample = AVSDataSample(frame_valid=every, gt_valid=every.clone())
        sample.gt_masks = torch.zeros(length, SIZE, SIZE, dtype=torch.uint8)
        sample.gt_masks[:, 10:30, 10:40] = 1
        samples.append(sample)
    return {'inputs': {'frames': frames, 'audio': audio}, 'data_samples': samples}


def test_padded_frames_are_handled_or_refused(system) -> None:
    cfg = demo_config(system).model
    cfg.data_preprocessor.update(clip_policy='pad', num_frames=NUM_FRAMES)
    join_clips(cfg.decode_head)
    if not type(build_demo(system).decode_head).accepts_padding:
        with pytest.raises(ConfigError, match=r"clip_policy='pack'.*num_frames=None"):
            build(cfg)
        return
    model = build(cfg)
    inputs = model.data_preprocessor(clips(NUM_FRAMES, 1))['inputs']
    valid = inputs['frame_valid']
    assert valid.tolist() == [True] * 4 + [False] * 2
    with torch.no_grad():
        output = model(inputs)
        for name in ('frames', 'audio'):
            inputs[name][~valid] = torch.randn_like(inputs[name][~valid])
        other = model(inputs)
    assert (output.logits[~valid] == 0).all() and (other.logits[~valid] == 0).all()
    assert output.logits[valid].abs().min(0).values.max() > 0
    torch.testing.assert_close(other.logits[valid], output.logits[valid])
    for (maps, vector), (other_maps, other_vector) in zip(
        output.matched_pairs, other.matched_pairs, strict=True
    ):
        torch.testing.assert_close(other_maps[valid], maps[valid])
        torch.testing.assert_close(other_vector[valid], vector[valid])


def test_levels_are_finest_first(system) -> None:
    model = build_demo(system)
    seen = []

    def look(name: str, values: object) -> None:
        if isinstance(values, list | tuple) and len(values) > 1:
            if all(isinstance(value, Tensor) and value.dim() == 4 for value in values):
                sizes = [value.shape[-2:].numel() for value in values]
                assert sizes == sorted(sizes, reverse=True), name
                seen.append(name)

    def hook(module: nn.Module, args: tuple, kwargs: dict, result: object) -> None:
        given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
        for name in ('features', 'levels'):
            look(f'{type(module).__name__}({name})', given.get(name))
            look(f'{type(module).__name__}.{name}', getattr(result, name, None))
        look(type(module).__name__, result)

    for module in model.modules():
        module.register_forward_hook(hook, with_kwargs=True)
    with torch.no_grad():
        model(model.data_preprocessor(clips(2))['inputs'])
    if not model.decode_head.accepts_tokens:
        assert f'{type(model.decode_head).__name__}(features)' in seen


def loss(model: AVSegmentor, output: AVSHeadOutput, data: dict) -> Tensor:
    return sum(model.decode_head.loss(output, model.targets(data['inputs'])).values())


def test_targets_are_those_of_the_annotated_frames(system) -> None:
    """What a frame without annotation has for a target counts for nothing; another one's does."""
    model = build_demo(system)
    batches = []
    for frame in (None, 1, 2):  # of three, the first and last are annotated
        data = clips(2, 1)
        data['data_samples'][0].gt_valid[1] = False
        batch = model.data_preprocessor(data)
        if frame is not None:
            batch['inputs']['gt_masks'][frame] = 1 - batch['inputs']['gt_masks'][frame]
        batches.append(batch)
    with torch.no_grad():
        output = model(batches[0]['inputs'])
        plain, unannotated, annotated = (loss(model, output, batch) for batch in batches)
        stepped = model(**batches[0], mode='loss')
    assert torch.equal(plain, unannotated) and not torch.equal(plain, annotated)
    torch.testing.assert_close(sum(stepped.values()), plain)


def test_nothing_to_learn_from_gives_finite_losses_and_gradients(system) -> None:
    """A batch without an object, of padding alone, or without annotation ends no training."""
    torch.manual_seed(0)
    model = build_demo(system)
    data = model.data_preprocessor(clips(2))
    output = model(data['inputs'])
    masks = data['inputs']['gt_masks']
    valid = data['inputs']['gt_valid']
    parameters = [p for p in model.decode_head.parameters() if p.requires_grad]
    for target, annotated in ((0, valid), (255, valid), (masks, torch.zeros_like(valid))):
        data['inputs'] |= {'gt_masks': masks * 0 + target, 'gt_valid': annotated}
        value = loss(model, output, data)
        gradients = torch.autograd.grad(value, parameters, retain_graph=True, allow_unused=True)
        assert value.isfinite()
        assert all(g.isfinite().all() for g in gradients if g is not None)


def test_predictions_in_mixed_precision_are_decided_in_full(system) -> None:
    model = build_demo(system)
    channels = model.in_channels // 3
    data = clips(2)
    data['inputs']['frames'] = [clip.repeat(1, channels, 1, 1) for clip in data['inputs']['frames']]
    with torch.no_grad():
        (full,) = model.test_step(data)
        with torch.autocast('cpu', torch.bfloat16):
            assert (
                model(model.data_preprocessor(data)['inputs'], mode='maps').dtype == torch.float32
            )
            (mixed,) = model.test_step(data)
    one, other = full.probabilities(), mixed.probabilities()
    assert other.dtype == torch.float32 and not torch.equal(one, other)
    torch.testing.assert_close(one, other, atol=0.1, rtol=0)
