"""Running our CATR on a fixture of the published one, with taps along the way."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from avsbench.models import AVSegmentor, AVSHeadOutput
from avsbench.models.layers import MultiheadAttention
from avsbench.parity.fixture import Computed, Fixture, float32_noise
from avsbench.parity.network import (
    Taps,
    gradient_norms,
    load_strictly,
    recording,
    use_explicit_attention,
)
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.systems.catr.encoder import attend_to_clip
from avsbench.systems.catr.head import clip_targets

HEAD = 'decode_head'
ENCODER = f'{HEAD}.encoder'
# Our names of loss terms and the published ones.
LOSSES = {
    'loss_cls': 'loss_is_referred',
    'loss_dice': 'loss_dice',
    'loss_focal': 'loss_sigmoid_focal',
    'loss_bce': 'bce_loss',
}
# Where sounding probabilities of two queries are closer than this, rounding decides between them.
MARGIN = 1e-5

# Ours are clip-major with tokens after frames; `_time_first` and `_tokens` turn them.
TAPS: Taps = {
    **{
        f'backbone_{level}': ('backbone', lambda args, out, level=level: out[level])
        for level in range(4)
    },
    'audio_feature': ('audio_encoder', lambda args, out: out[:, 0]),
    'vid_embed': (f'{HEAD}.video_proj', lambda args, out: out),
    'conv3': (f'{HEAD}.projections.2', lambda args, out: out),
    'conv4': (f'{HEAD}.projections.3', lambda args, out: out),
    'audio_proj': (f'{HEAD}.audio_proj', lambda args, out: out[:, 0]),
    'spatial_memory': (ENCODER, lambda args, out: out.memory),
    **{
        f'temporal_self_{index}': (
            f'{ENCODER}.temporal_blocks.{index}.layer',
            lambda args, out: out,
        )
        for index in range(3)
    },
    **{
        f'temporal_video_{index}': (
            f'{ENCODER}.temporal_blocks.{index}',
            lambda args, out: out[0],
        )
        for index in range(3)
    },
    **{
        f'temporal_audio_{index}': (
            f'{ENCODER}.temporal_blocks.{index}',
            lambda args, out: out[1],
        )
        for index in range(2)
    },
    'gate_conv': (f'{ENCODER}.gate.conv', lambda args, out: out),
    'gate_d1': (f'{ENCODER}.gate.merge1', lambda args, out: out),
    'vid_memory': (ENCODER, lambda args, out: out.feature),
    'mask_features': (f'{HEAD}.pixel_decoder', lambda args, out: out),
    'hs': (f'{HEAD}.transformer_decoder', lambda args, out: torch.stack(out)),
}
TOKENS = ('spatial_memory', 'temporal_self', 'temporal_video', 'temporal_audio')


def run(fixture: Fixture, model_cfg: dict) -> Computed:
    """Compute everything a CATR fixture stores.

    Args:
        fixture: The fixture.
        model_cfg: Config of the segmentor for its variant.

    Returns:
        Outputs, losses and gradient norms under the published names.

    Raises:
        CheckpointError: The seeded checkpoint does not load strictly.
    """
    # The activations of the backbone take 2 GB a clip; compute them twice instead.
    model_cfg['backbone']['with_cp'] = True
    model: AVSegmentor = MODELS.build(model_cfg).eval()
    own_name = load_strictly(model, fixture)
    use_explicit_attention(model)
    computed = _compute(fixture, model, own_name)
    # The queries of a frame are nearly equal, and products of three maps meet in the gate: what is
    # left of differences is close to rounding, which two other ways to compute the same measure.
    # Gradients in float64 would take 10 GB.
    use_explicit_attention(model, False)
    fused = _compute(fixture, model, own_name)
    exact = _compute(fixture, model.double(), own_name, gradients=False)
    exact.grad_norms = computed.grad_norms
    noises = [float32_noise(computed, other) for other in (fused, exact)]
    computed.noise = {name: max(noise[name] for noise in noises) for name in noises[0]}
    return computed


def _compute(
    fixture: Fixture,
    model: AVSegmentor,
    own_name: Callable[[str], str],
    *,
    gradients: bool = True,
) -> Computed:
    dtype = next(model.parameters()).dtype
    frames = torch.from_numpy(fixture.input('video')).to(dtype).transpose(0, 1)  # (B, T, 3, H, W)
    audio = torch.from_numpy(fixture.input('log_mel')).to(dtype)  # (B, T, 1, 96, 64)
    samples = _samples(fixture)
    record: dict[str, list[Tensor]] = {}
    with torch.no_grad(), recording(model, TAPS, record):
        output = model(_inputs(frames, audio))
        losses = model.decode_head.loss(output, samples)
    found = {name: values[0] for name, values in record.items()}
    found['temporal_audio_2'] = _unused_audio(fixture, model, found, output.clip_lengths)
    computed = Computed(outputs=_outputs(fixture, model, output, found))
    computed.outputs['matched_query'] = _matched(model, output, samples)
    computed.losses = _published_losses(model, losses)
    if gradients and fixture.content['grad_norms']:
        model.zero_grad()
        # All clips have equally many frames, so that the loss is the mean of theirs: a clip at a
        # time takes a fraction of the memory.
        for index, sample in enumerate(samples):
            part = slice(index, index + 1)
            output = model(_inputs(frames[part], audio[part]))
            sum(model.decode_head.loss(output, [sample]).values()).div(len(samples)).backward()
        computed.grad_norms = gradient_norms(model, fixture, own_name)
    return computed


def _inputs(frames: Tensor, audio: Tensor) -> dict:
    """Clips one after the other, from (B, T, ...)."""
    return {
        'frames': frames.flatten(0, 1),
        'audio': audio.flatten(0, 1),
        'clip_lengths': (frames.shape[1],) * len(frames),
    }


def _published_losses(model: AVSegmentor, losses: dict[str, Tensor]) -> dict[str, float]:
    """Terms without their weights under the published names, and their weighted sum."""
    weights = model.decode_head.criterion.weights
    published = {'total': float(sum(losses.values()).detach())}
    for name, value in losses.items():
        term, _, layer = name.removeprefix('loss_').partition('_')
        suffix = f'_{layer}' if layer else ''
        published[LOSSES[f'loss_{term}'] + suffix] = float(value.detach()) / weights[term]
    return published


def _samples(fixture: Fixture) -> list[AVSDataSample]:
    """One a clip; S4 is trained on the first frame of each."""
    samples = []
    for masks in torch.from_numpy(fixture.input('mask')).long():
        sample = AVSDataSample()
        sample.gt_masks = masks  # (T, H, W)
        first_only = 's4' in fixture.variant.split('_')
        sample.gt_valid = torch.arange(len(masks)) < (1 if first_only else len(masks))
        samples.append(sample)
    return samples


@torch.no_grad()
def _unused_audio(
    fixture: Fixture, model: AVSegmentor, found: dict[str, Tensor], lengths: tuple[int, ...]
) -> Tensor:
    """Audio tokens of the last block, which is unused: our block does not make them."""
    prefix = 'transformer.temporal_encoder.layers.2.va_atten.multihead_attn.'
    state = fixture.state_dict(prefix=prefix)
    attn = MultiheadAttention(model.decode_head.encoder.embed_dims, 8)
    attn.load_state_dict({key.removeprefix(prefix): value for key, value in state.items()})
    video = found['temporal_video_2']
    attn.to(video.dtype)
    audio = found['temporal_self_2'][:: lengths[0], video.shape[1] :]
    pos = model.decode_head.encoder.positions(*found['vid_embed'].shape[2:], lengths)
    attended = attend_to_clip(attn, audio, video + pos[:, : video.shape[1]], video, lengths)
    return attended.repeat_interleave(lengths[0], 0)


def _outputs(
    fixture: Fixture, model: AVSegmentor, output: AVSHeadOutput, found: dict[str, Tensor]
) -> dict[str, Tensor]:
    """What was tapped, and what follows from it, in the published order of axes."""
    clips, length = fixture.content['batch_size'], fixture.content['num_frames']

    def time_first(values: Tensor, axis: int = 0) -> Tensor:
        """Frames along an axis as T, B, instead of clip by clip."""
        return values.unflatten(axis, (clips, length)).transpose(axis, axis + 1)

    def rows(values: Tensor) -> Tensor:
        return time_first(values).flatten(0, 1)  # row t * B + b

    outputs = {}
    for name, values in found.items():
        if name.startswith(TOKENS):
            outputs[name] = rows(values).transpose(0, 1)  # (tokens, T * B, C)
        elif name == 'hs':
            outputs[name] = time_first(values, 1)
        elif name == 'audio_proj':
            outputs[name] = time_first(values)
        else:
            outputs[name] = values if name == 'audio_feature' else rows(values)
    height, width = found['vid_embed'].shape[2:]
    pos = model.decode_head.encoder.positions(height, width, output.clip_lengths)
    outputs['pos'] = pos[0, : height * width].view(height, width, -1)
    values = outputs['gate_conv'].sigmoid().mean((2, 3))
    outputs['gate_1'], outputs['gate_2'] = values[:, 0], values.sigmoid().mean(1)
    for prefix, part in (('masks', output.mask_logits), ('is_referred', output.cls_logits)):
        final, *aux = time_first(part, 1).flip(0)  # the last layer first
        outputs[f'pred_{prefix}'] = final
        outputs[f'pred_{prefix}_deviation'] = final - final.mean(2, keepdim=True)
        for index, layer in enumerate(reversed(aux)):
            outputs[f'aux_{prefix}_{index}'] = layer
    return outputs | _tested(fixture, model, output, rows)


def _tested(fixture: Fixture, model: AVSegmentor, output: AVSHeadOutput, rows) -> dict[str, Tensor]:
    """The query that each frame's test picks, and its mask; stored ones where rounding decides."""
    known = output.cls_logits[-1].softmax(-1)[..., 0].detach()  # (N, Q)
    best = known.topk(2).values
    size = torch.from_numpy(fixture.input('mask')).shape[-2:]
    logits = model.decode_head.predict(output, size)[:, 0]
    picked, margin = rows(known.argmax(1)), rows(best[:, 0] - best[:, 1])
    stored = torch.from_numpy(fixture.stored['test_query'])
    near = rows(known).gather(1, stored[:, None].long())[:, 0] > rows(best[:, 0]) - MARGIN
    chosen = torch.where(near, stored.to(picked.dtype), picked)
    masks = rows(output.mask_logits[-1])
    masks = masks[torch.arange(len(chosen)), chosen]
    resized = F.interpolate(masks[:, None], size, mode='bilinear', align_corners=False)[:, 0]
    same = (chosen == picked)[:, None, None]
    return {
        'test_margin': margin,
        'test_query': chosen,
        'test_logits': torch.where(same, rows(logits), resized),
    }


def _matched(model: AVSegmentor, output: AVSHeadOutput, samples: list[AVSDataSample]) -> Tensor:
    """Query of each layer and clip."""
    head = model.decode_head
    matched = []
    for classes, masks in zip(output.cls_logits, output.mask_logits, strict=True):
        clips = zip(
            classes.split(output.clip_lengths),
            masks.split(output.clip_lengths),
            samples,
            strict=True,
        )
        for logits, clip, sample in clips:
            keep = sample.gt_valid
            target = clip_targets(sample.gt_masks[keep], head.num_classes)
            resized = F.interpolate(
                clip[keep], target.masks.shape[-2:], mode='bilinear', align_corners=False
            )
            matched.append(head.criterion.match(logits[keep], resized, target)[0])
    return torch.cat(matched).view(len(output.cls_logits), -1)
