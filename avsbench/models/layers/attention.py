"""Multi-head attention on PyTorch's scaled-dot-product path.

`torch.nn.MultiheadAttention` computes the same function, but transposes its batch-first inputs
before the projections and, asked for weights as the published code does, leaves the fused path.
The parameters keep its names (`in_proj_weight`, `in_proj_bias`, `out_proj`), which are those of
every published checkpoint.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsbench.models.layers.dropout import dropout as drop


class MultiheadAttention(nn.Module):
    """Scaled dot-product attention with `num_heads` heads.

    `fused_attn` set to False computes it step by step instead of in one kernel, as timm's
    attentions do under the same name: the same up to rounding, with more memory. So does dropout on
    a CPU, where PyTorch has no kernel for it, unless there is a mask.

    Args:
        embed_dims: Width C of query, key, value and output.
        num_heads: Number of heads; divides `embed_dims`.
        bias: Whether the projections have biases.
        dropout: Probability of dropping an attention weight in training.
    """

    fused_attn = True

    def __init__(
        self, embed_dims: int, num_heads: int, *, bias: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if embed_dims % num_heads:
            raise ValueError(f'num_heads={num_heads} does not divide embed_dims={embed_dims}')
        self.embed_dims = embed_dims
        self.num_heads = num_heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * embed_dims, embed_dims))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * embed_dims)) if bias else None
        self.out_proj = nn.Linear(embed_dims, embed_dims, bias=bias)
        nn.init.xavier_uniform_(self.in_proj_weight)
        if bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Let every query attend to the keys.

        Args:
            query: (N, Q, C).
            key: (N, S, C).
            value: (N, S, C).
            attn_mask: Bool, broadcastable to (N, heads, Q, S), True where attention is allowed;
                or float of that shape, added to the logits.

        Returns:
            (N, Q, C).
        """
        dropout = self.dropout if self.training else 0.0
        if key.shape[1] == 1 and attn_mask is None and dropout == 0:
            # The softmax over one key is 1, whatever the query: only the value path acts.
            attended = self._project(value, 2).expand(-1, query.shape[1], -1)
            return self.out_proj(attended)
        if query is key and key is value:
            projected = F.linear(query, self.in_proj_weight, self.in_proj_bias)
            q, k, v = (self._split_heads(part) for part in projected.chunk(3, dim=-1))
        else:
            q, k, v = (
                self._split_heads(self._project(part, index))
                for index, part in enumerate((query, key, value))
            )
        unfused = dropout > 0 and attn_mask is None and q.device.type == 'cpu'
        if self.fused_attn and not unfused:
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask, dropout)
        else:
            attended = _attend_step_by_step(q, k, v, attn_mask, dropout)
        return self.out_proj(attended.transpose(1, 2).flatten(2))  # from (N, heads, Q, C / heads)

    def _project(self, tokens: Tensor, index: int) -> Tensor:
        rows = slice(index * self.embed_dims, (index + 1) * self.embed_dims)
        bias = None if self.in_proj_bias is None else self.in_proj_bias[rows]
        return F.linear(tokens, self.in_proj_weight[rows], bias)

    def _split_heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (N, heads, S, C/heads)


def _attend_step_by_step(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout: float
) -> Tensor:
    logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if mask is not None:
        logits = (
            logits.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else logits + mask
        )
    weights = logits.softmax(-1).to(value.dtype)  # autocast makes it float32
    return (drop(weights, dropout) if dropout else weights) @ value
