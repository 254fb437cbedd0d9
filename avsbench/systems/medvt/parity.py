"""Running our MED-VT++ on a fixture of the published one, with taps along the way."""

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
)
from avsbench.registry import MODELS

HEAD = 'decode_head'
UNUSED_MATCHING = 'sa_loss_stages_0123_not_in_published_config'

TAPS: Taps = {
    'audio_feature': ('audio_encoder', lambda args, out: out[:, 0]),
    **{
        f'backbone_{level}': ('backbone', lambda args, out, level=level: out[level])
        for level in range(4)
    },
    'proj_3': (f'{HEAD}.projections.3', lambda args, out: out),
    **{
        f'mm_visual_{level}': (f'{HEAD}.interactions.{level}', lambda args, out: out[0])
        for level in range(4)
    },
    **{
        f'mm_audio_{level}': (f'{HEAD}.interactions.{level}', lambda args, out: out[1][:, 0])
        for level in range(4)
    },
    **{
        f'encoder_{level}': (
            f'{HEAD}.context_encoder',
            lambda args, out, level=level: out[level],
        )
        for level in (2, 3)
    },
    **{
        f'fpn_{level}': (f'{HEAD}.pixel_decoder', lambda args, out, level=level: out[level])
        for level in range(4)
    },
    'context_feat': (f'{HEAD}.query_generator', lambda args, out: out[1][:, 0]),
    'query_init': (f'{HEAD}.query_generator', lambda args, out: out[0].transpose(0, 1)),
    'hs_last': (f'{HEAD}.transformer_decoder', lambda args, out: out[-1].transpose(0, 1)),
    'query_feature': (
        f'{HEAD}.affinity_norm',
        lambda args, out: out.permute(0, 3, 1, 2),
    ),
    'output_conv': (f'{HEAD}.predictor.layers', lambda args, out: out),
    'pred': (HEAD, lambda args, out: out.logits),
}


def run(fixture: Fixture, model_cfg: dict) -> Computed:
    """Compute everything a MED-VT++ fixture stores.

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
    _fill_unsaved(model, fixture)
    # The queries of a frame are nearly equal, and the normalisation over them enlarges rounding.
    return compute_with_noise(model, partial(_compute, fixture, model, own_name))


def _compute(
    fixture: Fixture, model: AVSegmentor, own_name: Callable[[str], str], dtype: torch.dtype
) -> Computed:
    clips, length = fixture.content['batch_size'], fixture.content['num_frames']
    inputs = {
        'frames': torch.from_numpy(fixture.input('image')).to(dtype),
        'audio': torch.from_numpy(fixture.input('log_mel')).to(dtype),
        'clip_lengths': (length,) * clips,
    }
    record: dict[str, list[Tensor]] = {}
    with_gradients = bool(fixture.content['grad_norms'])
    with torch.set_grad_enabled(with_gradients), recording(model, TAPS, record):
        output = model(inputs)
    computed = Computed(outputs={name: values[0] for name, values in record.items()})
    computed.outputs['pos_3'] = _positions(model, output, clips, length)
    if fixture.content['losses']:
        losses = _losses(fixture, model, output, clips)
        computed.losses = {name: float(value.detach()) for name, value in losses.items()}
        if with_gradients:
            losses['total'].backward()
            computed.grad_norms = gradient_norms(model, fixture, own_name)
    return computed


def _fill_unsaved(model: AVSegmentor, fixture: Fixture) -> None:
    tables = fixture.state_dict('unsaved_parameters')
    pairs = zip(model.decode_head.interactions, tables.values(), strict=True)
    for interaction, table in pairs:
        interaction.frame_embed.copy_(table)


def _positions(model: AVSegmentor, output: AVSHeadOutput, clips: int, length: int) -> Tensor:
    """The coarsest level's code, (B, T, C, h, w)."""
    shape = output.matched[-1][0].shape[2:]
    code = model.decode_head.positions(shape, (length,) * clips)  # (N, h*w, C)
    return code.transpose(1, 2).reshape(clips, length, -1, *shape)


def _losses(
    fixture: Fixture, model: AVSegmentor, output: AVSHeadOutput, clips: int
) -> dict[str, Tensor]:
    """Every stored loss; S4 is trained on the first frame of each clip."""
    stored = fixture.content['losses']
    head = model.decode_head
    sample = targets(fixture, len(output.logits), 'mask')
    if 's4' in fixture.variant.split('_'):
        step = len(output.logits) // clips
        sample.gt_valid = torch.arange(len(output.logits)) % step == 0
    terms = head.loss(output, [sample])
    losses = {'iou_loss': terms['loss_mask'], 'total': sum(terms.values())}
    if UNUSED_MATCHING in stored:
        cosine = AudioVisualMatchingLoss('cosine', pooled='probability', threshold=True)
        losses[UNUSED_MATCHING] = cosine(output.matched, output.logits)
    if 'lambda_1' in stored:
        losses['lambda_1'] = torch.tensor(head.loss_match.loss_weight)
        losses['sa_loss'] = terms['loss_match'] / head.loss_match.loss_weight
    return losses
