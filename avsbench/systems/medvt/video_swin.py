"""Video Swin Transformer as MED-VT uses it: four levels of a clip, taken after patch merging.

Paper: Video Swin Transformer, arXiv 2106.13230. The blocks are torchvision's `SwinTransformer3d`,
whose numbers equal those of the published code.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.models.video.swin_transformer import SwinTransformer3d

from avsbench.checkpoint.pretrained import PretrainedPart
from avsbench.models.layers import equal_length
from avsbench.registry import MODELS
from avsbench.systems.medvt.keys_video import WINDOW
from avsbench.systems.medvt.starts import match_video_swin

PATCH = (1, 4, 4)


@MODELS.register_module()
class VideoSwin(PretrainedPart, BaseModule):
    """Levels at stride 8, 16, 32 and 32: the first three stages end with their patch merging.

    Attributes:
        needs_clips: The attention reaches over the frames of a clip, so that the segmentor hands
            the clips' lengths on.

    Args:
        embed_dim: Channels after the patch embedding; each merging doubles them.
        depths: Blocks of each stage.
        num_heads: Heads of each stage.
        drop_path_rate: Stochastic depth of the last block, growing linearly from 0.
        weights: File of Video Swin's repository to start training from, or None to start from
            random weights; see `match_video_swin`.
        require_weights: Whether a missing file stops the training, or is only reported.
    """

    in_channels = 3
    needs_clips = True

    def __init__(
        self,
        embed_dim: int = 128,
        depths: tuple[int, int, int, int] = (2, 2, 18, 2),
        num_heads: tuple[int, int, int, int] = (4, 8, 16, 32),
        *,
        drop_path_rate: float = 0.1,
        weights: str | None = None,
        require_weights: bool = True,
    ) -> None:
        super().__init__()
        network = SwinTransformer3d(
            list(PATCH),
            embed_dim,
            list(depths),
            list(num_heads),
            list(WINDOW),
            stochastic_depth_prob=drop_path_rate,
        )
        self.patch_embed = network.patch_embed
        self.features = network.features
        self.out_channels = [2 * embed_dim, 4 * embed_dim, 8 * embed_dim, 8 * embed_dim]
        self.out_strides = (8, 16, 32, 32)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in self.out_channels)
        for module in self.features.modules():
            if hasattr(module, 'relative_position_index'):
                # Follows from the window's size: no part of a checkpoint.
                index = module.relative_position_index
                module.register_buffer('relative_position_index', index, persistent=False)
        self.weights = weights
        self.require_weights = require_weights

    def forward(self, frames: Tensor, clip_lengths: tuple[int, ...]) -> list[Tensor]:
        """Compute the levels.

        Args:
            frames: (N, 3, H, W), clip after clip.
            clip_lengths: Frames of each clip, N together.

        Returns:
            (N, C_l, H_l, W_l) each, finest first; sides are rounded up.
        """
        if (length := equal_length(clip_lengths)) is None:
            clips = zip(frames.split(clip_lengths), clip_lengths, strict=True)
            parts = [self(clip, (length,)) for clip, length in clips]
            return [torch.cat(level) for level in zip(*parts, strict=True)]
        clips = frames.unflatten(0, (-1, length)).transpose(1, 2)  # (B, 3, T, H, W)
        tokens = self.patch_embed(clips)  # (B, T, h, w, C)
        levels = []
        last = len(self.features) - 1
        for index, stage in enumerate(self.features):  # blocks and patch mergings alternate
            tokens = stage(tokens)
            if index % 2 or index == last:
                level = self.norms[len(levels)](tokens).flatten(0, 1)
                levels.append(level.permute(0, 3, 1, 2).contiguous())
        return levels

    def init_weights(self) -> None:
        """Load the weights of a classification of videos, if there are any."""
        self.load_pretrained(self, 'Kinetics weights of Video Swin', match_video_swin)
