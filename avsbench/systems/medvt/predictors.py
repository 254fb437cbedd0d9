"""Predictors of MED-VT, from feature map and affinity to logits: the 2-D and the 3-D head.

Paper: MED-VT (CVPR 2023) and MED-VT++, arXiv 2304.05930; repository github.com/rkyuca/medvt. The
published audio-visual network has the 2-D head; its figure shows the 3-D head with label
propagation, which the unimodal network of the same repository has.
"""

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import equal_length
from avsbench.registry import MODELS
from avsbench.systems.medvt.label_propagation import LabelPropagation
from avsbench.utils.maps import resize


@MODELS.register_module()
class UpsamplingPredictor(BaseModule):
    """Three convolutions frame by frame, enlarging by four in all.

    Args:
        in_channels: Channels of map and affinity together.
        num_classes: K.
        channels: Channels after the first and second convolution.
        padded_last_conv: Whether the last convolution, of kernel 1, has padding 1 as published:
            row and column 0 of the logits are then its bias, and the part of the image above and
            left of the centre is shifted by a pixel.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        channels: tuple[int, int] = (384, 256),
        padded_last_conv: bool = True,
    ) -> None:
        super().__init__()
        first, second = channels
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, first, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first, second, 3, padding=1),
            nn.Upsample(scale_factor=2, mode='bilinear', align_corners=False),
            nn.ReLU(inplace=True),
            nn.Conv2d(second, num_classes, 1, padding=1 if padded_last_conv else 0),
        )

    def forward(self, maps: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """Map (N, D, h, w) to logits (N, K, 4h, 4w), frame by frame."""
        height, width = maps.shape[2:]
        enlarged = resize(maps, (2 * height, 2 * width), 'nearest')
        return resize(self.layers(enlarged), (4 * height, 4 * width), 'nearest')


@MODELS.register_module()
class PropagatingPredictor(BaseModule):
    """Convolutions over space and time, then label propagation among the frames of a clip.

    Args:
        in_channels: Channels of map and affinity together.
        num_classes: K.
        channels: Channels after each convolution but the last.
        label_scale: Enlargement of the logits before the label encoder; None leaves label
            propagation out, the published mode 0.
        label_targets: Which frames take labels over, see `LabelPropagation`: 'all' or 'last'.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        channels: tuple[int, int, int] = (384, 256, 128),
        label_scale: float | None = 8,
        label_targets: str = 'all',
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.layers = nn.Sequential(
            nn.Conv3d(in_channels, first, (1, 3, 3), padding=(0, 1, 1)),
            nn.GroupNorm(4, first),
            nn.ReLU(inplace=True),
            nn.Conv3d(first, second, 3, dilation=2, padding=2),
            nn.GroupNorm(4, second),
            nn.ReLU(inplace=True),
            nn.Conv3d(second, third, 3, dilation=2, padding=2),
            nn.GroupNorm(4, third),
            nn.ReLU(inplace=True),
            nn.Conv3d(third, num_classes, 1),
        )
        self.propagation = None
        if label_scale is not None:
            self.propagation = LabelPropagation(
                in_channels, num_classes, label_scale=label_scale, label_targets=label_targets
            )

    def forward(self, maps: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """Map (N, D, h, w) to logits (N, K, h, w), clip by clip."""
        return self.propagate(self.convolve(maps, clip_lengths), maps, clip_lengths)

    def convolve(self, maps: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """Map (N, D, h, w) to logits (N, K, h, w) before label propagation."""
        if (length := equal_length(clip_lengths)) is not None:
            clips = maps.unflatten(0, (-1, length)).transpose(1, 2)  # (B, D, T, h, w)
            return self.layers(clips).transpose(1, 2).flatten(0, 1)
        logits = [
            self.layers(clip.transpose(0, 1)[None])[0].transpose(0, 1)
            for clip in maps.split(clip_lengths)
        ]
        return torch.cat(logits)

    def propagate(self, logits: Tensor, maps: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """Logits after label propagation; the very logits given where there is none."""
        if self.propagation is None:
            return logits
        return self.propagation(logits, maps, clip_lengths)
