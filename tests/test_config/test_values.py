"""Values that are checked when a config is opened."""

import copy

import pytest

from avsbench.config.loading import load_config, open_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.config.values import check_loops
from avsbench.engine.runner import AVSRunner
from avsbench.utils.errors import ConfigError

DEMO = CONFIG_ROOT / 's4' / 'demo.py'


@pytest.fixture(scope='module')
def demo():
    return load_config(DEMO)


def _set(cfg, dotted, value):
    *parents, key = dotted.split('.')
    node = cfg
    for part in parents:
        node = node[int(part)] if part.isdigit() else node[part]
    node[key] = value


@pytest.mark.parametrize(
    ('key', 'value', 'expected'),
    [
        ('randomness.seed', -1, r'a whole number from 0 to 2\*\*32 - 1'),
        ('randomness.seed', 2**32, 'a whole number from 0'),
        ('randomness.seed', 1.5, 'a whole number from 0'),
        ('randomness.seed', True, 'a whole number from 0'),
        ('randomness.deterministic', 'yes', 'True or False'),
        ('log_level', 'INFOO', "one of .*; did you mean 'INFO'"),
        ('log_level', 3, 'a text'),
        ('env_cfg.mp_cfg.mp_start_method', 'frok', "one of 'fork'"),
        ('env_cfg.dist_cfg.backend', 'ncl', 'one of .*nccl'),
        ('env_cfg.dist_cfg.timeout', 0, 'a number above 0'),
        ('train_dataloader.batch_size', 0, 'a whole number from 1 on'),
        ('val_dataloader.num_workers', -1, 'a whole number from 0 on'),
        ('test_dataloader.persistent_workers', 1, 'True or False'),
        ('train_cfg.max_epochs', 2.5, 'a whole number from 0 on'),
        ('train_cfg.val_interval', 0, 'a whole number from 1 on'),
        ('optim_wrapper.optimizer.lr', '1e-4', 'a number from 0 on; it is a text here'),
        ('optim_wrapper.optimizer.lr', float('nan'), 'a number from 0 on'),
        ('optim_wrapper', 3, 'a dict'),
        ('model', [], 'a dict'),
        ('custom_hooks', {'type': 'EMAHook'}, 'a list'),
        ('custom_hooks', ['EMAHook'], "a dict with a 'type'"),
        ('param_scheduler', ['PolyLR'], "a dict with a 'type'"),
        ('train_dataloader.dataset.pipeline', [None], "a dict with a 'type'"),
        ('val_evaluator', ['AVSMetric'], "a dict with a 'type'"),
        ('default_scope', 3, 'a text'),
        ('model.backbone.model_name', 5, 'a text'),
        ('model.backbone.require_weights', 'no', 'True or False'),
        ('model.backbone.out_strides', 4, 'a list'),
        ('model.decode_head.embed_dims', 2.5, 'a whole number'),
        ('default_hooks.visualization.num_clips', 'all', 'a whole number'),
    ],
)
def test_mistakes_name_key_value_and_what_is_expected(demo, key, value, expected):
    cfg = copy.deepcopy(demo)
    _set(cfg, key, value)
    with pytest.raises(ConfigError, match=rf'demo\.py: {key}(\.0)? = .*, expected {expected}'):
        open_config(cfg)


def test_values_that_are_fine(demo):
    for key, value in (
        ('randomness.seed', None),
        ('randomness.seed', 2**32 - 1),
        ('optim_wrapper.optimizer.lr', 0),
        ('model.backbone.out_strides', [4, 8, 16, 32]),
        ('model.backbone.drop_path_rate', 0),
        ('custom_hooks', [dict(type='EMAHook')]),
        ('param_scheduler', None),
    ):
        cfg = copy.deepcopy(demo)
        _set(cfg, key, value)
        open_config(cfg)


@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_parts_that_belong_together(demo, split, tmp_path):
    last = 'optim_wrapper' if split == 'train' else f'{split}_evaluator'
    cfg = copy.deepcopy(demo)
    cfg[f'{split}_dataloader'] = None
    message = f'demo.py: {split}_cfg and {last} without {split}_dataloader: set all'
    open_config(cfg)  # a network that only predicts needs none of them
    cfg.work_dir = str(tmp_path)
    with pytest.raises(ConfigError, match=message):
        AVSRunner.from_cfg(cfg)
    cfg[f'{split}_cfg'] = cfg[last] = None
    check_loops(cfg)
