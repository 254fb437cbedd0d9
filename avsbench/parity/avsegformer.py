"""Running our AVSegFormer on a fixture of the published one, with taps along the way."""

from collections.abc import Callable
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from avsbench.checkpoint import find_adapter
from avsbench.models import AVSegmentor, AVSHeadOutput, BinaryCrossEntropyLoss
from avsbench.parity.fixture import Computed, Fixture
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import CheckpointError, DataError, examples

# Frames run together; a clip of ten with gradients would need 13 GB. Frames never interact.
CHUNK = 5
PUBLISHED_TERMS = {'iou_loss': 'loss_mask', 'mix_loss': 'loss_mix'}

Hook = Callable[[tuple, object], Tensor]
HEAD = 'decode_head'
DECODER = f'{HEAD}.pixel_decoder'

# Fixture name: our module, and what to take from its arguments and result.
TAPS: dict[str, tuple[str, Hook]] = {
    'audio_embedding': ('audio_encoder', lambda args, out: out[:, 0]),
    'audio_proj': (f'{HEAD}.audio_proj', lambda args, out: out),
    **{
        f'backbone_{level + 1}': ('backbone', lambda args, out, level=level: out[level])
        for level in range(4)
    },
    **{
        f'in_proj_{level}': (f'{DECODER}.input_convs.{level}', lambda args, out: out)
        for level in range(4)
    },
    'query_generator_layer0': (f'{HEAD}.query_generator.layers.0', lambda args, out: out),
    'query_generator': (f'{HEAD}.query_generator', lambda args, out: out[0]),
    'decoder_query_in': (f'{HEAD}.transformer_decoder', lambda args, out: args[0]),
    'encoder_pos': (f'{DECODER}.encoder', lambda args, out: args[1].expand_as(out)),
    'reference_points': (
        f'{DECODER}.encoder.layers.0',
        lambda args, out: args[2].expand(len(out), -1, -1, -1),
    ),
    'encoder0_deform_attn': (f'{DECODER}.encoder.layers.0.self_attn', lambda args, out: out),
    'encoder_layer0': (f'{DECODER}.encoder.layers.0', lambda args, out: out),
    'decoder_layer0': (f'{HEAD}.transformer_decoder.layers.0', lambda args, out: out),
    'memory': (f'{DECODER}.encoder', lambda args, out: out),
    'decoder_out': (f'{HEAD}.transformer_decoder', lambda args, out: out[-1]),
    'mask_feature_before_mixer': (f'{HEAD}.fusion', lambda args, out: args[0]),
    'mixer_logit': (f'{HEAD}.fusion.proj', lambda args, out: out),
    'query_feature': (f'{HEAD}.query_mlp', lambda args, out: out),
    'mask_feature': (HEAD, lambda args, out: out.mask_feature),
    'pred': (HEAD, lambda args, out: out.logits),
}


def run(fixture: Fixture, model_cfg: dict) -> Computed:
    """Compute everything an AVSegFormer fixture stores.

    Args:
        fixture: The fixture.
        model_cfg: Config of the segmentor for its variant.

    Returns:
        Outputs, losses and gradient norms under the published names.

    Raises:
        CheckpointError: The seeded checkpoint does not load strictly.
    """
    model: AVSegmentor = MODELS.build(model_cfg).eval()
    own_name = _load(model, fixture)
    frames = torch.from_numpy(fixture.input('frames'))
    audio = torch.from_numpy(fixture.input('log_mel'))
    computed = Computed(outputs=_tapped(model, frames, audio))

    v1 = torch.arange(len(frames)) < len(frames) // 2
    if any(name.endswith('_v1') for name in fixture.stored):
        outputs = _tapped(model, frames, audio, v1)
        computed.outputs |= {f'{name}_v1': value for name, value in outputs.items()}
    if fixture.content['losses']:
        sample = _targets(fixture, len(frames))
        _losses(fixture, model, computed, sample, v1)
        if fixture.content['grad_norms']:
            _gradients(fixture, model, computed, sample, frames, audio, own_name)
    return computed


def _load(model: AVSegmentor, fixture: Fixture) -> Callable[[str], str]:
    """Load the seeded checkpoint; returns the function from published to our parameter names."""
    state = fixture.state_dict()
    adapter = find_adapter(state)
    if adapter is None:
        raise CheckpointError(f'{fixture.path}: no adapter knows its checkpoint keys')
    own, dropped = adapter.to_own(state)
    model.load_state_dict(own, strict=True)
    print(f'loaded {len(own)} tensors strictly; dropped as never read: {examples(dropped, 3)}')
    return lambda key: adapter.rename(key, to_own=True)


def _chunks(frames: Tensor, audio: Tensor, valid: Tensor | None) -> list[dict]:
    chunks = []
    for start in range(0, len(frames), CHUNK):
        part = slice(start, start + CHUNK)
        inputs = {'frames': frames[part], 'audio': audio[part]}
        inputs['clip_lengths'] = (len(inputs['frames']),)
        if valid is not None:
            inputs['frame_valid'] = valid[part]
        chunks.append(inputs)
    return chunks


@contextmanager
def _recording(model: nn.Module, record: dict[str, list[Tensor]]):
    handles = []
    for name, (path, take) in TAPS.items():
        values = record.setdefault(name, [])

        def hook(module, args, out, values=values, take=take):
            values.append(take(args, out).detach().clone())

        handles.append(model.get_submodule(path).register_forward_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def _tapped(
    model: AVSegmentor, frames: Tensor, audio: Tensor, valid: Tensor | None = None
) -> dict[str, Tensor]:
    record: dict[str, list[Tensor]] = {}
    with _recording(model, record):
        for inputs in _chunks(frames, audio, valid):
            model(inputs)
    return {name: torch.cat(values) for name, values in record.items()}


def _targets(fixture: Fixture, num_frames: int) -> AVSDataSample:
    """All frames as one sample; where targets are fewer, they belong to each clip's first frame."""
    targets = torch.from_numpy(fixture.input('target')).long()
    targets = targets.reshape(-1, *targets.shape[-2:])  # (annotated, H, W)
    if num_frames % len(targets):
        raise DataError(f'{fixture.path}: {len(targets)} targets for {num_frames} frames')
    step = num_frames // len(targets)
    sample = AVSDataSample()
    sample.gt_masks = targets.new_zeros(num_frames, *targets.shape[1:])
    sample.gt_masks[::step] = targets
    sample.gt_valid = torch.arange(num_frames) % step == 0
    return sample


def _losses(
    fixture: Fixture, model: AVSegmentor, computed: Computed, sample: AVSDataSample, v1: Tensor
) -> None:
    """Every stored loss: as it is, with the flags of the 5-second clips, and as cross entropy."""
    head = model.decode_head
    annotated = {'': sample.gt_valid, 'v1s': torch.arange(len(v1)) == 0, 'v1m': v1}
    prefixes = {name.rpartition('.')[0] for name in fixture.content['losses']}
    for prefix in prefixes:
        suffix = '_v1' if prefix in ('v1s', 'v1m') else ''
        output = AVSHeadOutput(
            computed.outputs[f'pred{suffix}'], computed.outputs[f'mask_feature{suffix}']
        )
        flagged = sample.clone()
        flagged.gt_valid = annotated.get(prefix, sample.gt_valid)
        losses = head.loss(output, [flagged])
        if prefix == 'bce_variant':
            dice = head.loss_mask, head.loss_mix
            head.loss_mask = BinaryCrossEntropyLoss(dice[0].loss_weight)
            head.loss_mix = BinaryCrossEntropyLoss(dice[1].loss_weight)
            losses = head.loss(output, [flagged])
            head.loss_mask, head.loss_mix = dice
        dot = f'{prefix}.' if prefix else ''
        for published, own in PUBLISHED_TERMS.items():
            computed.losses[dot + published] = float(losses[own])
        computed.losses[f'{dot}total'] = float(sum(losses.values()))


def _gradients(
    fixture: Fixture,
    model: AVSegmentor,
    computed: Computed,
    sample: AVSDataSample,
    frames: Tensor,
    audio: Tensor,
    own_name: Callable[[str], str],
) -> None:
    """Gradient norms of the total loss, through the output's gradient chunk by chunk."""
    logits = computed.outputs['pred'].clone().requires_grad_()
    mask_feature = computed.outputs['mask_feature'].clone().requires_grad_()
    sum(model.decode_head.loss(AVSHeadOutput(logits, mask_feature), [sample]).values()).backward()
    grads = zip(logits.grad.split(CHUNK), mask_feature.grad.split(CHUNK), strict=True)
    for inputs, gradient in zip(_chunks(frames, audio, None), grads, strict=True):
        output = model(inputs)
        torch.autograd.backward((output.logits, output.mask_feature), gradient)
    parameters = dict(model.named_parameters())
    for key in fixture.content['grad_norms']:
        gradient = parameters[own_name(key)].grad
        computed.grad_norms[key] = float('nan') if gradient is None else float(gradient.norm())
