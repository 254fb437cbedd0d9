"""The one family of transformer layers: feed-forward network, encoder and decoder layer, decoder.

Post-norm layers as in DETR (arXiv 2005.12872); positions are optional and join queries and keys,
never values. All systems use the same layers with other settings.
"""

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from avsbench.models.layers.attention import MultiheadAttention
from avsbench.models.layers.dropout import Dropout
from avsbench.models.layers.linear import ACTIVATIONS, linear
from avsbench.registry import MODELS
from avsbench.utils.checks import check_choice


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
        self.act = check_choice('act', act, tuple(ACTIVATIONS))
        self.fc2 = nn.Linear(feedforward_channels, embed_dims)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., C) to (..., C)."""
        if self.act == 'gelu' or torch.is_autocast_enabled(tokens.device.type):
            hidden = linear(tokens, self.fc1.weight, self.fc1.bias, self.act)
            return self.dropout(linear(self.dropout(hidden), self.fc2.weight, self.fc2.bias))
        # ReLU costs next to nothing, so that float32 keeps the rounding of PyTorch's products.
        return self.dropout(self.fc2(self.dropout(self.fc1(tokens).relu_())))


class MLP(nn.Module):
    """Linear layers with an activation between them.

    Args:
        widths: Channels before the first layer and after each.
        act: 'relu' or 'gelu' (the exact one).
    """

    def __init__(self, widths: list[int], act: str = 'relu') -> None:
        super().__init__()
        self.act = getattr(F, check_choice('act', act, tuple(ACTIVATIONS)))
        self.layers = nn.ModuleList(
            nn.Linear(before, after) for before, after in zip(widths[:-1], widths[1:], strict=True)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., first width) to (..., last width)."""
        *hidden, last = self.layers
        for layer in hidden:
            tokens = self.act(layer(tokens))
        return last(tokens)


class TransformerEncoderLayer(nn.Module):
    """Attention to all tokens, or to those of a memory, and feed-forward; residual sums.

    Args:
        embed_dims: Width C.
        num_heads: Heads of the attention.
        feedforward_channels: Inner width of the feed-forward network.
        dropout: Probability after both blocks and on the attention weights.
        attn_bias: Whether the attention projections have biases.
        act: Activation of the feed-forward network.
        norm: Whether layer normalisations follow the sums.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        *,
        feedforward_channels: int,
        dropout: float = 0.0,
        attn_bias: bool = True,
        act: str = 'relu',
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.attn = MultiheadAttention(embed_dims, num_heads, bias=attn_bias, dropout=dropout)
        self.ffn = FFN(embed_dims, feedforward_channels, act=act, dropout=dropout)
        self.norm1 = nn.LayerNorm(embed_dims) if norm else nn.Identity()
        self.norm2 = nn.LayerNorm(embed_dims) if norm else nn.Identity()
        self.dropout = Dropout(dropout)

    def forward(
        self,
        tokens: Tensor,
        pos: Tensor | None = None,
        attn_mask: Tensor | None = None,
        memory: Tensor | None = None,
    ) -> Tensor:
        """Refine tokens.

        Args:
            tokens: (N, S, C).
            pos: Positions of the tokens, broadcastable to them.
            attn_mask: As in `MultiheadAttention`.
            memory: (N, M, C), what the tokens attend to; None for the tokens themselves.

        Returns:
            (N, S, C).
        """
        placed = _add(tokens, pos)
        if memory is None:
            attended = self.attn(placed, placed, tokens, attn_mask)
        else:
            attended = self.attn(placed, memory, memory, attn_mask)
        tokens = self.norm1(tokens + self.dropout(attended))
        return self.norm2(tokens + self.ffn(tokens))


class TransformerDecoderLayer(nn.Module):
    """Self-attention among queries, cross-attention to a memory, feed-forward; post-norm.

    Optionally the queries attend to a context (the audio tokens of their frame) in between.

    Args:
        embed_dims: Width C.
        num_heads: Heads of both attentions.
        feedforward_channels: Inner width of the feed-forward network.
        dropout: Probability after each of the three blocks and on the attention weights.
        attn_bias: Whether the attention projections have biases.
        act: Activation of the feed-forward network.
        context_attn: Whether the layer attends to a context, too.
        cross_first: Whether the queries attend to the memory before they attend to each other.
        with_cp: Compute the layer again in the backward pass instead of keeping its activations.
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
        context_attn: bool = False,
        cross_first: bool = False,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(embed_dims, num_heads, bias=attn_bias, dropout=dropout)
        self.cross_attn = MultiheadAttention(embed_dims, num_heads, bias=attn_bias, dropout=dropout)
        self.ffn = FFN(embed_dims, feedforward_channels, act=act, dropout=dropout)
        self.norm1 = nn.LayerNorm(embed_dims)
        self.norm2 = nn.LayerNorm(embed_dims)
        self.norm3 = nn.LayerNorm(embed_dims)
        self.dropout = Dropout(dropout)

        if context_attn:
            self.context_attn = MultiheadAttention(
                embed_dims, num_heads, bias=attn_bias, dropout=dropout
            )
            self.context_norm = nn.LayerNorm(embed_dims)
        else:
            self.context_attn = None
        self.cross_first = cross_first
        self.with_cp = with_cp

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        *,
        query_pos: Tensor | None = None,
        memory_pos: Tensor | None = None,
        context: Tensor | None = None,
        memory_mask: Tensor | None = None,
    ) -> Tensor:
        """Refine queries by a memory.

        Args:
            queries: (N, Q, C).
            memory: (N, S, C).
            query_pos: Positions of the queries, broadcastable to them.
            memory_pos: Positions of the memory, broadcastable to it.
            context: (N, A, C), read only by a layer with `context_attn`.
            memory_mask: What of the memory each query attends to, as in `MultiheadAttention`.

        Returns:
            (N, Q, C).
        """
        arguments = queries, memory, query_pos, memory_pos, context, memory_mask
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(self._refine, *arguments, use_reentrant=False)
        return self._refine(*arguments)

    def _refine(
        self,
        queries: Tensor,
        memory: Tensor,
        query_pos: Tensor | None,
        memory_pos: Tensor | None,
        context: Tensor | None,
        memory_mask: Tensor | None,
    ) -> Tensor:
        if self.cross_first:
            queries = self._cross(queries, memory, query_pos, memory_pos, memory_mask)
        placed = _add(queries, query_pos)
        attended = self.self_attn(placed, placed, queries)
        queries = self.norm1(queries + self.dropout(attended))
        if self.context_attn is not None:
            attended = self.context_attn(_add(queries, query_pos), context, context)
            queries = self.context_norm(queries + self.dropout(attended))
        if not self.cross_first:
            queries = self._cross(queries, memory, query_pos, memory_pos, memory_mask)
        return self.norm3(queries + self.ffn(queries))

    def _cross(
        self,
        queries: Tensor,
        memory: Tensor,
        query_pos: Tensor | None,
        memory_pos: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor:
        placed = _add(queries, query_pos)
        attended = self.cross_attn(placed, _add(memory, memory_pos), memory, mask)
        return self.norm2(queries + self.dropout(attended))


def _add(tokens: Tensor, pos: Tensor | None) -> Tensor:
    return tokens if pos is None else tokens + pos


@MODELS.register_module()
class TransformerDecoder(BaseModule):
    """A stack of decoder layers; a head that does something between them runs them by itself.

    Attributes:
        layers: The layers, `TransformerDecoderLayer`s.
        norm: What each output passes, but not the input of the next layer.

    Args:
        num_layers: Number of layers.
        embed_dims: Width C.
        num_heads: Heads of each attention.
        feedforward_channels: Inner width of the feed-forward networks.
        dropout: Dropout probability.
        act: Activation of the feed-forward networks.
        num_context_layers: How many layers, from the first on, attend to a context.
        cross_first: Whether the layers attend to the memory before the queries to each other.
        final_norm: Whether a layer normalisation follows each output (not the next layer's input).
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
        act: str = 'gelu',
        num_context_layers: int = 0,
        cross_first: bool = False,
        final_norm: bool = False,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(
                embed_dims,
                num_heads,
                feedforward_channels=feedforward_channels,
                dropout=dropout,
                act=act,
                context_attn=index < num_context_layers,
                cross_first=cross_first,
                with_cp=with_cp,
            )
            for index in range(num_layers)
        )
        self.norm = nn.LayerNorm(embed_dims) if final_norm else nn.Identity()

    def forward(
        self,
        queries: Tensor,
        memory: Tensor | list[Tensor],
        *,
        query_pos: Tensor | None = None,
        memory_pos: Tensor | list[Tensor | None] | None = None,
        memory_mask: Tensor | None = None,
        context: Tensor | None = None,
    ) -> list[Tensor]:
        """Refine the queries layer by layer.

        Args:
            queries: (N, Q, C).
            memory: (N, S, C), tokens of all levels; or a list of levels (N, S_l, C), which the
                layers take in turn.
            query_pos: Positions of the queries, broadcastable to them.
            memory_pos: Positions of the memory, a list where the memory is one.
            memory_mask: Which tokens of the memory exist, as in `MultiheadAttention`; None for all.
            context: (N, A, C), for the layers that attend to one.

        Returns:
            The output of each layer, (N, Q, C) each.
        """
        memories = memory if isinstance(memory, list) else [memory]
        positions = memory_pos if isinstance(memory_pos, list) else [memory_pos]
        outputs = []
        for index, layer in enumerate(self.layers):
            level = index % len(memories)
            queries = layer(
                queries,
                memories[level],
                query_pos=query_pos,
                memory_pos=positions[level],
                memory_mask=memory_mask,
                context=context,
            )
            outputs.append(self.norm(queries))
        return outputs
