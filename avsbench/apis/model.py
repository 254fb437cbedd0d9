"""A trained network from a config and a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope

from avsbench.checkpoint.loading import load_weights
from avsbench.config.build import build_part
from avsbench.config.loading import open_config
from avsbench.export.runtime import is_exported
from avsbench.export.segmentor import ExportedSegmentor
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError


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
    cfg: Config, checkpoint: str, *, device: str | None = 'cpu', trust: bool = False
) -> BaseModel:
    """Build the network of a config, load its weights, and set it to evaluation mode.

    An ONNX file stands for itself: it is run by onnxruntime.

    What its checkpoint says about the data that it was trained on becomes its `dataset_meta`.

    Args:
        cfg: As `open_network_config` returns it.
        checkpoint: Of this toolbox, or published by a supported system, or an exported network.
        device: Of the network; None for CUDA where available.
        trust: See `avsbench.checkpoint.reading`.

    Raises:
        ConfigError: The model can't be built.
        CheckpointError: The checkpoint can't be loaded, or belongs to another network.
    """
    if is_exported(checkpoint):
        return ExportedSegmentor(checkpoint, device)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'avsbench')):
        model = build_part(cfg, MODELS, 'model')
    head = cfg.model.get('decode_head', {})
    expected = {'num_classes': head.get('num_classes'), 'head': head.get('type')}
    meta = load_weights(model, checkpoint, trust=trust, expected=expected)
    trained = meta.get('dataset_meta')
    model.dataset_meta = dict(trained) if isinstance(trained, Mapping) else {}
    if meta.get('synthetic') is True:
        model.dataset_meta['synthetic'] = True
    if device is None:
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return model.to(device).eval()
