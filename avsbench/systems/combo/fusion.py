"""Bilateral fusion of COMBO: mask feature and audio of a frame attend to each other.

Paper: COMBO, arXiv 2312.06462, CVPR 2024; repository github.com/yannqi/COMBO-AVS.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import BidirectionalAttention, sine_position_encoding
from avsbench.registry import MODELS
from avsbench.utils.checks import check_choice

RESIDUALS = ('normalized', 'input')


@MODELS.register_module()
class BilateralFusion(BaseModule):
    """Attention in both directions on normalised inputs, with small learned scales.

    Args:
        embed_dims: Width C of the map.
        audio_channels: Width D of the audio.
        num_heads: Heads of the attention.
        dropout: Dropout probability of the attention weights.
        init_scale: Initial value of the scales of both updates.
        normalize_over: What the softmax of the visual side runs over: 'positions' as published,
            which gives each of them a tiny weight, or 'audio' tokens, as attention does.
        residual: What the updates are added to: 'normalized' inputs as published, or the 'input'.
    """

    def __init__(
        self,
        embed_dims: int,
        audio_channels: int,
        *,
        num_heads: int = 8,
        dropout: float = 0.1,
        init_scale: float = 1e-4,
        normalize_over: str = 'positions',
        residual: str = 'normalized',
    ) -> None:
        super().__init__()
        check_choice('BilateralFusion: residual', residual, RESIDUALS)
        self.normalized_residual = residual == 'normalized'
        self.level_embed = nn.Embedding(1, embed_dims)
        self.audio_pos = nn.Embedding(1, audio_channels)
        self.visual_norm = nn.LayerNorm(embed_dims)
        self.audio_norm = nn.LayerNorm(audio_channels)
        self.attn = BidirectionalAttention(
            embed_dims,
            audio_channels,
            num_heads=num_heads,
            bias=True,
            normalize_over=normalize_over,
            dropout=dropout,
        )
        self.visual_scale = nn.Parameter(torch.full((embed_dims,), init_scale))
        self.audio_scale = nn.Parameter(torch.full((audio_channels,), init_scale))

    def forward(self, feature: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse a map (N, C, h, w) with audio (N, 1, D); both keep their shapes."""
        shape = feature.shape
        tokens = feature.flatten(2).transpose(1, 2) + self.level_embed.weight  # (N, h*w, C)
        pos = sine_position_encoding(
            *shape[2:], shape[1] // 2, normalize=True, device=feature.device
        )
        normed, normed_audio = self.visual_norm(tokens), self.audio_norm(audio)
        visual_update, audio_update = self.attn(normed, normed_audio, pos, self.audio_pos.weight)
        if self.normalized_residual:
            tokens, audio = normed, normed_audio
        tokens = tokens + self.visual_scale * visual_update
        audio = audio + self.audio_scale * audio_update
        return tokens.transpose(1, 2).reshape(shape), audio

    def init_weights(self) -> None:
        """Published start: Xavier projections without biases."""
        for module in self.attn.children():
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
