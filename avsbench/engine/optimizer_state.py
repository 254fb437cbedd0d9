"""The state of the optimizer: restored where its groups have changed, and between its steps."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn

from avsbench.utils.errors import CheckpointError


def named_wrappers(wrapper: OptimWrapper | OptimWrapperDict) -> dict[str, OptimWrapper]:
    """The wrappers by name; a single one has the name ''."""
    if isinstance(wrapper, OptimWrapperDict):
        return dict(wrapper.items())
    return {'': wrapper}


def parameter_names(
    wrapper: OptimWrapper | OptimWrapperDict, model: nn.Module
) -> dict[str, list[str]]:
    """For each optimizer the names of its parameters, in the order that its state counts them."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {
        key: [names.get(id(parameter), '') for parameter in _parameters(one)]
        for key, one in named_wrappers(wrapper).items()
    }


def pending_gradients(
    wrapper: OptimWrapper | OptimWrapperDict, model: nn.Module
) -> dict[str, Tensor] | None:
    """The gradients that wait for the next step of an optimizer that accumulates, by parameter.

    None right after a step, when there are none.
    """
    if all(one.should_update() for one in named_wrappers(wrapper).values()):
        return None
    return {
        name: parameter.grad.detach().cpu()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def restore_gradients(model: nn.Module, gradients: Mapping[str, Tensor]) -> None:
    """The inverse of `pending_gradients`."""
    for name, parameter in model.named_parameters():
        if name in gradients:
            parameter.grad = gradients[name].to(parameter.device, copy=True)


def load_optimizer(
    wrapper: OptimWrapper | OptimWrapperDict,
    state: Mapping[str, Any],
    model: nn.Module,
    saved_names: Mapping[str, Sequence[str]] | None,
    *,
    source: str,
    as_configured: bool,
) -> list[str]:
    """Load the state of the optimizer.

    Args:
        wrapper: Built from the config.
        state: What its `state_dict` gave when it was saved.
        model: The network.
        saved_names: `parameter_names` of that time; None if the checkpoint has none, as older ones,
            whose parameters have the order of the network.
        source: Path of the checkpoint, for messages.
        as_configured: Keep the rates and other options of the config, not the saved ones, and
            take the state of each parameter by its name.

    Returns:
        Names of the parameters that start without a state.

    Raises:
        CheckpointError: The state is one of other parameters.
    """
    fresh: list[str] = []
    names = parameter_names(wrapper, model)
    for key, one in named_wrappers(wrapper).items():
        own = dict(state[key] if key else state)
        saved = None if saved_names is None else saved_names.get(key)
        if saved is None:
            known = set(names[key])
            saved = [name for name, _ in model.named_parameters() if name in known]
        if not as_configured:
            _load(one, _regrouped(one, own, saved, names[key]), source)
            continue
        options = [_options(group) for group in one.optimizer.param_groups]
        base = one.base_param_settings
        if _count(own) == len(saved):
            own, missing = _by_name(one, own, saved, names[key])
            fresh += missing
        _load(one, own, source)
        for group, kept in zip(one.optimizer.param_groups, options, strict=True):
            for name in set(group) - {'params'}:
                del group[name]
            group.update(kept)
        one.base_param_settings = base
    return fresh


def _regrouped(
    wrapper: OptimWrapper, state: dict[str, Any], saved: Sequence[str], names: Sequence[str]
) -> dict[str, Any]:
    """The state in the groups of the wrapper; unchanged where it can't be brought into them.

    Older trainings have a group of each parameter, where there is now one of each setting.
    """
    if sorted(saved) != sorted(names) or _count(state) != len(saved):
        return state
    places = {name: place for place, name in enumerate(saved)}
    options = [_options(group) for group in state['param_groups'] for _ in group['params']]
    groups, done = [], 0
    for group in wrapper.optimizer.state_dict()['param_groups']:
        end = done + len(group['params'])
        first, *others = (options[places[name]] for name in names[done:end])
        if any(other != first for other in others):
            return state
        groups.append({**first, 'params': group['params']})
        done = end
    kept = {
        place: state['state'][places[name]]
        for place, name in enumerate(names)
        if places[name] in state['state']
    }
    return {**state, 'state': kept, 'param_groups': groups}


def _count(state: Mapping[str, Any]) -> int:
    """Parameters in a state."""
    return sum(len(group['params']) for group in state['param_groups'])


def _by_name(
    wrapper: OptimWrapper, state: dict[str, Any], saved: Sequence[str], names: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """The state in the order of these names; and those that it has nothing for."""
    places = {name: place for place, name in enumerate(saved)}
    kept = {
        place: state['state'][places[name]]
        for place, name in enumerate(names)
        if places.get(name) in state['state']
    }
    groups = wrapper.optimizer.state_dict()['param_groups']
    missing = [name for name in names if name not in places]
    return {**state, 'state': kept, 'param_groups': groups}, missing


def _load(wrapper: OptimWrapper, state: dict[str, Any], source: str) -> None:
    try:
        wrapper.load_state_dict(state)
    except (ValueError, KeyError) as error:
        raise CheckpointError(
            f'{source}: the state of the optimizer is one of other parameters ({error}); start a '
            'new training from its weights with --cfg-options load_from=...'
        ) from error


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value.clone() if isinstance(value, torch.Tensor) else value
        for key, value in group.items()
        if key != 'params'
    }


def _parameters(wrapper: OptimWrapper) -> Iterator[nn.Parameter]:
    for group in wrapper.optimizer.param_groups:
        yield from group['params']
