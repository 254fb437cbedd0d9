"""A trained network from a config and a checkpoint."""

from mmengine.config import Config
from mmengine.model import BaseModel

from avsbench.checkpoint.loading import load_weights
from avsbench.config.build import build_part
from avsbench.registry import MODELS


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
