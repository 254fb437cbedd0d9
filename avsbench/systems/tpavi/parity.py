"""Running our TPAVI on a fixture of the published one, with taps along the way."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from avsbench.models import AudioVisualMatchingLoss, AVSegmentor, AVSHeadOutput
from avsbench.parity.fixture import Computed, Fixture
from avsbench.parity.network import (
    Taps,
    compute_with_noise,
    gradient_norms,
    load_strictly,
    recording,
    targets,
    use_explicit_attention,
)
from avsbench.registry import MODELS

HEAD = 'decode_head'
VALID, ANNOTATED = 'vid_temporal_mask_flag', 'gt_temporal_mask_flag'

TAPS: Taps = {
    **{
        f'backbone_{level}': ('backbone', lambda args, out, level=level: out[level])
        for level in range(4)
    },
    **{
        f'proj_{level}': (f'{HEAD}.projections.{level}', lambda args, out: out)
        for level in range(4)
    },
    **{
        f'tpavi_branch_{level}': (
            f'{HEAD}.fusions.{level}.out_proj',
            lambda args, out: out[0].transpose(0, 1),
        )
        for level in range(4)
    },
    **{
        f'tpavi_{level}': (f'{HEAD}.fusions.{level}', lambda args, out: out[0])
        for level in range(4)
    },
    **{
        f'tpavi_audio_{level}': (f'{HEAD}.fusions.{level}', lambda args, out: out[1][:, 0])
        for level in range(4)
    },
    'audio_feature': (f'{HEAD}.fusions.0', lambda args, out: args[1][:, 0]),
    **{
        f'path_{level + 1}': (f'{HEAD}.pixel_decoder.blocks.{level}', lambda args, out: out)
        for level in range(4)
    },
    'pred': (HEAD, lambda args, out: out.logits),
}

# Settings of the matching loss for a stored name: the part after the last dot, without its prefix.
WORDS = {
    'kl': {'distance': 'kl'},
    'euclidean': {'distance': 'euclidean'},
    'norm': {'normalize': True},
    'threshold': {'threshold': True},
    'avg': {'pool': 'avg'},
    'max': {'pool': 'max'},
    'closer': {'nearest_audio': True},
}
IGNORED_WORDS = ('sa', 'loss', 'stages', '0123')


def run(fixture: Fixture, model_cfg: dict) -> Computed:
    """Compute everything a TPAVI fixture stores.

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
    use_explicit_attention(model)
    # Distances of nearly equal distributions, and gradients that nearly cancel, are what rounding
    # makes of them.
    return compute_with_noise(model, partial(_compute, fixture, model, own_name))


def _compute(
    fixture: Fixture, model: AVSegmentor, own_name: Callable[[str], str], dtype: torch.dtype
) -> Computed:
    inputs = _inputs(fixture, dtype)
    record: dict[str, list[Tensor]] = {}
    with_gradients = bool(fixture.content['grad_norms'])
    with torch.set_grad_enabled(with_gradients), recording(model, TAPS, record):
        output = model(inputs)
    computed = Computed(
        outputs={name: _shaped(fixture, name, values[0]) for name, values in record.items()}
    )
    computed.outputs |= {
        f'returned_map_{level}': maps for level, (maps, _) in enumerate(output.matched)
    }
    losses = _losses(fixture, model, output)
    computed.losses = {name: float(value.detach()) for name, value in losses.items()}
    if with_gradients:
        losses['total'].backward()
        computed.grad_norms = gradient_norms(model, fixture, own_name)
    return computed


def _flags(fixture: Fixture, name: str) -> Tensor | None:
    recipe = fixture.content['inputs'].get(name)
    return None if recipe is None else torch.tensor(recipe['values'], dtype=torch.bool)


def _inputs(fixture: Fixture, dtype: torch.dtype) -> dict:
    """The published loader pads with black frames after the normalisation."""
    frames = torch.from_numpy(fixture.input('image')).to(dtype)
    inputs = {
        'audio': torch.from_numpy(fixture.input('log_mel')).to(dtype),
        'clip_lengths': (fixture.content['num_frames'],) * fixture.content['batch_size'],
    }
    valid = _flags(fixture, VALID)
    if valid is not None:
        frames = frames * valid[:, None, None, None]
        inputs['frame_valid'] = valid
    return {'frames': frames, **inputs}


def _shaped(fixture: Fixture, name: str, values: Tensor) -> Tensor:
    """As stored: what TPAVI returns is grouped, maps as (groups, C, frames, h, w)."""
    if not name.startswith('tpavi_'):
        return values
    shape = fixture.content['outputs'][name]['shape']
    grouped = values.unflatten(0, (shape[0], -1))  # (groups, frames, C, ...)
    return grouped if name.startswith('tpavi_audio') else grouped.transpose(1, 2)


def _losses(fixture: Fixture, model: AVSegmentor, output: AVSHeadOutput) -> dict[str, Tensor]:
    """Every stored loss: as published, with other settings, and of a given prediction."""
    head, content = model.decode_head, fixture.content
    valid = _flags(fixture, VALID)
    sample = targets(fixture, len(output.logits), 'mask' if valid is None else 'labels')
    if valid is not None:
        sample.gt_masks[~valid] = 0
        sample.gt_valid = _flags(fixture, ANNOTATED)
    elif 's4' in fixture.variant.split('_'):
        sample.gt_valid = torch.arange(len(output.logits)) % content['num_frames'] == 0
    terms = head.loss(output, [sample])
    losses = {'iou_loss': terms['loss_mask'], 'total': sum(terms.values())}
    if 'loss_match' in terms:
        losses['sa_loss'] = terms['loss_match'] / head.loss_match.loss_weight
    groups = {'extra_losses': output.logits}
    if 'losses_given_pred' in content:
        groups['losses_given_pred'] = _given_prediction(fixture, valid)
    for group, logits in groups.items():
        for name in content.get(group, {}):
            if name == 'iou_loss':
                given = AVSHeadOutput(logits, output.mask_feature, matched=output.matched)
                value = head.loss(given, [sample])['loss_mask']
            else:
                loss = AudioVisualMatchingLoss(**_settings(fixture, name))
                value = loss(output.matched, logits, sample.gt_valid)
            losses[f'{group}.{name}'] = value
    return losses


def _given_prediction(fixture: Fixture, valid: Tensor) -> Tensor:
    logits = torch.from_numpy(fixture.input('given_pred')).clone()
    logits[:, 0] += 5 * torch.from_numpy(fixture.input('given_background'))
    return logits * valid[:, None, None, None]


def _settings(fixture: Fixture, name: str) -> dict:
    """What a name such as `sa_kl_threshold` or `closer_euclidean_norm` stands for."""
    subset = next(part for part in fixture.variant.split('_') if part in ('s4', 'ms3', 'avss'))
    if subset == 's4':
        settings = {'distance': 'cosine', 'pooled': 'probability', 'threshold': True}
    else:
        settings = {'annotated_only': subset == 'avss'}
    for word in name.split('_'):
        if word not in IGNORED_WORDS:
            settings |= WORDS[word]
    if settings.get('distance') == 'kl':
        settings['reduction'] = 'sum' if subset == 'ms3' else 'mean'
        if subset == 'avss':  # the published code reads the frame's own audio again
            settings.pop('nearest_audio', None)
    return settings
