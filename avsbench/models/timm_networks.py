"""What timm's networks have in common, and where they differ: image size and order of the axes."""

from collections.abc import Sequence
from typing import Any

import timm
import torch
from huggingface_hub.constants import HF_HUB_CACHE
from timm.layers import Format
from torch import Tensor, nn

from avsbench.utils.errors import CheckpointError, ConfigError, nearest


def create_network(owner: str, model_name: str, **options: Any) -> nn.Module:
    """A network of timm.

    Args:
        owner: Class that it is for, for errors.
        model_name: Its name.
        options: Arguments of `timm.create_model`.

    Raises:
        ConfigError: There is no such network.
    """
    if not timm.is_model(model_name):
        hint = nearest(model_name, timm.list_models())
        raise ConfigError(f'{owner}: timm has no network {model_name!r}{hint}')
    return timm.create_model(model_name, **options)


def fetch_weights(owner: str, model_name: str, remedy: str, **options: Any) -> dict[str, Tensor]:
    """The weights that timm publishes for a network, from its cache or the internet.

    Args:
        owner: Class that they are for, for errors.
        model_name: Name of the network.
        remedy: How to do without a download.
        options: Arguments of `timm.create_model`.

    Returns:
        State dict of the network with these options.

    Raises:
        CheckpointError: There are none, or they can't be fetched.
    """
    source = timm.get_pretrained_cfg(model_name)
    hub, url = (source.hf_hub_id, source.url) if source else (None, None)
    if not (hub or url):
        raise CheckpointError(f'{owner}: timm has no weights for {model_name}; {remedy}')
    place = f'https://huggingface.co/{hub}' if hub else url
    cache = HF_HUB_CACHE if hub else f'{torch.hub.get_dir()}/checkpoints'
    try:
        return timm.create_model(model_name, pretrained=True, **options).state_dict()
    except Exception as error:  # of the network, the hub's client, or a damaged file
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f'{owner}: no weights of {model_name} from {place}, and none in the cache {cache}: '
            f'{reason}. Without the internet copy that folder from a machine where the same '
            f'config has been trained, or {remedy}'
        ) from error


def run_network(owner: str, network: nn.Module, images: Tensor) -> Any:
    """What a network computes for images (N, C, H, W).

    Raises:
        ConfigError: It is made for images of another size.
    """
    try:
        return network(images)
    except (AssertionError, RuntimeError, ValueError) as error:
        wanted, given = _fixed_size(network), tuple(images.shape[-2:])
        if wanted in (None, given):
            raise
        name = network.pretrained_cfg['architecture']
        raise ConfigError(
            f'{owner}: {name} was made for images of (H, W) {wanted}, not {given}; bring them to '
            f'that size, or choose another network ({error})'
        ) from error


def pyramid(owner: str, network: nn.Module, images: Tensor, picked: Sequence[int]) -> list[Tensor]:
    """Levels of a network with `features_only`: (N, C_l, H_l, W_l) each.

    Args:
        owner: Class that it is for, for errors.
        network: The network.
        images: (N, C, H, W).
        picked: Numbers of the levels.

    Raises:
        ConfigError: The images, or the levels, have a size that doesn't fit.
    """
    computed = run_network(owner, network, images)
    levels = [computed[index] for index in picked]
    if network.output_fmt == Format.NHWC:
        levels = [level.permute(0, 3, 1, 2) for level in levels]
    info = network.feature_info
    for index, level in zip(picked, levels, strict=True):
        channels, stride = info.channels()[index], info.reduction()[index]
        sizes = zip(level.shape[2:], images.shape[2:], strict=True)
        # odd sizes are rounded, up or down
        if level.shape[1] != channels or any(abs(h - side / stride) >= 1 for h, side in sizes):
            raise ConfigError(
                f'{owner}: {network.pretrained_cfg["architecture"]} gives a level of shape '
                f'{tuple(level.shape)} for images of {tuple(images.shape)}, where timm announces '
                f'{channels} channels at stride {stride}; choose another network'
            )
    return levels


def _fixed_size(network: nn.Module) -> tuple[int, int] | None:
    cfg = network.pretrained_cfg
    return tuple(cfg['input_size'][1:]) if cfg.get('fixed_input_size') else None
