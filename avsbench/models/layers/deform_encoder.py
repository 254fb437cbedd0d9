"""Transformer encoder with deformable self-attention over the tokens of several levels."""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from avsbench.models.layers.constants import kept_by_arguments
from avsbench.models.layers.deform_attn import MultiScaleDeformableAttention
from avsbench.models.layers.dropout import Dropout
from avsbench.models.layers.position_encoding import sine_position_encoding
from avsbench.models.layers.transformer import FFN


def reference_points_of(
    spatial_shapes: list[tuple[int, int]], device: torch.device | str | None = None
) -> Tensor:
    """Pixel centres of every token, the same for each level: (1, S, L, 2), x before y.

    Calls with equal arguments share the tensor: it is not to be written to.
    """
    return _reference_points(tuple((height, width) for height, width in spatial_shapes), device)


@kept_by_arguments
def _reference_points(
    spatial_shapes: tuple[tuple[int, int], ...], device: torch.device | str | None
) -> Tensor:
    points = []
    for height, width in spatial_shapes:
        y = (torch.arange(height, dtype=torch.float32, device=device) + 0.5) / height
        x = (torch.arange(width, dtype=torch.float32, device=device) + 0.5) / width
        grid_y, grid_x = torch.meshgrid(y, x, indexing='ij')
        points.append(torch.stack((grid_x, grid_y), -1).flatten(0, 1))  # (h * w, 2)
    return torch.cat(points)[None, :, None].expand(-1, -1, len(spatial_shapes), -1)


class DeformableEncoderLayer(nn.Module):
    """Deformable self-attention and feed-forward, post-norm; positions join the query only.

    Args:
        embed_dims: Width C.
        num_heads: Heads of the attention.
        num_levels: Levels L.
        num_points: Sampling points per level and head.
        feedforward_channels: Inner width of the feed-forward network.
        dropout: Dropout probability.
        act: Activation of the feed-forward network.
    """

    def __init__(
        self,
        embed_dims: int,
        *,
        num_heads: int,
        num_levels: int,
        num_points: int,
        feedforward_channels: int,
        dropout: float,
        act: str,
    ) -> None:
        super().__init__()
        self.self_attn = MultiScaleDeformableAttention(
            embed_dims, num_heads=num_heads, num_levels=num_levels, num_points=num_points
        )
        self.ffn = FFN(embed_dims, feedforward_channels, act=act, dropout=dropout)
        self.norm1 = nn.LayerNorm(embed_dims)
        self.norm2 = nn.LayerNorm(embed_dims)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        tokens: Tensor,
        pos: Tensor,
        reference_points: Tensor,
        spatial_shapes: list[tuple[int, int]],
    ) -> Tensor:
        """Refine tokens (N, S, C) with positions (1, S, C); returns (N, S, C)."""
        attended = self.self_attn(tokens + pos, tokens, reference_points, spatial_shapes)
        tokens = self.norm1(tokens + self.dropout(attended))
        return self.norm2(tokens + self.ffn(tokens))


class DeformableEncoder(nn.Module):
    """A stack of deformable encoder layers.

    Args:
        num_layers: Number of layers.
        embed_dims, num_heads, num_levels, num_points, feedforward_channels, dropout, act: Of each
            layer.
        with_cp: Compute each layer again in the backward pass instead of keeping its activations.
    """

    def __init__(
        self,
        num_layers: int,
        embed_dims: int,
        *,
        num_heads: int = 8,
        num_levels: int = 3,
        num_points: int = 4,
        feedforward_channels: int = 2048,
        dropout: float = 0.1,
        act: str = 'gelu',
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        self.layers = nn.ModuleList(
            DeformableEncoderLayer(
                embed_dims,
                num_heads=num_heads,
                num_levels=num_levels,
                num_points=num_points,
                feedforward_channels=feedforward_channels,
                dropout=dropout,
                act=act,
            )
            for _ in range(num_layers)
        )

    def forward(self, tokens: Tensor, pos: Tensor, spatial_shapes: list[tuple[int, int]]) -> Tensor:
        """Refine the tokens of all levels.

        Args:
            tokens: (N, S, C), the levels one after the other.
            pos: (1, S, C), position code with level embedding.
            spatial_shapes: (height, width) of each level.

        Returns:
            Memory (N, S, C).
        """
        reference_points = reference_points_of(spatial_shapes, tokens.device)
        arguments = pos, reference_points, spatial_shapes
        for layer in self.layers:
            if self.with_cp and torch.is_grad_enabled():
                tokens = checkpoint(layer, tokens, *arguments, use_reentrant=False)
            else:
                tokens = layer(tokens, *arguments)
        return tokens


class DeformableEncoding(BaseModule):
    """What pixel decoders with a deformable encoder share: tokens, positions, encoder.

    Args:
        num_levels: Levels to encode.
        embed_dims: Width C.
        num_layers: Layers of the encoder.
        num_heads: Heads of the deformable attention.
        num_points: Sampling points per level and head.
        feedforward_channels: Inner width of the encoder's feed-forward networks.
        dropout: Dropout probability of the encoder.
        act: Activation of the encoder's feed-forward networks.
        normalize_pos: Divide positions by the grid size.
        with_cp: Compute the encoder's layers again in the backward pass, which saves memory.
    """

    def __init__(
        self,
        num_levels: int,
        embed_dims: int,
        *,
        num_layers: int,
        num_heads: int,
        num_points: int,
        feedforward_channels: int,
        dropout: float,
        act: str,
        normalize_pos: bool,
        with_cp: bool,
    ) -> None:
        super().__init__()
        self.embed_dims = embed_dims
        self.normalize_pos = normalize_pos
        self.level_embed = nn.Parameter(torch.empty(num_levels, embed_dims))
        self.encoder = DeformableEncoder(
            num_layers,
            embed_dims,
            num_heads=num_heads,
            num_levels=num_levels,
            num_points=num_points,
            feedforward_channels=feedforward_channels,
            dropout=dropout,
            act=act,
            with_cp=with_cp,
        )
        nn.init.normal_(self.level_embed)

    def encode(self, levels: list[Tensor]) -> Tensor:
        """Encode levels (N, C, h_l, w_l) into a memory (N, S, C), in their order."""
        shapes = [(level.shape[2], level.shape[3]) for level in levels]
        tokens = torch.cat([level.flatten(2).transpose(1, 2) for level in levels], 1)
        return self.encoder(tokens, self.positions(shapes), shapes)

    def positions(self, shapes: list[tuple[int, int]]) -> Tensor:
        """Sine code plus level embedding of the tokens of all encoded levels, (1, S, C)."""
        codes = [
            self.level_position(shape) + embed
            for shape, embed in zip(shapes, self.level_embed, strict=True)
        ]
        return torch.cat(codes)[None]

    def level_position(self, shape: tuple[int, int]) -> Tensor:
        """Sine code of one level of `shape` (h, w): (h * w, C)."""
        return sine_position_encoding(
            *shape,
            self.embed_dims // 2,
            normalize=self.normalize_pos,
            device=self.level_embed.device,
        )
