"""torch.compile of a network's backbone and decode head, and a count of what it compiles."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

from avsbench.utils.errors import ConfigError, nearest

# Losses, optimizer and the audio encoder, which is frozen and cached, stay outside.
PARTS = ('backbone', 'decode_head')


@dataclass(frozen=True)
class CompileSettings:
    """How parts are compiled; the key `compile` of a config, which may be True for the defaults.

    Attributes:
        enabled: Whether they are.
        backend: Of torch.compile.
        dynamic: Whether sizes are variables of a graph: True from the start, False never, None
            from the second size on. None compiles whole batches as they are, and a smaller last
            one once.
    """

    enabled: bool = True
    backend: str = 'inductor'
    dynamic: bool | None = None


def compile_settings(cfg: Config) -> CompileSettings | None:
    """The settings of a config, None where nothing is to be compiled.

    Raises:
        ConfigError: There is no such backend.
    """
    given = cfg.get('compile') or {'enabled': False}
    settings = CompileSettings(**({} if given is True else given))
    if not settings.enabled:
        return None
    known = torch._dynamo.list_backends(None)
    if settings.backend not in known:
        raise ConfigError(
            f'{cfg.filename}: compile.backend={settings.backend!r} is no backend of torch.compile '
            f'here, expected one of {", ".join(known)}{nearest(settings.backend, known)}'
        )
    return settings


def compile_trouble(settings: CompileSettings, device: torch.device) -> str:
    """Why nothing can be compiled on this machine, empty where it can.

    Found by trying: compilers, drivers and writable folders are needed in many combinations.
    """
    values = torch.ones(8, device=device, requires_grad=True)
    compiled = torch.compile(_tried, backend=settings.backend, dynamic=settings.dynamic)
    try:
        compiled(values).backward()
    except Exception as error:  # whatever a compiler or driver raises
        text = str(error).strip().split('\n', 1)[0]
        return f'{type(error).__name__}: {text}'
    return ''


def use_compile(cfg: Config, wanted: bool) -> None:
    """Switch it on or off in a config, in place; how it is done stays as the config says."""
    given = cfg.get('compile')
    cfg.compile = {**given, 'enabled': wanted} if isinstance(given, dict) else wanted


@contextmanager
def compiled_parts(model: nn.Module, settings: CompileSettings) -> Iterator[None]:
    """Compile the parts of a network in place; the keys of its state stay the same.

    A graph that the backend fails to compile later in the run is computed by PyTorch's operators,
    and torch logs a warning.
    """
    with torch._dynamo.config.patch(suppress_errors=True):
        for name in PARTS:
            getattr(model, name).compile(backend=settings.backend, dynamic=settings.dynamic)
        yield


class CompileHook(Hook):
    """Counts the graphs that are compiled, and warns where there are too many.

    Each mode (training, evaluation), each part that is frozen or not, and the second size of a
    batch need a graph for each part. Above PyTorch's limit for a part it is no longer compiled.

    Args:
        limit: Graphs above which to warn, with the reason of the last one.
    """

    priority = 'VERY_LOW'

    def __init__(self, limit: int = 12) -> None:
        self.limit = limit
        self._before = graph_count()
        self._graphs = 0
        self._warned = False

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
        mode: str = 'train',
    ) -> None:
        graphs = graph_count() - self._before
        if graphs == self._graphs:
            return
        self._graphs = graphs
        place = f'{graphs} graphs by {mode} step {batch_idx + 1}'
        reason = last_reason()
        because = f', the last because of {reason}' if reason else ''
        runner.logger.info(f'compiled {place}{because}')
        if graphs > self.limit and not self._warned:
            self._warned = True
            runner.logger.warning(
                f'compiled {place}, each of which takes time{because}. PyTorch no longer compiles '
                f'a part after {recompile_limit()} graphs of it. Clips of equal length, '
                'drop_last=True in the loader, or compile.dynamic=True avoid that'
            )

    def after_run(self, runner: Runner) -> None:
        """Log the totals."""
        breaks = sum(torch._dynamo.utils.counters['graph_break'].values())
        runner.logger.info(
            f'compiled {self._graphs} graphs of {" and ".join(PARTS)} in all, with {breaks} breaks'
        )


def graph_count() -> int:
    """Graphs that were compiled in this process."""
    return torch._dynamo.utils.counters['stats']['unique_graphs']


def last_reason() -> str:
    """Which guard made PyTorch compile its last graph; '' if it was a first one, or not known."""
    metrics = torch._dynamo.utils.get_compilation_metrics()
    reasons = [getattr(metric, 'recompile_reason', None) for metric in metrics]  # PyTorch 2.6
    found = next((reason for reason in reversed(reasons) if reason), '')
    return ' '.join(found.split())


def recompile_limit() -> int:
    """Graphs of a part after which PyTorch stops compiling it."""
    settings = torch._dynamo.config
    # Its name before PyTorch 2.7.
    return getattr(settings, 'recompile_limit', None) or settings.cache_size_limit


def _tried(values: torch.Tensor) -> torch.Tensor:
    return (2 * values).relu().sum()
