"""A trained network from a config and a checkpoint, and the options of commands that use one."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import BaseModel

from avsbench.checkpoint.loading import load_weights
from avsbench.config.build import build_part
from avsbench.config.loading import open_config
from avsbench.registry import MODELS
from avsbench.utils.cli import OverrideAction
from avsbench.utils.errors import ConfigError
from avsbench.utils.precision import DTYPES


def open_network_config(
    config: str | Path | Config, options: Mapping[str, Any] | None = None, *, augment: bool = False
) -> Config:
    """Read a config, whose test-time augmentation is left out unless it is asked for.

    It takes many passes for each clip: those of DAVIS have fourteen.

    Args:
        config: See `open_config`.
        options: Changes of it, dotted key -> value; one of `model.test_cfg` asks for it.
        augment: Whether to keep `model.test_cfg`.

    Raises:
        ConfigError: The config can't be read, or has no such augmentation.
    """
    cfg = open_config(config, options)
    if augment and not cfg.model.get('test_cfg'):
        raise ConfigError(
            f'{cfg.filename}: --augment needs a test-time augmentation, and model.test_cfg is '
            'empty; set it, e.g. by --cfg-options model.test_cfg.flip=True'
        )
    if not (augment or any(key.startswith('model.test_cfg') for key in options or ())):
        cfg.model.pop('test_cfg', None)
    return cfg


def load_model(
    cfg: Config, checkpoint: str, *, device: str = 'cpu', trust: bool = False
) -> BaseModel:
    """Build the network of a config, load its weights, and set it to evaluation mode.

    What its checkpoint says about the data that it was trained on becomes its `dataset_meta`.

    Args:
        cfg: As `open_network_config` returns it.
        checkpoint: Of this toolbox, or published by a supported system.
        device: Of the network.
        trust: See `avsbench.checkpoint.reading`.

    Raises:
        ConfigError: The model can't be built.
        CheckpointError: The checkpoint can't be loaded, or belongs to another network.
    """
    model = build_part(cfg, MODELS, 'model')
    head = cfg.model.get('decode_head', {})
    expected = {'num_classes': head.get('num_classes'), 'head': head.get('type')}
    meta = load_weights(model, checkpoint, trust=trust, expected=expected)
    trained = meta.get('dataset_meta')
    model.dataset_meta = dict(trained) if isinstance(trained, Mapping) else {}
    if meta.get('synthetic') is True:
        model.dataset_meta['synthetic'] = True
    return model.to(device).eval()


def add_amp_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--amp` to a command that predicts videos of any origin."""
    parser.add_argument(
        '--amp',
        choices=[*DTYPES, 'off'],
        help='mixed precision; default: bfloat16 on a CPU that computes it, float32 elsewhere',
    )


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--device`, `--trust-checkpoint`, `--augment` and `--cfg-options` to a command."""
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    parser.add_argument('--device', default=device, help='default: %(default)s')
    parser.add_argument('--trust-checkpoint', action='store_true', help='see `bash test.sh --help`')
    parser.add_argument(
        '--augment',
        action='store_true',
        help='predict with the test-time augmentation of the config, model.test_cfg, as its test '
        'does: once for each scale and its mirror image',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
