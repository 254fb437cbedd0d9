"""A trained network from a config and a checkpoint, and the options of commands that use one."""

import argparse

import torch
from mmengine.config import Config
from mmengine.model import BaseModel

from avsbench.checkpoint.loading import load_weights
from avsbench.config.build import build_part
from avsbench.registry import MODELS
from avsbench.utils.cli import OverrideAction


def load_model(
    cfg: Config, checkpoint: str, *, device: str = 'cpu', trust: bool = False
) -> BaseModel:
    """Build the network of a config, load its weights, and set it to evaluation mode.

    Args:
        cfg: As `open_config` returns it.
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
    load_weights(model, checkpoint, trust=trust, expected=expected)
    return model.to(device).eval()


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--device`, `--trust-checkpoint` and `--cfg-options` to a command."""
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    parser.add_argument('--device', default=device, help='default: %(default)s')
    parser.add_argument('--trust-checkpoint', action='store_true', help='see `bash test.sh --help`')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
