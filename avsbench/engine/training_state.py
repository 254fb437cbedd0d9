"""The parts of a checkpoint besides weights and optimizer, as plain data.

A checkpoint that holds nothing but tensors, numbers, text and containers of these can be read
with `torch.load(..., weights_only=True)`.
"""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank
from mmengine.logging import HistoryBuffer


def to_plain(value: Any, where: str = 'checkpoint') -> Any:
    """Copy a structure into tensors on the CPU, numbers, text, None, dicts, lists and tuples.

    Args:
        value: Numpy scalars become numbers, numpy arrays tensors, paths text.
        where: Name of the value, for the message.

    Raises:
        TypeError: Something is none of these; the message says where it is.
    """
    if value is None:
        return None
    for plain in (bool, int, float, str, bytes):
        if isinstance(value, plain):
            return plain(value)  # numpy's float64 or torch's version text become Python's
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype != object:
        return torch.from_numpy(value.copy())
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {
            to_plain(key, where): to_plain(item, f'{where}.{key}') for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        items = [to_plain(item, f'{where}[{index}]') for index, item in enumerate(value)]
        return tuple(items) if isinstance(value, tuple) else items
    raise TypeError(
        f'{where} is a {type(value).__name__}, which a checkpoint can not hold: only tensors, '
        'numbers, text and containers of these'
    )


def pack_message_hub(state: Mapping[str, Any]) -> dict[str, Any]:
    """mmengine's message hub state as plain data."""
    scalars = {}
    for name, buffer in state['log_scalars'].items():
        history, counts = buffer.data
        scalars[name] = {
            'history': torch.from_numpy(np.asarray(history, dtype=np.float64)),
            'counts': torch.from_numpy(np.asarray(counts, dtype=np.float64)),
            'max_length': buffer.max_length,
        }
    return {
        'log_scalars': scalars,
        'runtime_info': to_plain(state['runtime_info'], 'message_hub'),
        'resumed_keys': dict(state['resumed_keys']),
    }


def unpack_message_hub(packed: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `pack_message_hub`."""
    scalars = {
        name: HistoryBuffer(entry['history'].numpy(), entry['counts'].numpy(), entry['max_length'])
        for name, entry in packed['log_scalars'].items()
    }
    return {**packed, 'log_scalars': scalars}


def each_scheduler(schedulers: list | dict[str, list] | None) -> Iterator[Any]:
    """All schedules, whatever container they are in."""
    groups = schedulers.values() if isinstance(schedulers, dict) else [schedulers or []]
    for group in groups:
        yield from group


def scheduler_states(schedulers: list | dict[str, list]) -> Any:
    """States of the schedules, in the container they are in; methods are left out."""
    if isinstance(schedulers, dict):
        return {name: scheduler_states(group) for name, group in schedulers.items()}
    return [
        {key: value for key, value in scheduler.state_dict().items() if not callable(value)}
        for scheduler in schedulers
    ]


def load_scheduler_states(schedulers: list | dict[str, list], states: Any) -> None:
    """The inverse of `scheduler_states`.

    Where the optimizer had other groups, the schedules keep the rates that theirs start from.
    """
    if isinstance(schedulers, dict):
        for name, group in schedulers.items():
            load_scheduler_states(group, states[name])
    else:
        for scheduler, state in zip(schedulers, states, strict=True):
            by_group = ('base_values', '_last_value')
            same = len(state['base_values']) == len(scheduler.base_values)
            kept = {key: value for key, value in state.items() if same or key not in by_group}
            scheduler.load_state_dict(kept)


def rng_state() -> dict[str, Any]:
    """State of the random generators of this process: Python's, numpy's, torch's, the GPU's."""
    kind, keys, *rest = np.random.get_state()
    return {
        'python': random.getstate(),
        'numpy': (kind, torch.from_numpy(keys.astype(np.int64)), *rest),
        'torch': torch.get_rng_state(),
        'cuda': torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_rng_state(state: Mapping[str, Any]) -> None:
    """Put the generators back to what `rng_state` returned."""
    random.setstate(state['python'])
    kind, keys, *rest = state['numpy']
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state['torch'])
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'])


def gather_rng_states() -> list[dict[str, Any]]:
    """The states of all processes, by rank; every process must call it."""
    return all_gather_object(rng_state())


def restore_rng_state(states: list[dict[str, Any]]) -> bool:
    """Take this process's state from those of `gather_rng_states`.

    Returns:
        False, with nothing done, where the checkpoint has no state for this rank.
    """
    if get_rank() >= len(states):
        return False
    set_rng_state(states[get_rank()])
    return True
