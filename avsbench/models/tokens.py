"""Backbones that stop before a block and hand their tokens on: a head runs the remaining blocks.

So a head may put tokens of its own beside those of the frame, and mask what attends to what.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.checkpoint.adapter import StateDict
from avsbench.checkpoint.pretrained import Matched, PretrainedPart
from avsbench.models.timm_layout import match_weights
from avsbench.models.timm_networks import check_options, fetch_weights
from avsbench.utils.errors import ConfigError


@dataclass
class TokenState:
    """Tokens of N frames on their way through a backbone.

    It holds no parameters: names, freezing and checkpoints are the backbone's.

    Attributes:
        tokens: (N, S, D), those of the map last, row by row.
        grid: (h, w) of the map.
        next_block: Number of the block that is to be run next.
        backbone: Whose blocks they are.
        code: What the backbone's attentions know of the places, such as a rotary code; None where
            the tokens hold all.
    """

    tokens: Tensor
    grid: tuple[int, int]
    next_block: int
    backbone: 'TokenBackbone'
    code: Tensor | None = None

    @property
    def num_blocks(self) -> int:
        """All blocks of the backbone, those included that were run."""
        return self.backbone.num_blocks

    @property
    def num_places(self) -> int:
        """Tokens of the map, h * w."""
        return self.grid[0] * self.grid[1]

    def run_block(
        self, tokens: Tensor, index: int, attn_mask: Tensor | None = None, num_extra: int = 0
    ) -> Tensor:
        """Run a block.

        Args:
            tokens: (N, num_extra + S, D): further tokens, then those of the frame.
            index: Number of the block.
            attn_mask: (N, 1, num_extra + S, num_extra + S) bool, True where a token (row) attends
                to another; None for everywhere.
            num_extra: How many tokens were put in front.

        Returns:
            Of the shape of the tokens.

        Raises:
            ConfigError: The block takes no further tokens, or not that many.
        """
        return self.backbone.run_block(self, tokens, index, attn_mask, num_extra)

    def norm(self, tokens: Tensor) -> Tensor:
        """The normalisation behind the last block."""
        return self.backbone.norm(tokens)

    def maps(self, tokens: Tensor) -> Tensor:
        """The map (N, D, h, w) in tokens (N, ..., D)."""
        places = tokens[:, tokens.shape[1] - self.num_places :]
        return places.transpose(1, 2).unflatten(2, self.grid)


class TokenBackbone(PretrainedPart, BaseModule):
    """Base of the backbones that return a `TokenState` in place of levels.

    `out_channels` is the width of the tokens, `out_strides` the stride of their map.

    Args:
        model_name: Name of a timm network.
        stop_block: Number of the first block that the head runs, counted from 0, or from -1
            backwards.
        options: Further arguments of the network by their names in timm.
        drop_path_rate: Stochastic depth, active in training; None keeps timm's default.
        weights: Weights to start training from, see `TimmBackbone`.
        require_weights: Whether a missing file stops the training, or is only reported.

    Raises:
        ConfigError: The network lacks that block or an option, or is none of this kind.
    """

    in_channels = 3
    gives_tokens = True
    out_channels: list[int]
    out_strides: tuple[int, ...]

    def __init__(
        self,
        model_name: str,
        *,
        stop_block: int,
        options: dict[str, Any] | None = None,
        drop_path_rate: float | None = None,
        weights: str | None = None,
        require_weights: bool = True,
    ) -> None:
        super().__init__()
        self.model_name = model_name
        self.options = dict(options or {})
        self.weights = weights
        self.require_weights = require_weights
        owner = type(self).__name__
        check_options(owner, model_name, self.options)
        drop_path = {} if drop_path_rate is None else {'drop_path_rate': drop_path_rate}
        self.model = self.create({**drop_path, **self.options})
        self.num_blocks = len(self.blocks())
        first = self.first_stop()
        stop = stop_block + self.num_blocks if stop_block < 0 else stop_block
        if not first <= stop < self.num_blocks:
            raise ConfigError(
                f'{owner}: stop_block={stop_block}, but {model_name} can stop before its blocks '
                f'{first} to {self.num_blocks - 1}, or {first - self.num_blocks} to -1'
            )
        self.stop_block = stop

    @abstractmethod
    def forward(self, frames: Tensor) -> TokenState:
        """The tokens of frames (N, 3, H, W) before the block `stop_block`.

        Raises:
            ConfigError: The network doesn't take frames of that size.
        """

    @abstractmethod
    def create(self, options: dict[str, Any]) -> nn.Module:
        """Make timm's network; sets `out_channels` and `out_strides`."""

    @abstractmethod
    def blocks(self) -> list[nn.Module]:
        """All blocks in their order."""

    def first_stop(self) -> int:
        """The first block before which the backbone can stop."""
        return 0

    @abstractmethod
    def run_block(
        self,
        state: TokenState,
        tokens: Tensor,
        index: int,
        attn_mask: Tensor | None,
        num_extra: int,
    ) -> Tensor:
        """See `TokenState.run_block`."""

    @abstractmethod
    def norm(self, tokens: Tensor) -> Tensor:
        """See `TokenState.norm`."""

    @abstractmethod
    def parameter_depths(self) -> dict[str, int]:
        """Number of the block that each parameter belongs to.

        What comes before the blocks belongs to the first one, what follows them to the last.
        """

    def init_weights(self) -> None:
        """Load the weights, if there are any.

        Raises:
            CheckpointError: They can't be fetched, or don't fit.
        """
        if self.weights == 'timm':
            if self.checkpoint_follows:
                return
            remedy = 'set weights to a file of them, or to None to start from random numbers'
            owner, options = type(self).__name__, self.published_options()
            state = fetch_weights(owner, self.model_name, remedy, num_classes=0, **options)
            self.model.load_state_dict(self.match(state, self.model, 'timm').found)
        else:
            self.load_pretrained(self.model, f'weights of {self.model_name}', self.match)

    def published_options(self) -> dict[str, Any]:
        """Options of the network in whose layout its weights are published."""
        return {**self.options, 'global_pool': ''}

    def match(self, state: StateDict, network: nn.Module, path: str) -> Matched:
        """Select what the network needs of a weight file; see `match_weights`."""
        return match_weights(state, network, path, self.model_name, self.published_options())
