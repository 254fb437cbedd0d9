"""What goes wrong while a config is built is told in terms of the config."""

import pytest
import torch
from mmengine.config import Config
from torch import nn

from avsbench.config.build import explain_build_errors
from avsbench.config.loading import load_config
from avsbench.registry import MODELS, RUNNERS
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
    """

    def __init__(self, first: dict, others: tuple = ()) -> None:
        super().__init__()
        self.first = MODELS.build({'channels': 2, **first})
        self.others = nn.ModuleList(MODELS.build(dict(other)) for other in others)


def _error(tmp_path, model: dict) -> str:
    path = tmp_path / 'some.py'
    path.write_text(f'model = {model!r}')
    cfg = Config.fromfile(path)
    with pytest.raises(ConfigError) as caught, explain_build_errors(cfg):
        MODELS.build(cfg.model)
    assert str(caught.value).startswith(f'{path}: ')
    return str(caught.value)


LEAF = dict(type='BuildTestLeaf', channels=1)


@pytest.mark.parametrize(
    ('model', 'parts'),
    [
        (
            dict(type='BuildTestTre', first=LEAF),
            ['model: unknown type', "did you mean 'BuildTestTree'"],
        ),
        (
            dict(type='BuildTestTree', first=dict(type='BuildTestLef')),
            ["model.first: unknown type 'BuildTestLef'", "did you mean 'BuildTestLeaf'"],
        ),
        (
            dict(type='BuildTestTree', first=LEAF, second=LEAF),
            ['model (BuildTestTree): unknown argument', 'BuildTestTree takes: first: dict (req'],
        ),
        (
            dict(type='BuildTestTree', first=dict(type='BuildTestLeaf', chanels=1)),
            ["model.first (BuildTestLeaf): unknown argument 'chanels'", "mean 'channels'"],
        ),
        (
            dict(type='BuildTestTree', first=dict(type='BuildTestSubLeaf', knd='x')),
            [
                "model.first (BuildTestSubLeaf): unknown argument 'knd'; did you mean 'kind'",
                "takes: extra: int = 0, channels: int (required), kind: str = 'plain'",
            ],
        ),
        (
            dict(type='BuildTestTree', first=LEAF, others=[LEAF, dict(type='BuildTestLeaf')]),
            [
                "model.others.1 (BuildTestLeaf): missing argument 'channels'",
                "channels: int (required), kind: str = 'plain'",
            ],
        ),
        (
            dict(type='BuildTestTree', first=dict(LEAF, channels=-1)),
            ['model.first (BuildTestLeaf): ValueError: channels=-1, expected more than 0'],
        ),
        (
            dict(type='BuildTestTree', first=dict(LEAF, channels='many')),
            ['model.first (BuildTestLeaf): TypeError'],
        ),
        (
            dict(type='BuildTestTree', first=dict(LEAF, kind='config')),
            ['model.first (BuildTestLeaf)', 'kind: no such thing'],
        ),
        (dict(type='BuildTestTree', first=dict(channels=1)), ["a dict with a 'type' is expected"]),
        (dict(type='BuildTestTree', first=7), ['model (BuildTestTree): TypeError']),
    ],
)
def test_messages(tmp_path, model, parts):
    message = _error(tmp_path, model)
    for part in parts:
        assert part in message


def test_other_errors_pass(tmp_path):
    cfg = Config(dict(model=dict(type='BuildTestTree', first=dict(LEAF, kind='data'))))
    with pytest.raises(DataError), explain_build_errors(cfg):
        MODELS.build(cfg.model)
    with pytest.raises(RuntimeError, match='shapes'), explain_build_errors(cfg):
        torch.ones(2) @ torch.ones(3, 3)  # no part of the config is being built here
    with pytest.raises(ModuleNotFoundError), explain_build_errors(cfg):
        import nowhere_to_be_found  # noqa: F401


class TestRunner:
    """The same through the runner, whose loops and loaders use no registry."""

    @pytest.mark.parametrize(
        ('change', 'message'),
        [
            (dict(model=dict(decode_head=dict(type='ToyHed'))), 'model.decode_head: unknown type'),
            (
                dict(model=dict(decode_head=dict(drop=0.1))),
                "model.decode_head (ToyHead): unknown argument 'drop'; did you mean 'dropout'",
            ),
            (dict(train_cfg=dict(max_epochs=1.5)), 'train_cfg: AssertionError'),
            (dict(train_dataloader=dict(batch_size=0)), 'train_dataloader: ValueError'),
            (
                dict(train_dataloader=dict(sampler=dict(shufle=True))),
                "train_dataloader.sampler (DefaultSampler): unknown argument 'shufle'",
            ),
            (
                dict(optim_wrapper=dict(optimizer=dict(lr=-1.0))),
                'optim_wrapper.optimizer (AdamW): ValueError',
            ),
            (dict(log_processor=dict(mean_pattern='(')), 'log_processor (LogProcessor): '),
            (
                dict(custom_hooks=[dict(type='FreezeBackboneHook', until_epoch=-1)]),
                'custom_hooks.0',
            ),
        ],
    )
    def test_messages(self, toy_config, tmp_path, change, message):
        cfg = load_config(toy_config)
        cfg.merge_from_dict(change)
        cfg.work_dir, cfg.log_level = str(tmp_path / 'run'), 'ERROR'
        with pytest.raises(ConfigError) as caught, explain_build_errors(cfg):
            RUNNERS.build(cfg).train()
        assert f'{toy_config}: {message}' in str(caught.value)
