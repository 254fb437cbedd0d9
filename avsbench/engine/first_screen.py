"""What a run says first: what is trained or tested on what, from which weights, to which folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapperDict
from mmengine.runner import BaseLoop, EpochBasedTrainLoop, Runner
from torch import nn

from avsbench.checkpoint.pretrained import PretrainedPart
from avsbench.engine.amp import BFloat16OptimWrapper
from avsbench.utils.errors import counted, examples
from avsbench.utils.parallel import usable_cores

VERBS = {'train': 'training', 'val': 'validating', 'test': 'testing'}
"""The loops of a runner, and what they do."""

_WIDTH = 12  # of the names of the facts
_HALVES = {'bf16': 'bfloat16', 'fp16': 'float16', 'off': 'float32'}


def first_screen(runner: Runner, loop: str) -> str:
    """The first lines of a run, once everything is built and loaded.

    Args:
        runner: The runner, before the first step.
        loop: Key of `VERBS`.
    """
    identity = runner.identity
    config = f' ({_shown(runner.cfg.filename)})' if runner.cfg.filename else ''
    network = identity['head'] or type(runner.bare_model).__name__
    lines = [f'{VERBS[loop]} {network}{config} on {identity["subset"] or "its data"}']
    lines += [f'  {name:<{_WIDTH}} {text}' for name, text in _facts(runner, loop)]
    return '\n'.join(lines)


def _facts(runner: Runner, loop: str) -> Iterator[tuple[str, str]]:
    built = {'train': runner._train_loop, 'val': runner._val_loop, 'test': runner._test_loop}
    wanted = ('train', 'val') if loop == 'train' else (loop,)
    loops = {key: built[key] for key in wanted if isinstance(built[key], BaseLoop)}
    for key, found in loops.items():
        yield f'data, {key}', _data(found)
    yield 'weights', _weights(runner)
    if loop == 'train':
        yield 'length', _length(runner)
    yield 'parameters', _parameters(runner.bare_model, loop)
    yield 'precision', _precision(runner, loop)
    yield 'device', _device(runner, loops)
    logs = Path(runner.log_dir)
    yield 'results', f'{_shown(runner.work_dir)}; config.py, env.json and log in {logs.name}/ there'


def _data(loop: BaseLoop) -> str:
    dataset = loop.dataloader.dataset
    root = getattr(dataset, 'data_root', None)
    text = counted(len(dataset), 'clip') + (f' of {_shown(root)}' if root else '')
    return text + (', generated' if getattr(dataset, 'synthetic', False) else '')


def _weights(runner: Runner) -> str:
    loaded = runner.loaded_checkpoint
    if loaded is not None:
        epoch = runner.loaded_meta.get('epoch')
        at = '' if epoch is None else f', epoch {epoch}'
        return f'{_shown(loaded)}{at}' + (', resumed' if runner._resume else '')
    parts = [part for part in runner.bare_model.modules() if isinstance(part, PretrainedPart)]
    files = [part.weights for part in parts if part.weights and not part.missing_weights]
    missing = getattr(runner.bare_model, 'missing_pretrained', [])
    text = f'{examples(dict.fromkeys(files))}; the rest random' if files else 'random'
    return text + (f'; no file {examples(missing)}' if missing else '')


def _length(runner: Runner) -> str:
    loop = runner._train_loop
    batch = loop.dataloader.batch_size * runner.world_size
    if isinstance(loop, EpochBasedTrainLoop):
        each = counted(len(loop.dataloader), 'step')
        steps = f'{counted(loop.max_epochs, "epoch")}, each of {each}'
    else:
        steps = counted(loop.max_iters, 'step')
    wrapper = runner.optim_wrapper
    summed = 1 if isinstance(wrapper, OptimWrapperDict) else wrapper._accumulative_counts
    text = f'{steps} of {counted(batch, "clip")}'
    return text if summed == 1 else f'{text}; gradients of {summed} steps are added up'


def _parameters(model: nn.Module, loop: str) -> str:
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    total, trained = sum(n for n, _ in sizes), sum(n for n, wanted in sizes if wanted)
    text = f'{total / 1e6:.2f} M'
    return f'{text}, {trained / 1e6:.2f} M of them trained' if loop == 'train' else text


def _precision(runner: Runner, loop: str) -> str:
    evaluated = _HALVES[runner.evaluation_amp]
    if loop != 'train':
        return evaluated
    wrapper = runner.optim_wrapper
    trained = 'float32'
    if isinstance(wrapper, BFloat16OptimWrapper):
        trained = 'bfloat16'
    elif isinstance(wrapper, AmpOptimWrapper):
        trained = str(wrapper.cast_dtype or torch.float16).removeprefix('torch.')
    return trained if trained == evaluated else f'{trained}, validation {evaluated}'


def _device(runner: Runner, loops: dict[str, BaseLoop]) -> str:
    device = next(runner.bare_model.parameters()).device
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else 'CPU'
    workers = [f'{key} {loop.dataloader.num_workers}' for key, loop in loops.items()]
    many = f'{runner.world_size} processes of ' if runner.world_size > 1 else ''
    return (
        f'{name}; {many}threads {torch.get_num_threads()}, usable cores {usable_cores()}; '
        f'workers of the data: {", ".join(workers)}'
    )


def _shown(path: str | Path) -> str:
    """A path from the current folder where it is inside, else whole."""
    text = os.path.relpath(path)
    return str(path) if text.startswith(os.pardir) else text
