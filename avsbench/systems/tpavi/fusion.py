"""TPAVI: temporal pixel-wise audio-visual interaction of AVSBench.

Paper: Audio-Visual Segmentation, arXiv 2207.05042 (ECCV 2022); repository
github.com/OpenNLPLab/AVSBench (Apache-2.0). A non-local block over all positions of all frames of
a clip, whose keys are made from the audio of the frame.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, einsum, nn

from avsbench.models.layers import equal_length, grouped_lengths
from avsbench.registry import MODELS
from avsbench.utils.checks import check_choice

KEYS = {'audio': ('audio',), 'visual': ('visual',), 'both': ('audio', 'visual')}


@MODELS.register_module()
class TPAVI(BaseModule):
    """Every position attends to all positions of its clip, weighted by query-audio similarity.

    With S positions in a group of frames, y = (theta(x)^T phi(a)) g(x) / S, without a softmax. The
    product is therefore taken from the right, so that the (S, S) matrix never exists; and since the
    audio is constant over a frame, only the mean of each frame enters the sum. All positions of a
    group share that sum: only the image tells which of its frames a sound belongs to.

    Args:
        embed_dims: Width C of map and result.
        audio_channels: Width D of the audio embedding.
        hidden_channels: Width of theta, phi and g.
        group_frames: Frames that attend to each other: each clip is cut into groups of that many,
            the last one may be shorter. None: the whole clip.
        keys: What phi is made of: 'audio'; 'visual', the map itself; or the mean of 'both'.
        audio_bias: Whether the projection of the audio has a bias.
        zero_init: Initialise as the identity (up to the last normalisation), as published.

    Raises:
        ConfigError: Unknown keys.
    """

    def __init__(
        self,
        embed_dims: int,
        audio_channels: int,
        *,
        hidden_channels: int = 128,
        group_frames: int | None = None,
        keys: str = 'audio',
        audio_bias: bool = True,
        zero_init: bool = True,
    ) -> None:
        super().__init__()
        self.keys = KEYS[check_choice('TPAVI: keys', keys, KEYS)]
        self.group_frames = group_frames
        self.audio_proj = nn.Linear(audio_channels, embed_dims, bias=audio_bias)
        self.theta = nn.Conv3d(embed_dims, hidden_channels, 1)
        self.phi = nn.Conv3d(embed_dims, hidden_channels, 1)
        self.g = nn.Conv3d(embed_dims, hidden_channels, 1)
        self.out_proj = nn.Sequential(
            nn.Conv3d(hidden_channels, embed_dims, 1), nn.BatchNorm3d(embed_dims)
        )
        self.norm = nn.LayerNorm(embed_dims)
        if zero_init:
            nn.init.zeros_(self.out_proj[1].weight)
            nn.init.zeros_(self.out_proj[1].bias)

    def forward(
        self, feature: Tensor, audio: Tensor, clip_lengths: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        """Let map and audio of all frames of a group interact.

        Padded frames take part with what they hold, which is zero in the published networks.

        Args:
            feature: (N, C, h, w).
            audio: (N, 1, D).
            clip_lengths: Frames of each clip.

        Returns:
            The map (N, C, h, w) and the projected audio (N, 1, C).
        """
        audio = self.audio_proj(audio)  # (N, 1, C)
        video = feature.transpose(0, 1)[None]  # (1, C, N, h, w): frames as depth
        query = self.theta(video)[0].flatten(2)  # (C', N, h*w)
        branches = []
        for kind in self.keys:
            per_frame = (
                self._audio_keys(video, audio) if kind == 'audio' else self._visual_keys(video)
            )
            summary = self._mean_of_groups(per_frame, clip_lengths)
            attended = einsum('cnp,ncd->dnp', query, summary)  # (C', N, h*w)
            branches.append(self.out_proj(attended.unflatten(2, feature.shape[2:])[None])[0])
        outputs = [
            self.norm((branch.transpose(0, 1) + feature).permute(0, 2, 3, 1))  # (N, h, w, C)
            for branch in branches
        ]
        return (sum(outputs) / len(outputs)).permute(0, 3, 1, 2).contiguous(), audio

    def _mean_of_groups(self, values: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """The mean over the group of each frame, (N, C', C'), of values of the same shape."""
        length = equal_length(clip_lengths)
        if length is None:
            return einsum('nm,mcd->ncd', self._shares(clip_lengths, values), values)
        shares = self._shares((length,), values)  # (T, T), the same for all clips
        return einsum('nm,bmcd->bncd', shares, values.unflatten(0, (-1, length))).flatten(0, 1)

    def _shares(self, clip_lengths: tuple[int, ...], like: Tensor) -> Tensor:
        """(N, N): the share of frame m in the mean of the group of frame n."""
        groups = grouped_lengths(clip_lengths, self.group_frames)
        return torch.block_diag(*(like.new_full((size, size), 1 / size) for size in groups))

    def _audio_keys(self, video: Tensor, audio: Tensor) -> Tensor:
        """Mean of phi g^T over the positions of each frame, keys from the audio, (N, C', C')."""
        key = self.phi(audio[:, 0].T[None, :, :, None, None])[0, :, :, 0, 0]  # (C', N)
        value = self.g(video.mean((3, 4), keepdim=True))[0, :, :, 0, 0]  # (C', N)
        return einsum('cn,dn->ncd', key, value)

    def _visual_keys(self, video: Tensor) -> Tensor:
        """The same with keys from the map itself."""
        key, value = self.phi(video)[0].flatten(2), self.g(video)[0].flatten(2)  # (C', N, h*w)
        return einsum('cnp,dnp->ncd', key, value) / key.shape[2]
