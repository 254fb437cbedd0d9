"""What a user reads when a run needs more memory than there is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine.runner import Runner
from torch import nn

from avsbench.utils.cli import lacks_memory
from avsbench.utils.errors import AVSBenchError, counted


class MemoryLackError(AVSBenchError):
    """A batch needs more memory than there is: names its size, and settings that need less."""


@contextmanager
def batch_named(runner: Runner, loader: str) -> Iterator[None]:
    """In the block, an error of too little memory names the batch and settings that need less.

    Args:
        runner: Whose model it is.
        loader: Key of its data loader; that of validation is named in one while training.

    Raises:
        MemoryLackError: There is too little memory.
    """
    batch: dict[str, Any] = {}

    def note(module: nn.Module, args: tuple) -> None:
        inputs = args[0].get('inputs') if args and isinstance(args[0], dict) else None
        frames = inputs.get('frames') if isinstance(inputs, dict) else None
        if frames:
            batch['shapes'] = [tuple(clip.shape) for clip in frames]
        batch['training'] = runner.model.training

    preprocessor = getattr(getattr(runner.model, 'module', runner.model), 'data_preprocessor', None)
    handle = None if preprocessor is None else preprocessor.register_forward_pre_hook(note)
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        text = lacks_memory(error)
        if text is None:
            raise
        if loader == 'train_dataloader' and not batch.get('training', True):
            loader = 'val_dataloader'
        raise MemoryLackError(
            f'{text}{_described(batch.get("shapes"))}\n  {_remedy(runner, loader)}'
        ) from error
    finally:
        if handle is not None:
            handle.remove()


def _described(shapes: list[tuple[int, ...]] | None) -> str:
    """The batch in words, from the shapes (T, C, H, W) of its clips."""
    if shapes is None:
        return ''
    frames = sum(shape[0] for shape in shapes)
    height, width = shapes[0][-2:]
    clips = counted(len(shapes), 'clip')
    return f'\n  The batch has {clips}, {frames} frames of {height} x {width} pixels'


def _remedy(runner: Runner, loader: str) -> str:
    size = (runner.cfg.get(loader) or {}).get('batch_size', 1)
    smaller = f'{loader}.batch_size={size // 2}'
    if loader != 'train_dataloader':
        first = f'Set {smaller}' if size > 1 else f'{loader}.batch_size is 1 already: try --amp'
        return f'{first}, or choose a config with smaller frames'
    steps = (runner.cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    more = 'model.backbone.with_cp=True or --amp need less, as does a config with smaller frames'
    if size == 1:
        return f'train_dataloader.batch_size is 1 already; {more}'
    counts = steps * -(-size // (size // 2))
    return (
        f'Pass --cfg-options {smaller} optim_wrapper.accumulative_counts={counts}, which keeps '
        f'{"about " if size % 2 else ""}the clips of a step; {more}'
    )
