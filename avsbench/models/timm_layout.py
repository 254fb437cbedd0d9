"""Names, layers and weight files of timm's networks with `features_only`.

timm renames the parts of a network of which only features are taken, or puts it into another, and
drops those that no feature needs.
"""

import sys
from collections.abc import Mapping
from typing import Any

from timm.models import group_parameters
from torch import nn

from avsbench.checkpoint.adapter import StateDict
from avsbench.checkpoint.pretrained import (
    CLASSIFIER_PREFIXES,
    Matched,
    check_fit,
    match_pretrained,
    published_state,
)
from avsbench.models.timm_networks import whole_network
from avsbench.utils.errors import CheckpointError, ConfigError


def inner_network(network: nn.Module) -> nn.Module:
    """The part of a network with `features_only` that has the blocks by their names."""
    parts = list(network.children())
    return parts[0] if len(parts) == 1 else network


def feature_names(name: str) -> tuple[str, ...]:
    """Names that a parameter of a whole network may have in one with `features_only`."""
    return name, f'model.{name}', f'body.{name}', name.replace('.', '_', 1)


def layers_of(
    owner: str, network: nn.Module, model_name: str, options: Mapping[str, Any], *, coarse: bool
) -> dict[str, int]:
    """Number of the layer that each parameter belongs to, as timm groups them.

    Args:
        owner: Class that the network is for, for errors.
        network: The network with `features_only`.
        model_name: Its name.
        options: Arguments that it was made with.
        coarse: Whether a layer is a stage, for networks that have stages, or a block.

    Returns:
        {name in `network`: layer}; 0 for what comes before the first block.

    Raises:
        ConfigError: No layers of this network are known to timm.
    """
    whole = whole_network(model_name, dict(options))
    if not hasattr(whole, 'group_matcher'):
        raise ConfigError(f'{owner}: timm knows no order of the layers of {model_name}')
    groups = group_parameters(whole, whole.group_matcher(coarse=coarse), reverse=True)
    layers = {new_name: layer for name, layer in groups.items() for new_name in feature_names(name)}
    names = [name for name, _ in network.named_parameters()]
    layers |= _layers_around(network, layers)
    if unknown := [name for name in names if name not in layers]:
        raise ConfigError(f'{owner}: timm knows no layer of {model_name} for {unknown[0]}')
    # What no feature needs is left out, so that some numbers may be missing.
    ranks = {layer: rank for rank, layer in enumerate(sorted({layers[name] for name in names}))}
    return {name: ranks[layers[name]] for name in names}


def _layers_around(network: nn.Module, layers: Mapping[str, int]) -> dict[str, int]:
    """Layers of the parameters of inserted modules: of the module that each was inserted at."""
    found = {}
    for path, part in network.named_modules():
        if not getattr(part, 'is_inserted', False):
            continue
        around, inside = path, []
        while around and not inside:
            around = around.rpartition('.')[0]
            inside = [layer for name, layer in layers.items() if name.startswith(f'{around}.')]
        found |= {f'{path}.{name}': max(inside) for name, _ in part.named_parameters() if inside}
    return found


def match_weights(
    state: StateDict, network: nn.Module, path: str, model_name: str, options: Mapping[str, Any]
) -> Matched:
    """Select what a network needs of a weight file of the whole network.

    Besides the layouts of `match_pretrained`, those that timm converts when it loads a file: its
    own, and for most networks that of the authors. Embeddings of positions and patches are brought
    to the network's size.

    Args:
        state: The file's state dict.
        network: The network with `features_only`.
        path: The file, for messages.
        model_name: Name of the network.
        options: Arguments that it was made with.

    Raises:
        CheckpointError: The file does not fit.
    """
    try:
        return match_pretrained(state, network, path)
    except CheckpointError:
        whole = whole_network(model_name, dict(options))
        convert = getattr(sys.modules[type(whole).__module__], 'checkpoint_filter_fn', None)
        if convert is None and inner_network(network) is network:
            raise
    converted = _convert(convert, dict(state), whole, path) if convert else dict(state)
    wanted = whole.state_dict()
    left_out = [
        key for key in converted if key not in wanted and key.startswith(CLASSIFIER_PREFIXES)
    ]
    kept = {key: value for key, value in converted.items() if key not in left_out}
    check_fit(kept, wanted, f'{path} does not fit {model_name}')
    needed = published_state(network)
    found = {
        new_name: value
        for key, value in kept.items()
        for new_name in feature_names(key)
        if new_name in needed
    }
    check_fit(found, needed, f'{path} does not fit the features of {model_name}')
    unused = [key for key in kept if not any(name in needed for name in feature_names(key))]
    return Matched(found, [*left_out, *unused])


def _convert(convert: Any, state: StateDict, whole: nn.Module, path: str) -> StateDict:
    try:
        return convert(state, whole)
    except (AssertionError, AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f'{path}: not a file of {type(whole).__name__} that timm can read '
            f'({type(error).__name__}: {error})'
        ) from error
