"""MED-VT's losses and schedules on videos against the fixture of the published ones."""

import re
from types import SimpleNamespace

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import Tensor, nn

from avsbench.config.paths import config_file
from avsbench.models import AVSHeadOutput, FrameTargets
from avsbench.parity.fixture import Computed, Fixture
from avsbench.registry import CHECKERS, HOOKS, MODELS
from avsbench.systems.medvt.video_head import MEDVTVideoHead

# Which config trains what a fixture calls by these names, and its groups, in the stored order.
SCHEDULES = {
    'avos_swin': ('medvt_video', ('propagation', 'rest')),
    'avos_resnet': ('medvt_video_resnet', ('rest', 'backbone')),
    'a2d': ('medvt_a2d', ('rest', 'backbone')),
}


@CHECKERS.register_module(name='video_losses')
def run_video_losses(fixture: Fixture) -> Computed:
    """Compute every loss, its gradients, and the rates of every epoch."""
    computed = Computed()
    for name in fixture.content['losses']:
        case, _, term = name.rpartition('.')
        if 'scaled_epoch' not in term:
            computed.losses[name] = _case(fixture, case)[0][term].item()
    for name in fixture.content['losses']:
        if found := re.fullmatch(r'(.*)\.scaled_epoch_(\d+)', name):
            factor = _factor(int(found[2]))
            computed.losses[name] = _case(fixture, found[1], factor)[0]['total'].item()
    for name, described in fixture.content['outputs'].items():
        case, _, part = name.rpartition('.')
        if case == 'schedule':
            computed.outputs[name] = _rates(*SCHEDULES[part], epochs=described['shape'][0])
        else:
            gradient = _case(fixture, case)[1][part.removeprefix('grad_')]
            computed.outputs[name] = gradient.reshape(described['shape'])
    return computed


def _case(
    fixture: Fixture, case: str, factor: float = 1.0
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Terms of the loss, and gradients of their total, of a case such as 'avos_aux_0.5'."""
    prefix = 'a2d_' if case.startswith('a2d') else ''
    logits = {
        name: _logits(fixture, f'{prefix}{name}').requires_grad_() for name in ('pred', 'aux')
    }
    aux_weight = float(found[1]) if (found := re.search(r'aux_(\d+\.\d+)', case)) else 0.0
    head = _losses_only('a2d' if prefix else 'avos')
    head.aux_weight, head.loss_factor = aux_weight, factor
    output = AVSHeadOutput(
        logits=logits['pred'], aux_logits=logits['aux'], clip_lengths=(len(logits['pred']),)
    )
    terms = head.loss(output, _targets(fixture, case))
    total = sum(terms.values())
    total.backward()
    joined = {name: terms[name] + terms.get(f'{name}_aux', 0) for name in head.losses}
    gradients = {
        name: value.grad.transpose(0, 1) for name, value in logits.items() if value.grad is not None
    }
    return {**joined, 'total': total}, gradients


def _losses_only(task: str) -> MEDVTVideoHead:
    """A head of which nothing but the losses is there."""
    cfg = Config.fromfile(config_file(f'_base_/models/medvt_swinb_{task}.py')).model.decode_head
    head = MEDVTVideoHead.__new__(MEDVTVideoHead)
    nn.Module.__init__(head)
    head.losses = nn.ModuleDict({name: MODELS.build(loss) for name, loss in cfg.losses.items()})
    return head


def _logits(fixture: Fixture, name: str) -> Tensor:
    """Logits (T, K, h, w)."""
    times = fixture.content['inputs'][name].get('times', 1)
    return (times * torch.from_numpy(fixture.input(name))).transpose(0, 1).contiguous()


def _targets(fixture: Fixture, case: str) -> FrameTargets:
    if found := re.search(r'frame_(\d+)', case):
        label = torch.from_numpy(fixture.input('a2d_label')).long().flatten(0, -3)
        frames = fixture.content['inputs']['a2d_pred']['args'][1][1]
        return FrameTargets(label.expand(frames, -1, -1), torch.arange(frames) == int(found[1]))
    masks = torch.from_numpy(fixture.input('mask')).long()
    if case.endswith('empty_target'):
        masks = torch.zeros_like(masks)
    elif case.endswith('full_target'):
        masks = torch.ones_like(masks)
    return FrameTargets(masks, torch.ones(len(masks), dtype=torch.bool))


def _factor(epoch: int) -> float:
    """Factor of the losses in an epoch of the training on A2D."""
    cfg = Config.fromfile(config_file('_base_/schedules/medvt_a2d.py'))
    head = SimpleNamespace(loss_factor=1.0)
    runner = SimpleNamespace(epoch=epoch, bare_model=SimpleNamespace(decode_head=head))
    for hook in cfg.custom_hooks:
        if hook.type == 'DecayingLossHook':
            HOOKS.build(hook).before_train_epoch(runner)
    return head.loss_factor


def _rates(config: str, groups: tuple[str, ...], epochs: int) -> Tensor:
    """Learning rate of each group in each epoch, (epochs, groups)."""
    cfg = Config.fromfile(config_file(f'_base_/schedules/{config}.py'))
    model = nn.ModuleDict({name: nn.Linear(1, 1, bias=False) for name in groups})
    optim_wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    trained = [
        next(
            g
            for g in optim_wrapper.param_groups
            if any(p is model[name].weight for p in g['params'])
        )
        for name in groups
    ]
    schedulers = [
        PARAM_SCHEDULERS.build({**scheduler, 'optimizer': optim_wrapper})
        for scheduler in cfg.param_scheduler
    ]
    hooks = [
        HOOKS.build(hook) for hook in cfg.get('custom_hooks', []) if hook.type != 'DecayingLossHook'
    ]
    rates = []
    for epoch in range(epochs):
        runner = SimpleNamespace(epoch=epoch, bare_model=model, optim_wrapper=optim_wrapper)
        for hook in hooks:
            hook.before_train_epoch(runner)
        rates.append([group['lr'] for group in trained])
        optim_wrapper.step()
        for hook in hooks:
            hook.after_train_epoch(runner)
        for scheduler in schedulers:
            scheduler.step()
    return torch.tensor(rates, dtype=torch.float64)
