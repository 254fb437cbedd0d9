"""Every network of demo size that is exported, and checkpoints of them with random weights."""

import json
from functools import cache
from pathlib import Path

import torch
from system_cases import join_clips

from avsbench.analysis.complexity import build_model
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT, short_names
from avsbench.models import AVSegmentor
from avsbench.reproduction.bundle import config_data


@cache
def demo_leaves() -> list[str]:
    """One config of demo size for each kind of network: system, head, one class or several."""
    found = {}
    for name in short_names():
        if name.endswith('_demo'):
            cfg = load_config(CONFIG_ROOT / f'{name}.py')
            head = cfg.model.decode_head
            key = (name.partition('/')[2], head.type, head.num_classes > 1)
            found.setdefault(key, name)
    return sorted(found.values())


def write_checkpoint(name: str, folder: Path) -> Path:
    """A checkpoint of a config with random weights, which holds the config."""
    cfg = load_config(CONFIG_ROOT / f'{name}.py')
    join_clips(cfg.model)
    torch.manual_seed(0)
    model = build_model(cfg)
    head = cfg.model.decode_head
    meta = dict(head=head.type, num_classes=head.num_classes, subset=cfg.subset, synthetic=True)
    meta |= dict(config=json.dumps(config_data(cfg)))
    path = folder / f'{name.replace("/", "_")}.pth'
    torch.save({'meta': meta, 'state_dict': model.state_dict()}, path)
    return path


def batch(model: AVSegmentor, inputs: dict[str, torch.Tensor]) -> dict:
    """Inputs of an exported network as its test pipeline packs clips, collated."""
    frames = [inputs['frames'], *([inputs['maskiges']] if 'maskiges' in inputs else [])]
    packed = {'frames': list(torch.cat(frames, 2))}
    if model.audio_encoder is not None:
        packed['audio'] = list(inputs['audio'])
    return packed
