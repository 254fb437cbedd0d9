"""Running our AVSegFormer on a fixture of the published one, with taps along the way."""

from collections.abc import Callable

import torch
from torch import Tensor

from avsbench.models import AVSegmentor, AVSHeadOutput, BinaryCrossEntropyLoss
from avsbench.parity.fixture import Computed, Fixture
from avsbench.parity.network import Taps, gradient_norms, load_strictly, recording, targets
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample

# Frames run together; a clip of ten with gradients would need 13 GB. Frames never interact.
CHUNK = 5
PUBLISHED_TERMS = {'iou_loss': 'loss_mask', 'mix_loss': 'loss_mix'}

HEAD = 'decode_head'
DECODER = f'{HEAD}.pixel_decoder'

TAPS: Taps = {
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
    own_name = load_strictly(model, fixture)
    frames = torch.from_numpy(fixture.input('frames'))
    audio = torch.from_numpy(fixture.input('log_mel'))
    computed = Computed(outputs=_tapped(model, frames, audio))

    v1 = torch.arange(len(frames)) < len(frames) // 2
    if any(name.endswith('_v1') for name in fixture.stored):
        outputs = _tapped(model, frames, audio, v1)
        computed.outputs |= {f'{name}_v1': value for name, value in outputs.items()}
    if fixture.content['losses']:
        sample = targets(fixture, len(frames))
        _losses(fixture, model, computed, sample, v1)
        if fixture.content['grad_norms']:
            _gradients(fixture, model, computed, sample, frames, audio, own_name)
    return computed


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


@torch.no_grad()
def _tapped(
    model: AVSegmentor, frames: Tensor, audio: Tensor, valid: Tensor | None = None
) -> dict[str, Tensor]:
    record: dict[str, list[Tensor]] = {}
    with recording(model, TAPS, record):
        for inputs in _chunks(frames, audio, valid):
            model(inputs)
    return {name: torch.cat(values) for name, values in record.items()}


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
    computed.grad_norms = gradient_norms(model, fixture, own_name)
