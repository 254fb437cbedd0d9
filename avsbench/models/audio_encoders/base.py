"""What audio encoders share: frozen ones compute each second of sound once."""

import math
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from avsbench.media.front_ends import FRONT_ENDS
from avsbench.models.audio_encoders.feature_cache import FeatureCache
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError

# Frozen encoders embed this many patches at a time. The last bits of a product depend on its size,
# so only then do the features of a clip not depend on what else is in its batch, nor on which
# patches the cache has: what it keeps is computed from that many always, filled up with zeros.
PATCHES_AT_ONCE = 5


class AudioEncoder(BaseModule):
    """Base of the networks that embed log-mel patches; a subclass implements `embed`.

    A frozen encoder keeps its weights, runs without gradient, in evaluation mode and in float32
    (also under autocast, so that what the cache holds serves every run).

    A patch becomes one of three outputs, as far as the encoder publishes them:

    - 'vector': one token, what the network itself makes of the whole patch;
    - 'tokens': one token per time step, the mean over the frequencies of the map;
    - 'map': the tokens of all time steps and frequencies, time by frequency.

    Every decode head reads a vector; the others are for heads that set `accepts_audio_grid`.

    Args:
        frozen: Keep the weights as they are.
        tokens: What a patch becomes, one of `outputs`.
        cache_dir: Folder in which features of a frozen encoder are kept, see `FeatureCache`; None
            computes them each time. The values are the same: to the bit for batches of whole clips
            of five or ten patches.

    Attributes:
        out_channels: Width D of the features.
        out_grid: Rows and columns of the tokens of a patch, A together, row by row.
        outputs: What the encoder publishes.
        front_end: Name of what the patches must come from, see `avsbench.media.front_ends`. A
            config need not name it in its pipelines: `LoadClip` takes that of the encoder. None for
            an encoder that takes any.

    Raises:
        ConfigError: A folder is given, but the encoder is trained; or it has no such output.
    """

    outputs: ClassVar[tuple[str, ...]] = ('vector',)
    front_end: ClassVar[str | None] = None

    out_channels: int
    out_grid: tuple[int, int] = (1, 1)

    def __init__(self, *, frozen: bool, cache_dir: str | None, tokens: str = 'vector') -> None:
        super().__init__()
        name = type(self).__name__
        self.tokens = check_choice(f'{name}: tokens', tokens, self.outputs)
        if cache_dir is not None and not frozen:
            raise ConfigError(
                f'{name}: cache_dir={cache_dir!r} needs frozen=True: features of an '
                'encoder that is trained change with every step; set cache_dir=None'
            )
        self.frozen = frozen
        self.cache = None if cache_dir is None else FeatureCache(cache_dir)

    def forward(self, patches: Tensor, keys: Sequence[bytes] | None = None) -> Tensor:
        """Embed log-mel patches.

        Args:
            patches: (N, *shape), with the shape of the front end.
            keys: N hashes of the patches (`patch_key`), by which the cache is asked; None computes
                all of them.

        Returns:
            (N, A, D).
        """
        if not self.frozen:
            return self.embed(patches)
        with torch.no_grad(), _full_precision(patches.device):
            if self.cache is None or keys is None:
                return self._embed_frozen(patches)
            compute = partial(self._embed_frozen, fill_up=self.cache.keeps)
            features = self.cache.features(self, keys, patches, compute)  # (N, 1, A * D)
            return features.view(len(features), math.prod(self.out_grid), -1)

    @abstractmethod
    def embed(self, patches: Tensor) -> Tensor:
        """Run the network on patches (N, *shape); returns (N, A, D)."""

    def set_grid(self, grid: tuple[int, int]) -> None:
        """Publish the grid of the tokens, for a map of this many time steps and frequencies."""
        self.out_grid = {'vector': (1, 1), 'tokens': (grid[0], 1), 'map': grid}[self.tokens]

    def tokens_of(self, places: Tensor) -> Tensor:
        """The tokens (N, A, D) of a map (N, time, frequency, D), for all outputs but the vector."""
        return places.mean(2) if self.tokens == 'tokens' else places.flatten(1, 2)

    def check_patches(self, patches: Tensor) -> None:
        """Check that patches (N, *shape) have the shape of the encoder's front end.

        Raises:
            ConfigError: They are those of another front end.
        """
        expected = FRONT_ENDS[self.front_end].shape
        if patches.shape[1:] != expected:
            raise ConfigError(
                f'{type(self).__name__}: log-mel patches of shape {tuple(patches.shape[1:])}, '
                f'expected {expected}: set front_end={self.front_end!r} of LoadClip, or take '
                'TimmAudioEncoder, which reads any'
            )

    def train(self, mode: bool = True) -> 'AudioEncoder':
        """Set the mode; a frozen encoder stays in evaluation mode."""
        return super().train(mode and not self.frozen)

    def _embed_frozen(self, patches: Tensor, *, fill_up: bool = False) -> Tensor:
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return self.embed(patches)  # one graph for any number of patches
        count = len(patches)
        if fill_up:
            padding = [0, 0] * (patches.dim() - 1) + [0, -count % PATCHES_AT_ONCE]
            patches = F.pad(patches, padding)
        return torch.cat([self.embed(part) for part in patches.split(PATCHES_AT_ONCE)])[:count]


def _full_precision(device: torch.device) -> AbstractContextManager:
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()
