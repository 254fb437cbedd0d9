"""Attention of image and audio to each other through one similarity matrix.

MED-VT++ (arXiv 2304.05930) and COMBO (arXiv 2312.06462) use it with other settings.
"""

import torch
from torch import Tensor, nn

from avsbench.models.layers.dropout import dropout
from avsbench.utils.checks import check_choice

MAX_LOGIT = 50000  # of float16, whose largest number is 65504
AXES = {'positions': 2, 'audio': 3}  # of (N, heads, positions, audio)


class BidirectionalAttention(nn.Module):
    """Each side attends to the other; both directions share one similarity matrix.

    Args:
        visual_dims: Width C of the visual tokens and of the attention.
        audio_dims: Width D of the audio tokens.
        num_heads: Heads; divides C.
        bias: Whether the projections of queries, keys and values have biases.
        normalize_over: What the softmax for the visual side runs over: 'audio' tokens, as
            attention does, or visual 'positions', as COMBO does. The audio side's runs over the
            positions always.
        dropout: Dropout probability of both sides' weights.
    """

    def __init__(
        self,
        visual_dims: int,
        audio_dims: int,
        *,
        num_heads: int = 1,
        bias: bool = False,
        normalize_over: str = 'audio',
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        check_choice('BidirectionalAttention: normalize_over', normalize_over, AXES)
        self.visual_axis = AXES[normalize_over]
        self.scale = (visual_dims // num_heads) ** -0.5
        self.visual_qk = nn.Linear(visual_dims, visual_dims, bias=bias)
        self.audio_qk = nn.Linear(audio_dims, visual_dims, bias=bias)
        self.visual_value = nn.Linear(visual_dims, visual_dims, bias=bias)
        self.audio_value = nn.Linear(audio_dims, visual_dims, bias=bias)
        self.visual_out = nn.Linear(visual_dims, visual_dims)
        self.audio_out = nn.Linear(visual_dims, audio_dims)
        self.dropout = dropout

    def forward(
        self, tokens: Tensor, audio: Tensor, pos: Tensor, audio_pos: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let both sides attend to each other.

        Args:
            tokens: (N, S, C).
            audio: (N, A, D).
            pos: Positions of the tokens, broadcastable to them; added to the queries only.
            audio_pos: Positions of the audio, likewise.

        Returns:
            The visual tokens' attended audio (N, S, C) and the audio's attended tokens (N, A, D);
            nothing is added.
        """
        query = self._split_heads(self.visual_qk(tokens + pos)) * self.scale
        key = self._split_heads(self.audio_qk(audio + audio_pos))
        logits = query @ key.transpose(2, 3)  # (N, heads, S, A)
        if logits.dtype == torch.float16:
            logits = logits.clamp(-MAX_LOGIT, MAX_LOGIT)
        visual_weights = self._drop(logits.softmax(self.visual_axis))
        audio_weights = self._drop(logits.softmax(2).transpose(2, 3))
        visual = visual_weights @ self._split_heads(self.audio_value(audio))
        audio = audio_weights @ self._split_heads(self.visual_value(tokens))
        visual, audio = (part.transpose(1, 2).flatten(2) for part in (visual, audio))
        return self.visual_out(visual), self.audio_out(audio)

    def _split_heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # (N, heads, S, C/heads)

    def _drop(self, weights: Tensor) -> Tensor:
        return dropout(weights, self.dropout) if self.training and self.dropout else weights
