"""Running our MoDAT on a fixture of the published one, with taps along the way."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from avsbench.models import AVSegmentor, AVSHeadOutput
from avsbench.models.layers import MultiheadAttention
from avsbench.parity.fixture import Computed, Fixture
from avsbench.parity.network import Taps, gradient_norms, load_strictly, recording, targets
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.systems.avsegformer.parity import HEAD
from avsbench.systems.avsegformer.parity import TAPS as AVSEGFORMER_TAPS

CHUNK = 5  # frames with gradients at a time; they meet in means over the frames only
MIXTURES = ('channel', 'spatial')
FUSION = f'{HEAD}.fusion'
GENERATOR = f'{HEAD}.query_generator'


def run(fixture: Fixture, model_cfg: dict) -> Computed:
    """Compute everything a MoDAT fixture stores.

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
    inputs = {
        'frames': torch.from_numpy(fixture.input('frames')),
        'audio': torch.from_numpy(fixture.input('log_mel')),
    }
    inputs['clip_lengths'] = (len(inputs['frames']),)
    _set_policy(model, 'all')
    record: dict[str, list[Tensor]] = {}
    with torch.no_grad(), recording(model, _taps(model), record):
        output = model(inputs)
    computed = Computed(outputs={name: values[0] for name, values in record.items()})
    _other_policies(fixture, model, inputs, computed)
    if fixture.content['losses']:
        sample = targets(fixture, len(inputs['frames']))
        losses = _losses(fixture, model, output, sample)
        computed.losses = {name: float(value) for name, value in losses.items()}
        for name in MIXTURES:
            raw = f'balance_loss_{name}_raw'
            computed.losses[raw] = float(computed.outputs.pop(raw))
        if fixture.content['grad_norms']:
            computed.grad_norms = _gradients(fixture, model, output, inputs, sample, own_name)
    return computed


def _taps(model: AVSegmentor) -> Taps:
    same = ('audio_', 'backbone_', 'in_proj_', 'decoder_', 'encoder_layer0', 'memory')
    taps = {
        name: tap
        for name, tap in AVSEGFORMER_TAPS.items()
        if name.startswith(same) or name in ('query_feature', 'mask_feature', 'pred')
    }
    taps['early_fusion'] = (GENERATOR, lambda args, out: out[1])
    taps['query_generator'] = (GENERATOR, lambda args, out: out[0])
    taps['mask_feature_before_fusion'] = (FUSION, lambda args, out: args[0])
    for index in range(3):
        taps[f'query_decoder_{index}'] = (f'{GENERATOR}.layers.{index}', lambda args, out: out)
    for name in MIXTURES:
        path = f'{FUSION}.{name}_mixture'
        mixture = model.get_submodule(path)
        taps[f'{name}_tokens'] = (path, lambda args, out: args[0])
        taps[f'{name}_expert_load'] = (
            path,
            lambda args, out, mixture=mixture: _load(mixture, args[0]),
        )
        taps[f'{name}_token_weight'] = (
            path,
            lambda args, out, mixture=mixture: mixture.route(args[0]).weights.sum(-1),
        )
        taps[f'{name}_out'] = (path, lambda args, out: _as_map(out[0]))
        taps[f'gate_{name[0]}'] = (f'{FUSION}.{name}_weight', lambda args, out: out)
        taps[f'balance_loss_{name}_raw'] = (path, lambda args, out: out[1])
    taps['channel_expert0_logit'] = (
        f'{FUSION}.channel_mixture.experts.0.proj',
        lambda args, out: out,
    )
    return taps


def _load(mixture: nn.Module, tokens: Tensor) -> Tensor:
    """Tokens that each expert of each frame received: (N, E)."""
    routing = mixture.route(tokens)
    experts = torch.arange(routing.num_experts)
    taken = (routing.slots // routing.capacity)[..., None] == experts  # (N, L, 2, E)
    return taken.sum((1, 2)).float()


def _as_map(tokens: Tensor) -> Tensor:
    """(N, L, C) of a square grid to (N, C, h, w)."""
    side = round(tokens.shape[1] ** 0.5)
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def _mixtures(model: AVSegmentor) -> list[nn.Module]:
    return [model.get_submodule(f'{FUSION}.{name}_mixture') for name in MIXTURES]


def _set_policy(model: AVSegmentor, policy: str) -> None:
    for mixture in _mixtures(model):
        mixture.policies = (policy, policy)


@torch.no_grad()
def _other_policies(fixture: Fixture, model: AVSegmentor, inputs: dict, computed: Computed) -> None:
    """The first expert alone, the second by given draws, and the capacity of training."""
    outputs = computed.outputs
    if 'pred_policy_none' in fixture.stored:
        _set_policy(model, 'none')
        result = model(inputs)
        outputs['pred_policy_none'] = result.logits
        outputs['mask_feature_policy_none'] = result.mask_feature
    if 'pred_policy_random' in fixture.stored:
        for name, mixture in zip(MIXTURES, _mixtures(model), strict=True):
            draws = torch.from_numpy(fixture.input(f'draw_{name}')).flatten(1)
            mixture.draw = lambda policy, tokens, draws=draws: draws.to(tokens.dtype)
        result = model(inputs)
        outputs['pred_policy_random'] = result.logits
        outputs['mask_feature_policy_random'] = result.mask_feature
        for mixture in _mixtures(model):
            del mixture.draw
    _set_policy(model, 'all')
    if 'mask_feature_train_capacity' in fixture.stored:
        fusion = model.decode_head.fusion.train()
        rates = [(module, _no_dropout(module)) for module in fusion.modules()]
        fused = fusion(outputs['mask_feature_before_fusion'], outputs['early_fusion'])
        outputs['mask_feature_train_capacity'] = fused.feature
        for module, restore in rates:
            restore(module)
        fusion.eval()


def _no_dropout(module: nn.Module) -> Callable[[nn.Module], None]:
    """Switch a module's dropout off; returns what switches it on again."""
    name = {nn.Dropout: 'p', MultiheadAttention: 'dropout'}.get(type(module))
    if name is None:
        return lambda module: None
    rate = getattr(module, name)
    setattr(module, name, 0.0)
    return lambda module: setattr(module, name, rate)


def _losses(
    fixture: Fixture, model: AVSegmentor, output: AVSHeadOutput, sample: AVSDataSample
) -> dict[str, Tensor]:
    """Every stored loss; the published AVSS training adds its loss to itself, without balance."""
    terms = model.decode_head.loss(output, [sample])
    main = terms['loss_mask'] + terms['loss_mix']
    balance = terms['loss_balance']
    doubled = 'avss' in fixture.variant.split('_')
    return {
        'iou_loss': terms['loss_mask'],
        'mix_loss': terms['loss_mix'],
        'iou_plus_mix': main,
        'balance_loss': balance,
        'total': 2 * main if doubled else main + balance,
    }


def _gradients(
    fixture: Fixture,
    model: AVSegmentor,
    output: AVSHeadOutput,
    inputs: dict,
    sample: AVSDataSample,
    own_name: Callable[[str], str],
) -> dict[str, float]:
    """Gradient norms of the total loss, through the output's gradient chunk by chunk."""
    parts = output.logits, output.mask_feature, output.aux['loss_balance']
    logits, mask_feature, balance = (part.clone().requires_grad_() for part in parts)
    given = AVSHeadOutput(logits, mask_feature, aux={'loss_balance': balance})
    _losses(fixture, model, given, sample)['total'].backward()
    frames = len(logits)
    for start in range(0, frames, CHUNK):
        part = slice(start, start + CHUNK)
        chunk = {'frames': inputs['frames'][part], 'audio': inputs['audio'][part]}
        result = model(chunk | {'clip_lengths': (len(chunk['frames']),)})
        share = len(chunk['frames']) / frames
        flow = balance.grad if balance.grad is not None else torch.zeros(())
        torch.autograd.backward(
            (result.logits, result.mask_feature, result.aux['loss_balance']),
            (logits.grad[part], mask_feature.grad[part], flow * share),
        )
    return gradient_norms(model, fixture, own_name)
