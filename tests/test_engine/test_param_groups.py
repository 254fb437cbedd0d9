"""Learning rates and weight decays by parameter, and COMBO's recipe as the configs state it."""

import copy
import re
from functools import partial

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch import nn

from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.config.schema import check_arguments
from avsbench.engine.param_groups import merge_groups
from avsbench.models import TimmBackbone
from avsbench.utils.errors import ConfigError

SCHEDULES = CONFIG_ROOT / '_base_' / 'schedules'


@pytest.fixture(autouse=True)
def scope():
    with DefaultScope.overwrite_default_scope('avsbench'):
        yield


class Network(nn.Module):
    """Every kind of normalisation, nested as in timm's networks."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 4, 1)
        self.stages = nn.ModuleList(
            [nn.ModuleDict(dict(norm1=nn.LayerNorm(4), mlp=nn.Linear(4, 4)))]
        )
        self.bn = nn.BatchNorm2d(4)
        self.group = nn.GroupNorm(2, 4)
        self.frozen = nn.BatchNorm2d(4).requires_grad_(False)


class Stream(nn.Module):
    """A backbone, its parameters named as those of `TimmBackbone`."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Network()


class TwoStreams(nn.Module):
    """Named as in `SiameseBackbone`: the weights that join the streams are no part of them."""

    def __init__(self) -> None:
        super().__init__()
        self.image_backbone, self.maskige_backbone = Stream(), Stream()
        self.weights = nn.ModuleList([nn.Linear(4, 4)])


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query_feat = nn.Embedding(5, 4)
        self.level_embed = nn.Parameter(torch.zeros(3, 4))  # decays: it belongs to no nn.Embedding
        self.norm = nn.LayerNorm(4)
        self.linear = nn.Linear(4, 4)


class Net(nn.Module):
    def __init__(self, backbone: type[nn.Module] = TwoStreams) -> None:
        super().__init__()
        self.backbone = backbone()
        self.decode_head = Head()


def settings(net: nn.Module, optim_wrapper: dict) -> dict[str, tuple[float, float]]:
    """{name of a parameter: (learning rate, weight decay)}, of those that are trained."""
    wrapper = build_optim_wrapper(net, copy.deepcopy(optim_wrapper))
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    return {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in wrapper.optimizer.param_groups
        for parameter in group['params']
    }


@pytest.mark.parametrize('backbone', [TwoStreams, Stream])
@pytest.mark.parametrize('subset', ['s4', 'ms3', 'avss'])
def test_groups_of_the_recipe(subset: str, backbone: type[nn.Module]) -> None:
    cfg = Config.fromfile(SCHEDULES / f'combo_{subset}.py')
    net = Net(backbone)
    found = settings(net, cfg.optim_wrapper)
    assert set(found) == {name for name, p in net.named_parameters() if p.requires_grad}
    for name, (rate, decay) in found.items():
        in_backbone = name.startswith('backbone') and '.weights.' not in name
        exempt = any(part in name for part in ('norm', 'bn', 'group', 'query_feat'))
        assert rate == pytest.approx(1e-5 if in_backbone else 1e-4), name
        assert decay == (0.0 if exempt else 0.05), name
    assert found['decode_head.linear.bias'] == (1e-4, 0.05)
    assert found['decode_head.level_embed'] == (1e-4, 0.05)


def test_one_group_of_each_setting() -> None:
    cfg = Config.fromfile(SCHEDULES / 'combo_s4.py')
    net = Net()
    wrapper = build_optim_wrapper(net, copy.deepcopy(cfg.optim_wrapper))
    before = settings(net, cfg.optim_wrapper)
    groups = wrapper.optimizer.param_groups
    assert len(groups) == sum(p.requires_grad for p in net.parameters())
    merge_groups(wrapper.optimizer)
    assert len(groups) == len({(g['lr'], g['weight_decay'], g.get('lr_mult')) for g in groups}) == 4
    names = {id(parameter): name for name, parameter in net.named_parameters()}
    after = {
        names[id(parameter)]: (group['lr'], group['weight_decay'])
        for group in groups
        for parameter in group['params']
    }
    assert after == before


def test_mmengines_own_constructor_cannot_say_it() -> None:
    """Guard: without the toolbox's constructor, norms of the backbone decay."""
    cfg = Config.fromfile(SCHEDULES / 'combo_s4.py')
    optim_wrapper = cfg.optim_wrapper.to_dict()
    del optim_wrapper['constructor'], optim_wrapper['paramwise_cfg']['embedding_decay_mult']
    assert settings(Net(), optim_wrapper)['backbone.image_backbone.model.bn.weight'][1] == 0.05


def test_kinds_that_are_not_named_keep_the_decay_of_their_key() -> None:
    optim_wrapper = dict(
        constructor='ModuleKindOptimWrapperConstructor',
        optimizer=dict(type='AdamW', lr=1.0, weight_decay=1.0),
        paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.5, decay_mult=0.25))),
    )
    found = settings(Net(), optim_wrapper)
    assert found['backbone.image_backbone.model.bn.weight'] == (0.5, 0.25)
    assert found['decode_head.norm.weight'] == (1.0, 1.0)
    optim_wrapper['paramwise_cfg']['embedding_decay_mult'] = 0.125
    assert settings(Net(), optim_wrapper)['decode_head.query_feat.weight'] == (1.0, 0.125)


@pytest.mark.parametrize(
    ('subset', 'steps', 'interval', 'wrapper'),
    [
        ('s4', 90000, 5000, 'OptimWrapper'),
        ('ms3', 20000, 400, 'OptimWrapper'),
        ('avss', 90000, 5000, 'DeviceAmpOptimWrapper'),
    ],
)
def test_recipe(subset: str, steps: int, interval: int, wrapper: str) -> None:
    cfg = Config.fromfile(SCHEDULES / f'combo_{subset}.py')
    assert cfg.optim_wrapper.type == wrapper
    assert cfg.optim_wrapper.clip_grad == dict(max_norm=0.01, norm_type=2)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.betas, optimizer.eps) == ('AdamW', (0.9, 0.999), 1e-8)
    assert cfg.train_cfg == dict(by_epoch=False, max_iters=steps, val_interval=interval)

    parameter = nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([parameter], lr=1e-4)
    (scheduler,) = (PARAM_SCHEDULERS.build({**s, 'optimizer': sgd}) for s in cfg.param_scheduler)
    for step in range(steps):
        if step in (0, 1, steps // 2, steps - 1):
            rate = sgd.param_groups[0]['lr']
            assert rate == pytest.approx(1e-4 * (1 - step / steps) ** 0.9, rel=1e-6)
        sgd.step()
        scheduler.step()


BASES = """_base_ = [
    '{root}/_base_/iteration_runtime.py',
    '{root}/_base_/datasets/{subset}_combo.py',
    '{root}/_base_/models/avsegformer_demo.py',
    '{root}/_base_/schedules/combo_{subset}.py',
]
"""


@pytest.fixture
def leaf(tmp_path):
    """A function: subset -> path of a config with COMBO's data and recipe around another model."""

    def write(subset: str, more: str = ''):
        path = tmp_path / f'{subset}.py'
        path.write_text(BASES.format(root=CONFIG_ROOT, subset=subset) + more)
        return path

    return write


@pytest.mark.parametrize('subset', ['s4', 'ms3', 'avss'])
def test_bases_fit_together(subset: str, leaf) -> None:
    cfg = load_config(leaf(subset))
    check_arguments(cfg)
    assert cfg.train_dataloader.batch_size == 8
    assert cfg.train_dataloader.sampler.type == 'SeededInfiniteSampler'
    assert cfg.val_dataloader.batch_size == cfg.test_dataloader.batch_size == 1
    assert cfg.default_hooks.checkpoint.save_best == 'mIoU'
    assert cfg.default_hooks.checkpoint.by_epoch is cfg.log_processor.by_epoch is False
    assert cfg.val_evaluator.get('count_padded', True) is (subset != 'avss')
    pipeline = cfg.train_dataloader.dataset.pipeline
    names = [step.type for step in pipeline]
    colour, flip = names.index('ClipPhotoMetricDistortion'), names.index('ClipRandomFlip')
    if subset == 'avss':
        assert names.index('LoadMaskiges') < colour < flip
        assert not {'ClipRandomChoiceResize', 'ClipPad'} & set(names)
    else:
        sizes, crop = names.index('ClipRandomChoiceResize'), names.index('ClipRandomCrop')
        assert names.index('LoadMaskiges') < sizes < crop < colour < flip < names.index('ClipPad')
        assert len(set(pipeline[sizes].short_sides)) == 16


def test_a_typo_in_paramwise_cfg_is_an_error(leaf) -> None:
    more = 'optim_wrapper = dict(paramwise_cfg=dict(embeding_decay_mult=0.0))'
    with pytest.raises(ConfigError, match="did you mean 'embedding_decay_mult'"):
        check_arguments(load_config(leaf('s4', more)))
    more = 'optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mul=1.0))))'
    with pytest.raises(ConfigError, match="did you mean 'lr_mult'"):
        check_arguments(load_config(leaf('s4', more)))


class TestLayerDecay:
    optim_wrapper = dict(
        constructor='ModuleKindOptimWrapperConstructor',
        optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.5),
    )

    def rates(self, net: nn.Module, **paramwise) -> dict[str, set[float]]:
        """{part of the backbone, or 'head': its learning rates}."""
        found: dict[str, set[float]] = {}
        for name, (rate, _) in settings(
            net, {**self.optim_wrapper, 'paramwise_cfg': paramwise}
        ).items():
            block = re.search(r'blocks\.\d|decode_head', name)
            found.setdefault(block[0] if block else 'before', set()).add(rate)
        return found

    def net(self) -> Net:
        options = {'depth': 3, 'embed_dim': 24, 'num_heads': 2}
        build = partial(TimmBackbone, 'vit_tiny_patch16_224', options=options, out_strides=(16,))
        return Net(build)

    def test_rates_fall_towards_the_image(self) -> None:
        assert self.rates(self.net(), layer_decay=0.5) == {
            'before': {0.125},
            'blocks.0': {0.25},
            'blocks.1': {0.5},
            'blocks.2': {1.0},
            'decode_head': {1.0},
        }

    def test_the_last_blocks_keep_theirs(self) -> None:
        found = self.rates(
            self.net(),
            layer_decay=0.5,
            layer_decay_keep_last=2,
            custom_keys={'backbone': dict(lr_mult=0.1)},
        )
        assert found == {
            'before': {0.1 * 0.125},
            'blocks.0': {0.1 * 0.25},
            'blocks.1': {0.1},
            'blocks.2': {0.1},
            'decode_head': {1.0},
        }

    def test_a_network_without_order_is_refused(self) -> None:
        with pytest.raises(ConfigError, match='layer_decay: no part of the network knows'):
            self.rates(Net(), layer_decay=0.5)
