"""Spatio-temporal context encoder of MED-VT: joint attention over all frames of a clip.

Paper: MED-VT (CVPR 2023) and MED-VT++, arXiv 2304.05930; repository github.com/rkyuca/medvt.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import (
    MultiheadAttention,
    TransformerEncoderLayer,
    equal_length,
)
from avsbench.registry import MODELS
from avsbench.utils.maps import resize


@MODELS.register_module()
class SpatioTemporalEncoder(BaseModule):
    """Joint self-attention over space and time on the coarsest levels, each on its own.

    Args:
        embed_dims: Width C.
        stages: One dict per level, coarsest first: `num_layers`, and `num_heads`,
            `feedforward_channels`, `dropout`, `norm` of `TransformerEncoderLayer`.
        between_scales: Whether a level also attends to the encoded level below it before its own
            layers. The published audio-visual network has the code but never runs it.
        between_layer: Config of that layer, one for each level but the coarsest; `embed_dims` is
            filled in. None stands for `BetweenScaleLayer`.
    """

    def __init__(
        self,
        embed_dims: int,
        *,
        stages: list[dict],
        between_scales: bool = False,
        between_layer: dict | None = None,
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for stage in stages:
            layer = {key: value for key, value in stage.items() if key != 'num_layers'}
            self.stages.append(
                nn.ModuleList(
                    TransformerEncoderLayer(embed_dims, **layer) for _ in range(stage['num_layers'])
                )
            )
        self.between = None
        if between_scales:
            layer = {'type': 'BetweenScaleLayer', 'embed_dims': embed_dims, **(between_layer or {})}
            self.between = nn.ModuleList(MODELS.build(layer) for _ in stages[1:])

    def forward(
        self, levels: list[Tensor], positions: list[Tensor], clip_lengths: tuple[int, ...]
    ) -> list[Tensor]:
        """Encode the coarsest levels; the finer ones pass.

        Args:
            levels: (N, C, h_l, w_l) each, finest first.
            positions: (N, h_l * w_l, C) each: spatial and temporal code of every token.
            clip_lengths: Frames of each clip; frames of different clips never meet.

        Returns:
            Levels of the same shapes.
        """
        if (length := equal_length(clip_lengths)) is None:
            clips = zip(
                zip(*(level.split(clip_lengths) for level in levels), strict=True),
                zip(*(pos.split(clip_lengths) for pos in positions), strict=True),
                clip_lengths,
                strict=True,
            )
            parts = [self(list(clip), list(pos), (length,)) for clip, pos, length in clips]
            return [torch.cat(level) for level in zip(*parts, strict=True)]

        encoded = list(levels)
        deeper = None
        for index, layers in enumerate(self.stages):
            level = len(levels) - 1 - index
            shape = levels[level].shape  # (N, C, h, w)
            tokens = _join(levels[level].flatten(2).transpose(1, 2), length)  # (B, T*h*w, C)
            pos = _join(positions[level], length)
            if deeper is not None and self.between is not None:
                enlarged = resize(deeper, shape[2:])
                enlarged = _join(enlarged.flatten(2).transpose(1, 2), length)
                tokens = self.between[index - 1](enlarged, tokens, pos)
            for layer in layers:
                tokens = layer(tokens, pos)
            deeper = tokens.reshape(shape[0], -1, shape[1]).transpose(1, 2).reshape(shape)
            encoded[level] = deeper
        return encoded


@MODELS.register_module()
class BetweenScaleLayer(BaseModule):
    """The tokens of a level attend to themselves, guided by the encoded level below.

    The keys are a mixture of both levels, normalised to the statistics of the shallow one; the
    values are the shallow tokens.

    Args:
        embed_dims: Width C.
    """

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        self.fuse_linear1 = nn.Linear(embed_dims, embed_dims)
        self.fuse_linear2 = nn.Linear(embed_dims, embed_dims)
        self.fuse_linear3 = nn.Linear(embed_dims, embed_dims)
        self.gamma = nn.Parameter(torch.ones(embed_dims))
        self.beta = nn.Parameter(torch.zeros(embed_dims))
        self.deep_embed = nn.Parameter(torch.zeros(embed_dims))
        self.shallow_embed = nn.Parameter(torch.zeros(embed_dims))
        self.attn = MultiheadAttention(embed_dims, 1)
        self.linear1 = nn.Linear(embed_dims, embed_dims)
        self.linear2 = nn.Linear(embed_dims, embed_dims)

    def forward(self, deep: Tensor, shallow: Tensor, pos: Tensor) -> Tensor:
        """Combine deep and shallow tokens (B, S, C) of one grid; returns (B, S, C)."""
        mixed = self.fuse_linear3(
            self.fuse_linear1(deep).relu() + self.fuse_linear2(shallow).relu()
        )
        mixed = _restyled(mixed, deep, shallow) * self.gamma + self.beta
        key = mixed + pos + self.deep_embed
        query = shallow + pos + self.shallow_embed
        shallow = shallow + self.attn(query, key, shallow)
        return shallow + self.linear2(self.linear1(shallow).relu())


@MODELS.register_module()
class DeepValueLayer(TransformerEncoderLayer):
    """The tokens of a level attend to those of the encoded level below, of which they take.

    The ResNet networks' layer: keys and values are the deep tokens, brought to the statistics of
    the shallow ones. Arguments as in `TransformerEncoderLayer`.
    """

    def forward(self, deep: Tensor, shallow: Tensor, pos: Tensor) -> Tensor:
        """Combine deep and shallow tokens (B, S, C) of one grid; returns (B, S, C)."""
        deep = _restyled(deep, deep, shallow)
        attended = self.attn(shallow + pos, deep + pos, deep)
        tokens = self.norm1(shallow + self.dropout(attended))
        return self.norm2(tokens + self.ffn(tokens))


def _restyled(tokens: Tensor, old: Tensor, new: Tensor) -> Tensor:
    """Tokens (B, S, C) freed of the mean and deviation of `old`, with those of `new`."""
    mean, std = old.mean(1, keepdim=True), old.std(1, keepdim=True)
    # Chosen on the device: a condition of Python would wait for it.
    std = torch.where(std.min() > 1e-10, std, torch.ones_like(std))
    return (tokens - mean) / std * new.std(1, keepdim=True) + new.mean(1, keepdim=True)


def _join(tokens: Tensor, length: int) -> Tensor:
    """(B * T, S, C) to (B, T * S, C)."""
    return tokens.unflatten(0, (-1, length)).flatten(1, 2)
