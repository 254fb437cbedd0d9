"""The one family of transformer layers: feed-forward network, decoder layer, decoder.

Post-norm layers as in DETR (arXiv 2005.12872), without positions: AVSegFormer's decoder and its
query generators use the same layer with other settings.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from avsbench.models.layers.attention import MultiheadAttention
from avsbench.registry import MODELS

ACTIVATIONS = {'relu': nn.ReLU, 'gelu': nn.GELU}


class FFN(nn.Module):
    """Two linear layers with an activation between them.

    Args:
        embed_dims: Width C of input and output.
        feedforward_channels: Width between the two layers.
        act: 'relu' or 'gelu' (the exact one).
        dropout: Probability after the activation and after the second layer.
    """

    def __init__(
        self, embed_dims: int, feedforward_channels: int, *, act: str, dropout: float
    ) -> None:
        super().__init__()
        self.fc1 = nn.Linear(embed_dims, feedforward_channels)
        self.act = ACTIVATIONS[act]()
        self.fc2 = nn.Linear(feedforward_channels, embed_dims)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        return self.dropout(self.fc2(self.dropout(self.act(self.fc1(tokens)))))


class TransformerDecoderLayer(nn.Module):
    """Self-attention among queries, cross-attention to a memory, feed-forward; post-norm.

    Args:
        embed_dims: Width C.
        num_heads: Heads of both attentions.
        feedforward_channels: Inner width of the feed-forward network.
        dropout: Probability after each of the three blocks and on the attention weights.
        attn_bias: Whether the attention projections have biases.
        act: Activation of the feed-forward network.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        *,
        feedforward_channels: int,
        dropout: float = 0.0,
        attn_bias: bool = True,
        act: str = 'gelu',
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(embed_dims, num_heads, bias=attn_bias, dropout=dropout)
        self.cross_attn = MultiheadAttention(embed_dims, num_heads, bias=attn_bias, dropout=dropout)
        self.ffn = FFN(embed_dims, feedforward_channels, act=act, dropout=dropout)
        self.norm1 = nn.LayerNorm(embed_dims)
        self.norm2 = nn.LayerNorm(embed_dims)
        self.norm3 = nn.LayerNorm(embed_dims)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Refine queries (N, Q, C) by a memory (N, S, C); returns (N, Q, C)."""
        attended = self.self_attn(queries, queries, queries)
        queries = self.norm1(queries + self.dropout(attended))
        attended = self.cross_attn(queries, memory, memory)
        queries = self.norm2(queries + self.dropout(attended))
        return self.norm3(queries + self.ffn(queries))


@MODELS.register_module()
class TransformerDecoder(BaseModule):
    """A stack of decoder layers.

    Args:
        num_layers: Number of layers.
        embed_dims: Width C.
        num_heads: Heads of each attention.
        feedforward_channels: Inner width of the feed-forward networks.
        dropout: Dropout probability.
        with_cp: Compute each layer again in the backward pass instead of keeping its activations.
    """

    def __init__(
        self,
        num_layers: int,
        embed_dims: int,
        *,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        dropout: float = 0.1,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(
                embed_dims, num_heads, feedforward_channels=feedforward_channels, dropout=dropout
            )
            for _ in range(num_layers)
        )

    def forward(self, queries: Tensor, memory: Tensor) -> list[Tensor]:
        """Refine the queries layer by layer.

        Args:
            queries: (N, Q, C).
            memory: (N, S, C), tokens of all levels.

        Returns:
            The output of each layer, (N, Q, C) each.
        """
        hidden = []
        for layer in self.layers:
            if self.with_cp and torch.is_grad_enabled():
                queries = checkpoint(layer, queries, memory, use_reentrant=False)
            else:
                queries = layer(queries, memory)
            hidden.append(queries)
        return hidden
