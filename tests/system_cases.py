"""Every registered system at demo size, for the tests of what all of them promise."""

from functools import cache
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.models import AVSegmentor
from avsbench.registry import MODELS, SYSTEMS

SIZE = 64  # pixels


@cache
def system_names() -> list[str]:
    SYSTEMS.import_from_location()
    return sorted(SYSTEMS.module_dict)


def demo_config(system: str) -> Config:
    """The system's config of demo size."""
    return load_config(CONFIG_ROOT / 's4' / f'{system}_demo.py')


def build_demo(system: str, **head) -> AVSegmentor:
    """The network of demo size, with some keys of its head changed."""
    cfg = demo_config(system).model
    cfg.decode_head.update(head)
    return build(cfg)


def build(cfg: dict) -> AVSegmentor:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('avsbench'):
        model = MODELS.build(cfg).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm3d):  # a block that starts as the identity
            torch.nn.init.ones_(module.weight)
    return model


def join_clips(node: Any) -> None:
    """Let all frames of a clip attend to each other, as in the published networks."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == 'group_frames':
                node[key] = None
            join_clips(value)
