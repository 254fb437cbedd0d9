"""Every registered system at demo size, for the tests of what all of them promise."""

from functools import cache

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
    """The system's config of demo size; the default system's has no name in front."""
    file = CONFIG_ROOT / 's4' / f'{system}_demo.py'
    if file.is_file():
        return load_config(file)
    cfg = load_config(CONFIG_ROOT / 's4' / 'demo.py')
    head = MODELS.get(cfg.model.decode_head.type)
    assert head.__module__.startswith(SYSTEMS.get(system).__module__), f'no demo config: {system}'
    return cfg


def build_demo(system: str, **head) -> AVSegmentor:
    """The network of demo size, with some keys of its head changed."""
    cfg = demo_config(system).model
    cfg.decode_head.update(head)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('avsbench'):
        return MODELS.build(cfg).eval()
