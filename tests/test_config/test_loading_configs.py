"""Reading, overriding and checking configs."""

from pathlib import Path

import pytest

from avsbench.config.loading import (
    apply_overrides,
    check_subset,
    default_work_dir,
    load_config,
    resolved_text,
)
from avsbench.config.paths import CONFIG_ROOT
from avsbench.config.schema import check_arguments
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError
from avsbench.utils.words import Word


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


class TestLoading:
    def test_missing_file_names_the_nearest(self, tmp_path):
        _write(tmp_path, 'pvt2.py', "subset = 's4'")
        with pytest.raises(
            ConfigError, match=r"pvt.py: no such config file; did you mean 'pvt2.py'"
        ):
            load_config(tmp_path / 'pvt.py')

    def test_missing_folder(self, tmp_path):
        with pytest.raises(ConfigError, match='the folder .* does not exist'):
            load_config(tmp_path / 's5' / 'pvt2.py')

    def test_other_suffix(self, tmp_path):
        with pytest.raises(ConfigError, match='ends in .py'):
            load_config(_write(tmp_path, 'pvt2.txt', ''))

    def test_syntax_error_names_file_and_line(self, tmp_path):
        path = _write(tmp_path, 'a.py', "subset = 's4'\nmodel = dict(\ntrain_cfg = 3 4\n")
        with pytest.raises(ConfigError, match=r'a\.py, line [23]: .*'):
            load_config(path)

    def test_syntax_error_in_a_base(self, tmp_path):
        _write(tmp_path, 'base.py', 'x = 1\nmodel = (\n')
        path = _write(tmp_path, 'a.py', "_base_ = ['base.py']\nsubset = 's4'")
        with pytest.raises(ConfigError, match=r'base\.py, line 2'):
            load_config(path)

    def test_error_while_executed(self, tmp_path):
        path = _write(tmp_path, 'a.py', "subset = 's4'\nmodel = dict(type=Undefined)\n")
        with pytest.raises(ConfigError, match=r'a\.py.*NameError: .*Undefined'):
            load_config(path)

    def test_missing_base(self, tmp_path):
        path = _write(tmp_path, 'a.py', "_base_ = ['nowhere.py']\nsubset = 's4'")
        with pytest.raises(ConfigError, match=r'a\.py: .*nowhere\.py'):
            load_config(path)

    def test_unknown_top_level_key(self, tmp_path):
        path = _write(tmp_path, 'a.py', "subset = 's4'\ntrian_cfg = dict(max_epochs=3)\n")
        with pytest.raises(ConfigError, match="unknown key 'trian_cfg'; did you mean 'train_cfg'"):
            load_config(path)

    @pytest.mark.parametrize('name', ['a.py', 'a.yaml'])
    def test_only_a_command_trusts_a_checkpoint(self, tmp_path, name):
        separator = '=' if name == 'a.py' else ':'
        path = _write(tmp_path, name, f'trust_checkpoint{separator} True')
        with pytest.raises(ConfigError, match="unknown key 'trust_checkpoint'"):
            load_config(path)

    def test_helper_variables_are_allowed_where_they_are_read(self, tmp_path):
        _write(tmp_path, 'base.py', 'size = 3\nlr = 1e-4\noptim_wrapper = dict(lr=lr)')
        path = _write(
            tmp_path, 'a.py', "_base_ = 'base.py'\nsubset = 's4'\nmodel = dict(s={{_base_.size}})"
        )
        assert load_config(path).model.s == 3

    def test_helper_variable_that_only_a_base_reads(self, tmp_path):
        """The base has been executed by then, so that the new value would change nothing."""
        _write(tmp_path, 'base.py', 'lr = 1e-4\noptim_wrapper = dict(lr=lr)')
        path = _write(tmp_path, 'a.py', "_base_ = 'base.py'\nsubset = 's4'\nlr = 1e-5")
        with pytest.raises(ConfigError, match="a.py: .*'lr'"):
            load_config(path)

    def test_data_root_that_nothing_uses(self, tmp_path):
        _write(tmp_path, 'base.py', "data_root = 'a'\nval_dataloader = dict(data_root=data_root)")
        path = _write(tmp_path, 'a.py', "_base_ = 'base.py'\nsubset = 's4'\ndata_root = 'b'")
        with pytest.raises(ConfigError, match="data_root = 'b'"):
            load_config(path)

    def test_resolved_text_loads_again(self, toy_config, tmp_path):
        cfg = load_config(toy_config)
        cfg.work_dir, cfg.resume = 'somewhere', True
        again = load_config(_write(tmp_path, 'again.py', resolved_text(cfg)))
        for key in ('model', 'train_dataloader', 'optim_wrapper', 'subset', 'default_hooks'):
            assert again[key] == cfg[key]
        assert 'work_dir' not in again and 'resume' not in again and 'clips' not in again


class TestSubset:
    def test_mismatch_names_both(self, toy_config):
        cfg = load_config(toy_config)
        check_subset(cfg, 's4')
        with pytest.raises(ConfigError, match="says 'ms3'.*config for 's4'"):
            check_subset(cfg, 'ms3')

    def test_config_without_one(self, tmp_path):
        with pytest.raises(ConfigError, match="no 'subset'"):
            check_subset(load_config(_write(tmp_path, 'a.py', 'model = dict()')), 's4')

    def test_work_dir(self, toy_config):
        assert default_work_dir(load_config(toy_config)) == 'work_dir/s4/toy'


class TestOverrides:
    @pytest.fixture
    def cfg(self, toy_config):
        return load_config(toy_config)

    def test_values(self, cfg):
        options = {
            'train_cfg.max_epochs': 7,
            'train_dataloader.dataset.size': 4,
            'param_scheduler.0.power': 1.0,
            'load_from': 'x.pth',
        }
        apply_overrides(cfg, options)
        assert cfg.train_cfg.max_epochs == 7 and cfg.train_dataloader.dataset.size == 4
        assert cfg.param_scheduler[0].power == 1.0 and cfg.load_from == 'x.pth'

    def test_new_argument_of_a_known_class(self, cfg):
        options = {
            'optim_wrapper.clip_grad.max_norm': 1.0,
            'train_dataloader.drop_last': True,
            'train_cfg.val_begin': 2,
            'model.decode_head.dropout': 0.1,
            'default_hooks.ema': dict(type='EMAHook', momentum=0.1),
            'optim_wrapper.paramwise_cfg.custom_keys.decode_head.lr_mult': 2.0,
        }
        apply_overrides(cfg, options)
        check_arguments(cfg)
        assert cfg.optim_wrapper.clip_grad.max_norm == 1.0
        assert cfg.model.decode_head.dropout == 0.1

    @pytest.mark.parametrize(
        ('key', 'value', 'message'),
        [
            ('train_cfg.max_epoch', 1, "no key 'max_epoch'; did you mean 'max_epochs'"),
            ('trian_cfg.max_epochs', 1, "no key 'trian_cfg'; did you mean 'train_cfg'"),
            ('train_dataloader.batchsize', 1, "did you mean 'batch_size'"),
            ('optim_wrapper.lrr', 1, "no key 'lrr'; did you mean 'optim_wrapper.optimizer.lr'"),
            ('train_dataloader.dataset.sise', 1, "did you mean 'size'"),
            ('optim_wrapper.optimizer.learning_rate', 1, "no key 'learning_rate'"),
            ('randomness.sead', 1, "did you mean 'seed'"),
            ('env_cfg.dist_cfg.backends', 'gloo', "did you mean 'backend'"),
            ('param_scheduler.1.power', 1.0, 'index from 0 to 0'),
            ('param_scheduler.first.power', 1.0, 'index from 0 to 0'),
            ('subset.name', 1, 'has no keys'),
            ('train_cfg.max_epochs', 'many', 'should be a number'),
            ('train_cfg.by_epoch', 3, 'should be True or False'),
            ('train_cfg', 3, 'should be a dict'),
            ('param_scheduler', 3, 'should be a list'),
            ('clips', 3, 'nothing reads this variable'),
        ],
    )
    def test_mistakes(self, cfg, key, value, message):
        with pytest.raises(ConfigError, match=message) as caught:
            apply_overrides(cfg, {key: value})
        assert f'--cfg-options {key}' in str(caught.value)

    def test_helper_variable_reaches_those_who_copied_it(self, tmp_path):
        text = (
            "subset = 's4'\ndata_root = 'a'\n"
            'train_dataloader = dict(dataset=dict(data_root=data_root))\n'
            "val_dataloader = dict(dataset=[dict(data_root=data_root), dict(data_root='other')])\n"
        )
        cfg = load_config(_write(tmp_path, 'a.py', text))
        apply_overrides(cfg, {'data_root': 'b'})
        assert cfg.data_root == cfg.train_dataloader.dataset.data_root == 'b'
        assert [d.data_root for d in cfg.val_dataloader.dataset] == ['b', 'other']

    def test_part_of_a_helper_variable(self, tmp_path):
        text = "subset = 's4'\nloader = dict(batch_size=2)\ntrain_dataloader = dict(**loader)\n"
        cfg = load_config(_write(tmp_path, 'a.py', text))
        with pytest.raises(ConfigError, match='loader.batch_size: nothing reads this variable'):
            apply_overrides(cfg, {'loader.batch_size': 4})

    def test_helper_variable_with_another_use(self, tmp_path):
        text = "subset = 's4'\nmax_epochs = 9\ntrain_cfg = dict(max_epochs=max_epochs)\n"
        cfg = load_config(_write(tmp_path, 'a.py', text))
        apply_overrides(cfg, {'max_epochs': 3})
        assert cfg.train_cfg.max_epochs == 3
        text += 'param_scheduler = dict(end=max_epochs)\n'
        cfg = load_config(_write(tmp_path, 'b.py', text))
        with pytest.raises(ConfigError, match='override the keys that were computed from it'):
            apply_overrides(cfg, {'max_epochs': 3})


class TestWords:
    """What the command line gives is read as the kind of value that the config expects."""

    @pytest.fixture
    def cfg(self):
        return load_config(CONFIG_ROOT / 's4' / 'demo.py')

    @pytest.mark.parametrize('text', ['data/my data/S4 (old)', '2024', '/x/a,b', '[x]', 'True'])
    def test_text(self, cfg, text):
        """Keys that hold a text, that hold nothing yet, and that the config doesn't have yet."""
        keys = ['data_root', 'work_dir', 'load_from', 'model.backbone.weights']
        apply_overrides(cfg, {key: Word(text) for key in keys})
        assert cfg.data_root == cfg.train_dataloader.dataset.data_root == text
        assert cfg.work_dir == cfg.load_from == cfg.model.backbone.weights == text

    def test_others(self, cfg):
        words = {
            'train_cfg.max_epochs': '3',
            'optim_wrapper.optimizer.betas': '(0.9, 0.95)',
            'default_hooks.checkpoint.save_best': '[mIoU,F-score]',
            'randomness.seed': '7',
            'val_dataloader': 'None',
        }
        apply_overrides(cfg, {key: Word(word) for key, word in words.items()})
        assert cfg.train_cfg.max_epochs == 3 and cfg.randomness.seed == 7
        assert cfg.optim_wrapper.optimizer.betas == (0.9, 0.95)
        assert cfg.default_hooks.checkpoint.save_best == ['mIoU', 'F-score']
        assert cfg.val_dataloader is None

    @pytest.mark.parametrize(
        ('key', 'word', 'message'),
        [
            ('train_cfg.max_epochs', '1_0', 'should be a number'),
            ('train_cfg.max_epochs', '[1,(2]', r'max_epochs: .*\) is missing'),
        ],
    )
    def test_mistakes(self, cfg, key, word, message):
        with pytest.raises(ConfigError, match=message):
            apply_overrides(cfg, {key: Word(word)})

    def test_values_of_a_program(self, cfg, tmp_path):
        apply_overrides(cfg, {'data_root': tmp_path})
        assert cfg.data_root == str(tmp_path)
        with pytest.raises(ConfigError, match='2024 should be a text'):
            apply_overrides(cfg, {'data_root': 2024})


@DATASETS.register_module()
class PipelineDataset:
    """A data set that has a pipeline."""

    def __init__(self, pipeline: list) -> None:
        self.pipeline = pipeline


class TestArguments:
    """Parts that are built late, or not at all by a command, are checked before anything runs."""

    @pytest.mark.parametrize(
        ('change', 'message'),
        [
            (dict(val_evaluator=dict(type='ToyMetrik')), "val_evaluator: unknown type 'ToyMetrik'"),
            (dict(test_dataloader=dict(batchsize=2)), "test_dataloader: unknown key 'batchsize'"),
            (
                dict(test_dataloader=dict(dataset=dict(type='ToyDatset'))),
                "unknown type 'ToyDatset'; did you mean 'ToyDataset'",
            ),
            (
                dict(default_hooks=dict(checkpoint=dict(max_keep_ckpt=2))),
                "default_hooks.checkpoint: unknown key 'max_keep_ckpt'; did you mean 'max_keep",
            ),
            (dict(default_hooks=dict(logger=dict(type='LogerHook'))), "did you mean 'LoggerHook'"),
            (dict(custom_hooks=[dict(type='FreezeBackboneHook', until=3)]), "unknown key 'until'"),
            (dict(train_cfg=dict(epochs=2)), "train_cfg: unknown key 'epochs'"),
            (dict(log_processor=dict(window=2)), "did you mean 'window_size'"),
            (dict(visualizer=dict(type='Visualiser')), "unknown type 'Visualiser'"),
            (
                dict(visualizer=dict(vis_backends=[dict(type='LocalBackend')])),
                "unknown type 'LocalBackend'",
            ),
            (dict(randomness=dict(seeds=2)), "randomness: unknown key 'seeds'"),
            (
                dict(optim_wrapper=dict(optimizer=dict(type='AdanW'))),
                "optim_wrapper.optimizer: unknown type 'AdanW'",
            ),
            (
                dict(optim_wrapper=dict(paramwise_cfg=dict(norm_decay=0))),
                "did you mean 'norm_decay_mult'",
            ),
            (dict(runner_type='AVSRuner'), "runner_type: unknown type 'AVSRuner'; did you mean"),
            (
                dict(optim_wrapper=dict(constructor='ModuleKindConstructor')),
                "optim_wrapper.constructor: unknown type 'ModuleKindConstructor'",
            ),
            (
                dict(train_dataloader=dict(sampler=dict(shufle=True))),
                "train_dataloader.sampler: unknown key 'shufle'",
            ),
        ],
    )
    def test_mistakes(self, toy_config, change, message):
        cfg = load_config(toy_config)
        check_arguments(cfg)
        cfg.merge_from_dict(change)
        with pytest.raises(ConfigError, match=message) as caught:
            check_arguments(cfg)
        assert str(toy_config) in str(caught.value)

    def test_transforms_are_looked_up_among_transforms(self, toy_config):
        cfg = load_config(toy_config)
        steps = [dict(type='LoadFrame')]
        cfg.train_dataloader.dataset = dict(type='PipelineDataset', pipeline=steps)
        with pytest.raises(ConfigError, match=r"dataset.pipeline.0: unknown type 'LoadFrame'"):
            check_arguments(cfg)

    def test_settings_whose_type_their_owner_knows(self):
        cfg = load_config(CONFIG_ROOT / 's4' / 'demo.py')
        apply_overrides(cfg, {'model.test_cfg': {'flip': True}, 'model.val_cfg': None})
        apply_overrides(cfg, {'model.test_cfg.scales': [0.5, 1]})
        check_arguments(cfg)
        with pytest.raises(ConfigError, match="test_cfg has no key 'scale'; did you mean 'scales'"):
            apply_overrides(cfg, {'model.test_cfg.scale': [1]})
        cfg.model.test_cfg.flips = True
        with pytest.raises(ConfigError, match=r"model\.test_cfg: unknown key 'flips'"):
            check_arguments(cfg)

    def test_scheduler_and_iteration_loop(self, toy_config):
        cfg = load_config(toy_config)
        cfg.train_cfg = dict(by_epoch=False, max_iters=5)
        cfg.param_scheduler = dict(type='CosineAnnealingLR', T_max=5, convert_to_iter_based=True)
        check_arguments(cfg)
        cfg.param_scheduler.T_mx = 3
        with pytest.raises(ConfigError, match="param_scheduler: unknown key 'T_mx'"):
            check_arguments(cfg)
