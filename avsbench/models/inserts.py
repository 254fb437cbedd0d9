"""Modules that are inserted into a built network, and trained while the rest may be frozen.

Each starts as the identity, so that the network computes at first what it did without them. They
change what modules compute, by hooks; forward functions and the names of all other parameters stay
as they are, so that published weights fit. An inserted module is `<path of its target>.adapter`.

The package peft isn't used: its LoRA layers take the place of linear layers, whose weights are then
called `<path>.base_layer.weight` and no longer fit published files, and it knows neither adapters
behind a branch of a network of timm nor prompts of one. What is left of it is a dozen lines.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from avsbench.registry import MODELS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, examples
from avsbench.utils.patterns import matching, near_patterns

NAME = 'adapter'
LAYOUTS = ('tokens', 'maps')


class Insert(nn.Module, ABC):
    """Base of what can be inserted into a network.

    Attributes:
        is_inserted: True, by which weight files know that they don't have these parameters.
        before: Whether it changes the input of its target, instead of the output.
        called: Whether the network has run it.

    Args:
        at: Pattern of its targets, see `avsbench.utils.patterns`; `insert_modules` reads it.
    """

    is_inserted: ClassVar[bool] = True
    before: ClassVar[bool] = False

    def __init__(self, at: str) -> None:
        super().__init__()
        self.at = at
        self.called = False

    @abstractmethod
    def forward(self, inputs: Tensor, output: Tensor) -> Tensor:
        """What takes the place of the output (or, with `before`, of the input, given twice)."""


@MODELS.register_module()
class Adapter(Insert):
    """A bottleneck of two linear layers behind a module, added to its output.

    Behind the module that ends a residual branch, such as `blocks.*.mlp`, it is the adapter of
    Houlsby et al. (arXiv 1902.00751).

    Args:
        target: The module.
        at: See `Insert`.
        hidden_channels: Width between the layers.
        channels: Width of the output; None for that of the target's last layer.
        layout: 'tokens': channels are the last axis of the output; 'maps': the second.

    Raises:
        ConfigError: The target tells no width.
    """

    def __init__(
        self,
        target: nn.Module,
        *,
        at: str,
        hidden_channels: int = 64,
        channels: int | None = None,
        layout: str = 'tokens',
    ) -> None:
        super().__init__(at)
        width = channels or width_of(target, at)
        self.axis = _axis(type(self).__name__, layout)
        self.down = nn.Linear(width, hidden_channels)
        self.up = nn.Linear(hidden_channels, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, inputs: Tensor, output: Tensor) -> Tensor:
        """Add the bottleneck to an output (..., C) or (N, C, h, w)."""
        change = self.up(nn.functional.gelu(self.down(output.movedim(self.axis, -1))))
        return output + change.movedim(-1, self.axis)


@MODELS.register_module()
class LoRA(Insert):
    """A linear layer's low-rank change (arXiv 2106.09685): W x + b + alpha / rank * up(down(x)).

    Args:
        target: The linear layer.
        at: See `Insert`.
        rank: Of the change.
        alpha: Its scale; None for `rank`, i.e. a factor of 1.

    Raises:
        ConfigError: The target is no linear layer.
    """

    def __init__(
        self, target: nn.Module, *, at: str, rank: int = 8, alpha: float | None = None
    ) -> None:
        super().__init__(at)
        if not isinstance(target, nn.Linear):
            raise ConfigError(
                f'LoRA: at={at!r} matches a {type(target).__name__}, expected linear layers, such '
                'as blocks.*.attn.qkv; take Adapter for other modules'
            )
        self.scale = 1.0 if alpha is None else alpha / rank
        self.down = nn.Linear(target.in_features, rank, bias=False)
        self.up = nn.Linear(rank, target.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, inputs: Tensor, output: Tensor) -> Tensor:
        """Add the change to an output (..., C') of inputs (..., C)."""
        return output + self.scale * self.up(self.down(inputs))


@MODELS.register_module()
class PromptVectors(Insert):
    """Learned vectors that are mixed into the tokens in front of a module.

    Each token takes a mean of the vectors, weighted by its scalar products with them, through a
    gate per channel that starts at zero (arXiv 2303.16199). The number of tokens stays the same, so
    that it works in windows and on grids, too; one vector is a learned shift.

    Args:
        target: The module.
        at: See `Insert`.
        count: Vectors.
        channels: Width of the tokens; None for that of the target's last layer.
        layout: See `Adapter`.

    Raises:
        ConfigError: The target tells no width.
    """

    before = True

    def __init__(
        self,
        target: nn.Module,
        *,
        at: str,
        count: int = 8,
        channels: int | None = None,
        layout: str = 'tokens',
    ) -> None:
        super().__init__(at)
        width = channels or width_of(target, at)
        self.axis = _axis(type(self).__name__, layout)
        self.vectors = nn.Parameter(torch.empty(count, width))
        self.gate = nn.Parameter(torch.zeros(width))
        nn.init.normal_(self.vectors, std=0.5)

    def forward(self, inputs: Tensor, output: Tensor) -> Tensor:
        """Mix the vectors into tokens (..., C) or maps (N, C, h, w)."""
        tokens = inputs.movedim(self.axis, -1)
        shares = (tokens @ self.vectors.T / math.sqrt(len(self.gate))).softmax(-1)
        return inputs + (self.gate * (shares @ self.vectors)).movedim(-1, self.axis)


def insert_modules(
    owner: str, network: nn.Module, inserts: Sequence[Mapping[str, Any]]
) -> dict[str, Insert]:
    """Insert modules into a network, in place.

    Args:
        owner: Class that the network is for, for errors.
        network: The network.
        inserts: Configs, `type` and arguments of an `Insert` in each.

    Returns:
        The inserted modules by their names in the network.

    Raises:
        ConfigError: A pattern matches nothing, or what nothing can be inserted at.
    """
    known = dict(network.named_modules())
    inserted = {}
    for cfg in inserts:
        pattern = cfg.get('at')
        names = matching(pattern, known) if isinstance(pattern, str) else []
        if not names:
            hint = near_patterns(str(pattern), known)
            raise ConfigError(
                f'{owner}: inserts: at={pattern!r} matches no part of the network{hint}'
            )
        for name in names:
            target = known[name]
            _check_target(owner, name, target)
            part = MODELS.build({**cfg, 'target': target})
            target.add_module(NAME, part)
            if part.before:
                target.register_forward_pre_hook(_change_input)
            else:
                target.register_forward_hook(_change_output)
            inserted[f'{name}.{NAME}'] = part
    return inserted


def check_called(owner: str, inserted: Mapping[str, Insert]) -> None:
    """Check after a pass that the network has run all inserted modules.

    Some networks compute with the weights of a layer, instead of calling it.

    Raises:
        ConfigError: One was not run.
    """
    idle = [name for name, part in inserted.items() if not part.called]
    if idle:
        raise ConfigError(
            f'{owner}: inserts: the network does not run {examples(idle, 3)}: it reads the weights '
            'of that module, or has no use for it; insert at the module around it'
        )


def width_of(target: nn.Module, at: str) -> int:
    """Channels that a module gives: those of the last layer in it.

    Raises:
        ConfigError: There is none.
    """
    width = None
    for part in target.modules():
        if isinstance(part, nn.Linear):
            width = part.out_features
        elif isinstance(part, nn.Conv2d):
            width = part.out_channels
    if width is None:
        raise ConfigError(
            f'at={at!r} matches a {type(target).__name__}, which tells no width; set channels'
        )
    return width


def _axis(owner: str, layout: str) -> int:
    return {'tokens': -1, 'maps': 1}[check_choice(f'{owner}: layout', layout, LAYOUTS)]


def _check_target(owner: str, name: str, target: nn.Module) -> None:
    if isinstance(target, nn.Sequential | nn.ModuleList | nn.ModuleDict):
        raise ConfigError(
            f'{owner}: inserts: {name} is a {type(target).__name__}, which nothing can be inserted '
            f'at; name its members, as {name}.*'
        )
    if hasattr(target, NAME):
        raise ConfigError(
            f'{owner}: inserts: {name}.{NAME} is there already; insert one of the two around or '
            'inside of that module'
        )


def _change_input(target: nn.Module, args: tuple) -> tuple:
    part: Insert = target.adapter
    if not part.called:
        part.called = True
    return (part(args[0], args[0]), *args[1:])


def _change_output(target: nn.Module, args: tuple, output: Tensor) -> Tensor:
    part: Insert = target.adapter
    if not part.called:
        part.called = True
    return part(args[0], output)
