"""What goes wrong while a config is built is told in terms of the config."""

import pickle

import numpy as np
import pytest
from mmengine.config import Config
from torch import nn

from avsbench.config.build import build_part, building
from avsbench.config.loading import load_config, open_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.config.schema import check_arguments
from avsbench.registry import MODELS, RUNNERS, BuildError
from avsbench.utils.errors import ConfigError, DataError


@MODELS.register_module()
class BuildTestLeaf(nn.Module):
    """A part without parts.

    Args:
        channels: More than 0.
        kind: A word.
    """

    def __init__(self, channels: int, kind: str = 'plain') -> None:
        super().__init__()
        if channels <= 0:
            raise ValueError(f'channels={channels}, expected more than 0')
        if kind == 'data':
            raise DataError('clip.png: truncated')
        if kind == 'config':
            raise ConfigError('kind: no such thing')
        if kind == 'import':
            import nowhere_to_be_found  # noqa: F401
        self.map = nn.Linear(channels, 1)


@MODELS.register_module()
class BuildTestSubLeaf(BuildTestLeaf):
    """Hands its arguments on."""

    def __init__(self, extra: int = 0, **kwargs) -> None:
        super().__init__(**kwargs)


@MODELS.register_module()
class BuildTestTree(nn.Module):
    """A part with parts, which fills in an argument as the segmentor does.

    Args:
        first: Config.
        others: Configs.
        channels: Filled into `first`.
    """

    def __init__(self, first: dict, others: tuple = (), channels: int = 2) -> None:
        super().__init__()
        self.first = MODELS.build({'channels': channels, **first})
        self.others = nn.ModuleList(MODELS.build(dict(other)) for other in others)


LEAF = dict(type='BuildTestLeaf', channels=1)


def tree(first: object = LEAF, **others: object) -> dict:
    return dict(type='BuildTestTree', first=first, **others)


class TestChain:
    """Without a config file: the types of the parts around the one that failed."""

    @pytest.mark.parametrize(
        ('model', 'message'),
        [
            (
                tree(dict(type='BuildTestTree', first=dict(type='BuildTestLeaf', chanels=1))),
                'BuildTestTree > BuildTestTree > BuildTestLeaf: unknown argument '
                "'chanels'; did you mean 'channels'?\n"
                "  BuildTestLeaf takes: channels: int (required), kind: str = 'plain'",
            ),
            (
                tree(others=[dict(type='BuildTestLeaf')]),
                "BuildTestTree > BuildTestLeaf: missing argument 'channels'\n",
            ),
            (
                tree(dict(LEAF, channels=-1)),
                'BuildTestTree > BuildTestLeaf: ValueError: channels=-1, expected more than 0',
            ),
            (
                tree(dict(type=BuildTestLeaf, kind='config')),
                'BuildTestTree > BuildTestLeaf: kind: no such thing',
            ),
            (
                tree(dict(type='BuildTestLef')),
                "BuildTestTree: unknown type 'BuildTestLef'; did you mean 'BuildTestLeaf'?\n",
            ),
            (tree(dict(type='nowhere.Leaf')), "BuildTestTree: unknown type 'nowhere.Leaf'\n"),
            (tree(7), 'BuildTestTree: TypeError: '),
            (tree(others=[dict(channels=1)]), "BuildTestTree: a dict with a 'type' is expected"),
            (7, "a dict with a 'type' is expected here, got 7"),
        ],
    )
    def test_messages(self, model, message):
        with pytest.raises(BuildError) as caught:
            MODELS.build(model)
        assert str(caught.value).startswith(message)

    def test_unknown_type_says_how_to_register_ones_own(self):
        with pytest.raises(ConfigError) as caught:
            MODELS.build(dict(type='MyHead'))
        message = str(caught.value)
        assert 'BuildTestTree' in message  # the names that would do
        assert 'is its file imported? Name it in the config: custom_imports = dict(' in message

    def test_cause_is_kept(self):
        with pytest.raises(BuildError) as caught:
            MODELS.build(tree(dict(LEAF, channels=-1)))
        assert type(caught.value.__cause__) is ValueError

    def test_other_errors_pass(self):
        with pytest.raises(DataError):
            MODELS.build(tree(dict(LEAF, kind='data')))
        with pytest.raises(ModuleNotFoundError):
            MODELS.build(tree(dict(LEAF, kind='import')))

    def test_crosses_processes(self):
        with pytest.raises(BuildError) as caught:
            MODELS.build(tree(dict(LEAF, channels=-1)))
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


class TestDottedPath:
    """With a config file: where in the file."""

    @pytest.mark.parametrize(
        ('model', 'place'),
        [
            (tree(LEAF, second=LEAF), "model (BuildTestTree): unknown argument 'second'"),
            (
                tree(dict(type='BuildTestSubLeaf', knd='x')),
                "model.first (BuildTestSubLeaf): unknown argument 'knd'; did you mean 'kind'?",
            ),
            (
                tree(others=[LEAF, dict(type='BuildTestLeaf')]),
                "model.others.1 (BuildTestLeaf): missing argument 'channels'",
            ),
            (
                tree(tree(dict(LEAF, channels=-1)), others=[tree()]),
                'model.first.first (BuildTestLeaf): ValueError: channels=-1',
            ),
            # Two that are alike can not be told apart.
            (
                tree(others=[dict(LEAF, channels=-1)] * 2),
                'model (BuildTestTree > BuildTestLeaf): ValueError: channels=-1',
            ),
            (tree(dict(type='BuildTestLef')), "model (BuildTestTree): unknown type 'BuildTestLef'"),
            (dict(type='BuildTestTre'), "model: unknown type 'BuildTestTre'"),
        ],
    )
    def test_messages(self, tmp_path, model, place):
        path = tmp_path / 'some.py'
        path.write_text(f'model = {model!r}')
        with pytest.raises(ConfigError) as caught:
            build_part(Config.fromfile(path), MODELS, 'model')
        assert str(caught.value).startswith(f'{path}: {place}')

    def test_filled_in_arguments_do_not_hide_the_part(self):
        """Arrays have no truth value, and the part around fills some in."""

        @MODELS.register_module(force=True)
        class BuildTestFiller(nn.Module):
            def __init__(self, leaf: dict) -> None:
                super().__init__()
                MODELS.build({**leaf, 'kind': np.ones(2), 'channels': -1})

        cfg = Config(dict(model=dict(type='BuildTestFiller', leaf=dict(LEAF, kind=[1, 2]))))
        with pytest.raises(ConfigError, match=r'^model.leaf \(BuildTestLeaf\): ValueError'):
            build_part(cfg, MODELS, 'model')

    def test_other_errors_pass(self):
        cfg = Config(dict(model=tree(dict(LEAF, kind='data'))))
        with pytest.raises(DataError):
            build_part(cfg, MODELS, 'model')
        with pytest.raises(ModuleNotFoundError), building(cfg, 'model'):
            import nowhere_to_be_found  # noqa: F401


class TestModelOfAConfig:
    """Types and names in the model are checked before anything is built."""

    CONFIG = CONFIG_ROOT / 's4' / 'pvt2.py'

    @pytest.mark.parametrize(
        ('keys', 'value', 'message'),
        [
            (
                'model.decode_head.pixel_decoder',
                dict(num_layer=3),
                "model.decode_head.pixel_decoder: unknown key 'num_layer'; did you mean "
                "'num_layers'?\n  valid keys: ",
            ),
            (
                'model.decode_head.pixel_decoder',
                dict(type='DeformablePixelDecodr'),
                "model.decode_head.pixel_decoder: unknown type 'DeformablePixelDecodr'; did you "
                "mean 'DeformablePixelDecoder'?",
            ),
            ('model', dict(backbon=1), "model: unknown key 'backbon'; did you mean 'backbone'?"),
            *(
                (
                    'model.decode_head',
                    {name: 10},
                    f"model.decode_head: unknown key '{name}'; did you mean "
                    "'model.decode_head.query_generator.num_queries'?",
                )
                for name in ('num_queries', 'num_querys')
            ),
            (
                'model.decode_head.loss_mask',
                dict(weight=1),
                "model.decode_head.loss_mask: unknown key 'weight'",
            ),
        ],
    )
    def test_mistakes(self, keys, value, message):
        cfg = load_config(self.CONFIG)
        node = cfg
        for key in keys.split('.'):
            node = node[key]
        node.update(value)
        with pytest.raises(ConfigError) as caught:
            check_arguments(cfg)
        assert str(caught.value).startswith(f'{self.CONFIG}: {message}')

    def test_missing_argument(self):
        """What the parts around fill in, channels for instance, is not asked for."""
        cfg = open_config(CONFIG_ROOT / 's4' / 'demo.py')
        del cfg.model.decode_head['query_generator']
        check_arguments(cfg)
        with pytest.raises(ConfigError) as caught:
            build_part(cfg, MODELS, 'model')
        message, takes = str(caught.value).split('\n')
        place = f'{cfg.filename}: model.decode_head (AVSegFormerHead)'
        assert message == f"{place}: missing argument 'query_generator'"
        assert 'query_generator: dict (required)' in takes

    def test_dicts_with_readers_of_their_own_are_left_alone(self, toy_config):
        cfg = load_config(toy_config)
        cfg.model.decode_head.norm_cfg = dict(type='SyncBN', requires_grad=True)
        cfg.model.decode_head.init_cfg = [dict(type='Xavier', layer='Conv2d')]
        with pytest.raises(ConfigError, match="decode_head: unknown key 'norm_cfg'"):
            check_arguments(cfg)  # the head takes none, but nothing is wrong with it
        cfg.model.decode_head = dict(
            type='mmseg.FCNHead',
            in_channels=8,
            channels=8,
            num_classes=2,
            norm_cfg=dict(type='SyncBN', requires_grad=True),
            init_cfg=[dict(type='Xavier', layer='Conv2d')],
            sampler=dict(type='mmseg.OHEMPixelSampler', thresh=0.7),
            loss_decode=dict(type='mmseg.CrossEntropyLoss'),
        )
        check_arguments(cfg)
        scoped = dict(type='FCNHead', _scope_='mmseg', loss_decode=dict(type='CrossEntropyLoss'))
        cfg.model.auxiliary = scoped
        with pytest.raises(ConfigError, match="model: unknown key 'auxiliary'"):
            check_arguments(cfg)  # nothing is wrong with what is in it
        del cfg.model['auxiliary']
        cfg.model.decode_head.loss_decode.type = 'mmseg.CrosEntropyLoss'
        with pytest.raises(ConfigError, match="decode_head.loss_decode: unknown type 'mmseg.Cros"):
            check_arguments(cfg)


class TestRunner:
    """The same through the runner, whose loops and loaders use no registry."""

    @pytest.mark.parametrize(
        ('change', 'message'),
        [
            (dict(model=dict(decode_head=dict(type='ToyHed'))), 'model (ToyNet): unknown type'),
            (
                dict(model=dict(decode_head=dict(drop=0.1))),
                "model.decode_head (ToyHead): unknown argument 'drop'; did you mean 'dropout'",
            ),
            (
                dict(model=dict(decode_head=dict(dropout=2.0))),
                'model.decode_head (ToyHead): ValueError: dropout probability',
            ),
            (dict(train_cfg=dict(max_epochs=1.5)), 'train_cfg: AssertionError'),
            (
                dict(train_dataloader=dict(batch_size=0)),
                'train_dataloader: ValueError: batch_size should be a positive',
            ),
            (dict(train_dataloader=dict(sampler=dict(shufle=True))), 'train_dataloader: TypeError'),
            (
                dict(train_dataloader=dict(dataset=dict(sise=8))),
                "train_dataloader.dataset (ToyDataset): unknown argument 'sise'; did you mean 'siz",
            ),
            (dict(val_evaluator=dict(prefix=3, colect_device=1)), 'val_evaluator: TypeError'),
            (
                dict(optim_wrapper=dict(optimizer=dict(lr=-1.0))),
                'optim_wrapper: ValueError: Invalid learning rate',
            ),
            (dict(param_scheduler=[dict(type='PolyLR', pow=1)]), 'param_scheduler: TypeError'),
            (dict(log_processor=dict(mean_pattern='(')), 'log_processor: '),
            (
                dict(custom_hooks=[dict(type='FreezeBackboneHook', until_epoch=-1)]),
                'custom_hooks.0 (FreezeBackboneHook): until_epoch=-1, expected 0 or more',
            ),
            (
                dict(default_hooks=dict(visualization=dict(num_clips=-1, priority='LOW'))),
                'default_hooks.visualization (VisualizationHook): ',
            ),
            (dict(default_hooks=dict(stop=dict(type='StpHook'))), "unknown type 'StpHook'"),
        ],
    )
    def test_messages(self, toy_config, tmp_path, change, message):
        cfg = load_config(toy_config)
        cfg.merge_from_dict(change)
        cfg.work_dir, cfg.log_level = str(tmp_path / 'run'), 'ERROR'
        with pytest.raises(ConfigError) as caught:
            RUNNERS.build(cfg).train()
        assert str(caught.value).startswith(f'{toy_config}: {message}')

    def test_hook_priority(self, toy_config, tmp_path):
        cfg = load_config(toy_config)
        cfg.custom_hooks = [dict(type='FreezeBackboneHook', until_epoch=1, priority='VERY_LOW')]
        cfg.work_dir, cfg.log_level = str(tmp_path / 'run'), 'ERROR'
        runner = RUNNERS.build(cfg)
        hook = next(h for h in runner.hooks if type(h).__name__ == 'FreezeBackboneHook')
        assert hook.priority == 'VERY_LOW'
        runner.register_hook(dict(type='FreezeBackboneHook', until_epoch=2), priority='HIGHEST')
        hooks = [h for h in runner.hooks if type(h).__name__ == 'FreezeBackboneHook']
        assert [h.until_epoch for h in hooks] == [2, 1] and hooks[0].priority == 'HIGHEST'


class TestOpenConfig:
    def test_checked_and_overridden(self, toy_config):
        cfg = open_config(toy_config, {'train_cfg.max_epochs': 7})
        assert cfg.train_cfg.max_epochs == 7
        with pytest.raises(ConfigError, match="no key 'max_epoch'; did you mean 'max_epochs'"):
            open_config(toy_config, {'train_cfg.max_epoch': 7})

    def test_config_that_was_read_stays_as_it_is(self, toy_config):
        cfg = load_config(toy_config)
        opened = open_config(cfg, {'train_cfg.max_epochs': 7})
        assert cfg.train_cfg.max_epochs == 3 and opened.train_cfg.max_epochs == 7
        assert opened.filename == cfg.filename
        cfg.model.decode_head.dropuot = 0.1
        with pytest.raises(ConfigError, match="did you mean 'dropout'"):
            open_config(cfg)
