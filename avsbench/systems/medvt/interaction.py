"""Bidirectional interaction of MED-VT++: map and audio token of a frame attend to each other.

Paper: MED-VT++, arXiv 2304.05930; repository github.com/rkyuca/medvt.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import BidirectionalAttention, for_frames
from avsbench.registry import MODELS


@MODELS.register_module()
class BidirectionalInteraction(BaseModule):
    """One head of attention in both directions, added to map and audio.

    Args:
        embed_dims: Width C of the map and of both results.
        audio_channels: Width D of the audio embedding.
        max_frames: Frames of the longest clip: row t of a table marks the audio token of frame t.
        learn_frame_embed: Whether that table is trained and saved. The published one is neither:
            it is drawn at random at each start. It affects the audio side only.
    """

    def __init__(
        self,
        embed_dims: int,
        audio_channels: int,
        *,
        max_frames: int,
        learn_frame_embed: bool = False,
    ) -> None:
        super().__init__()
        self.audio_proj = nn.Linear(audio_channels, embed_dims)
        self.attn = BidirectionalAttention(embed_dims, embed_dims)
        table = torch.randn(max_frames, embed_dims)
        if learn_frame_embed:
            self.frame_embed = nn.Parameter(table)
        else:
            self.register_buffer('frame_embed', table, persistent=False)

    def forward(
        self, feature: Tensor, audio: Tensor, pos: Tensor, clip_lengths: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        """Let map and audio of each frame attend to each other.

        Args:
            feature: (N, C, h, w).
            audio: (N, 1, D).
            pos: (N, h * w, C), positions of the map's tokens.
            clip_lengths: Frames of each clip.

        Returns:
            Map (N, C, h, w) and audio (N, 1, C).

        Raises:
            ValueError: A clip has more frames than `max_frames`.
        """
        if max(clip_lengths) > len(self.frame_embed):
            raise ValueError(
                f'a clip has {max(clip_lengths)} frames, max_frames={len(self.frame_embed)}'
            )
        embed = for_frames(lambda length: self.frame_embed[:length], clip_lengths, feature.shape[0])
        tokens = feature.flatten(2).transpose(1, 2)  # (N, h*w, C)
        audio = self.audio_proj(audio)  # (N, 1, C)
        visual_update, audio_update = self.attn(tokens, audio, pos, embed[:, None])
        tokens = tokens + visual_update
        return tokens.transpose(1, 2).reshape(feature.shape), audio + audio_update
