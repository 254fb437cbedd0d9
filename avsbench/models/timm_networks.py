"""What timm's networks have in common, and where they differ: image size and order of the axes."""

from collections.abc import Sequence
from typing import Any

import timm
import torch
from huggingface_hub.constants import HF_HUB_CACHE
from timm.layers import Format
from torch import Tensor, nn

from avsbench.utils.errors import CheckpointError, ConfigError, nearest
from avsbench.utils.signatures import arguments

# Arguments of `timm.create_model` that a backbone decides on.
SET_HERE = {
    'cache_dir', 'checkpoint_path', 'drop_path_rate', 'feature_cls', 'features_only', 'in_chans',
    'out_indices', 'output_fmt', 'pretrained', 'pretrained_cfg', 'pretrained_cfg_overlay',
}  # fmt: skip


def create_network(owner: str, model_name: str, **options: Any) -> nn.Module:
    """A network of timm.

    Args:
        owner: Class that it is for, for errors.
        model_name: Its name.
        options: Arguments of `timm.create_model`.

    Raises:
        ConfigError: There is no such network.
    """
    _check_name(owner, model_name)
    return timm.create_model(model_name, **options)


def _check_name(owner: str, model_name: str) -> None:
    if not timm.is_model(model_name):
        hint = nearest(model_name, timm.list_models())
        raise ConfigError(f'{owner}: timm has no network {model_name!r}{hint}')


def whole_network(model_name: str, options: dict[str, Any]) -> nn.Module:
    """A network with all its blocks and without classifier: names and shapes, no values.

    What timm knows of a network, such as how its layers follow each other, it knows of the whole.

    Args:
        model_name: Its name.
        options: Arguments of `timm.create_model`.

    Raises:
        ConfigError: There is no such network.
    """
    _check_name('TimmBackbone', model_name)
    with torch.device('meta'):
        return timm.create_model(model_name, **{'num_classes': 0, **options})


def check_options(owner: str, model_name: str, options: dict[str, Any]) -> None:
    """Check that timm's class of a network has arguments of these names.

    Args:
        owner: Class that it is for, for errors.
        model_name: Name of the network.
        options: Arguments by name.

    Raises:
        ConfigError: It has no such argument, or the backbone sets it itself; or there is no such
            network.
    """
    _check_name(owner, model_name)
    if not options:
        return
    known = arguments(type(whole_network(model_name, {})))[0] - {'cfg', 'num_classes'} - SET_HERE
    for name in options:
        if name in SET_HERE:
            raise ConfigError(f'{owner}: options: {name} is set by the backbone; leave it out')
        if name not in known:
            raise ConfigError(
                f'{owner}: options: {model_name} has no argument {name!r}{nearest(name, known)}'
            )


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


def run_network(owner: str, network: nn.Module, images: Tensor, remedy: str = '') -> Any:
    """What a network computes for images (N, C, H, W).

    Args:
        owner: Class that it is for, for errors.
        network: The network.
        images: (N, C, H, W).
        remedy: What else can be done where the size doesn't fit, for errors.

    Raises:
        ConfigError: It is made for images of another size.
    """
    try:
        return network(images)
    except (AssertionError, RuntimeError, ValueError) as error:
        wanted, given = _image_size(network), tuple(images.shape[-2:])
        if wanted == given or (wanted is None and not isinstance(error, AssertionError)):
            raise
        name = network.pretrained_cfg['architecture']
        if wanted is None:
            raise ConfigError(
                f'{owner}: {name} does not take images of (H, W) {given}: {error}; bring them to '
                f'another size{remedy}'
            ) from error
        raise ConfigError(
            f'{owner}: {name} was made for images of (H, W) {wanted}, not {given}; bring them to '
            f'that size{remedy}, or choose another network ({error})'
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
    computed = run_network(owner, network, images, _remedy(network))
    levels = [computed[index] for index in picked]
    # Some classes of networks, such as that of MobileNetV4, know one order only and don't name it.
    if getattr(network, 'output_fmt', Format.NCHW) == Format.NHWC:
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


def _remedy(network: nn.Module) -> str:
    """Options by which a network takes images of other sizes."""
    if _is_dynamic(network):
        can_pad = any(hasattr(module, 'dynamic_img_pad') for module in network.modules())
        return ', or set options=dict(dynamic_img_pad=True)' if can_pad else ''
    if any(hasattr(module, 'dynamic_img_size') for module in network.modules()):
        return ', or set options=dict(dynamic_img_size=True)'
    return ', or set options=dict(img_size=...)'


def _is_dynamic(network: nn.Module) -> bool:
    parts = network.modules()
    return any(
        getattr(part, 'dynamic_img_size', False) or getattr(part, 'strict_img_size', None) is False
        for part in parts
    )


def _image_size(network: nn.Module) -> tuple[int, int] | None:
    """(H, W) of the images that a network is made for; None if it takes others, too."""
    cfg = network.pretrained_cfg
    if not cfg.get('fixed_input_size') or _is_dynamic(network):
        return None
    sizes = (getattr(module, 'img_size', None) for module in network.modules())
    return next((size for size in sizes if isinstance(size, tuple)), tuple(cfg['input_size'][1:]))
