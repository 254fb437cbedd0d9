"""Convolutional blocks of AVSBench's decoder, which later systems took over.

RefineNet (arXiv 1611.06612) lends the residual units and their fusion, DeepLab (arXiv 1606.00915)
the parallel dilated convolutions. Repository: github.com/OpenNLPLab/AVSBench (Apache-2.0). TPAVI
uses all of them, CATR the dilated projection.
"""

import torch.nn.functional as F
from torch import Tensor, nn


class DilatedProjection(nn.Module):
    """Sum of parallel 3x3 convolutions of different dilation; no norm, no activation.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the result.
        dilations: Dilation, and padding, of each branch.
    """

    def __init__(
        self, in_channels: int, out_channels: int, dilations: tuple[int, ...] = (3, 6, 12, 18)
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation)
            for dilation in dilations
        )
        self.init_weights()

    def forward(self, maps: Tensor) -> Tensor:
        """Map (N, in_channels, h, w) to (N, out_channels, h, w)."""
        first, *others = self.branches
        total = first(maps)
        for branch in others:
            total = total + branch(maps)
        return total

    def init_weights(self) -> None:
        """Published start: weights of deviation 0.01."""
        for branch in self.branches:
            nn.init.normal_(branch.weight, std=0.01)


class ResidualConvUnit(nn.Module):
    """r + conv(ReLU(conv(r))) with r = ReLU(x): the sum carries the rectified map, not x.

    Args:
        channels: Channels of input and result.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Map (N, C, h, w) to the same shape."""
        rectified = self.act(maps)
        return rectified + self.conv2(self.act(self.conv1(rectified)))


class FeatureFusion(nn.Module):
    """Add a finer map to a coarser path, refine the sum and enlarge it bilinearly.

    Args:
        channels: Channels of both inputs and of the result.
        with_skip: Whether a finer map joins; the coarsest block of a pyramid has none.
        align_corners: Of the interpolation.
    """

    def __init__(
        self, channels: int, *, with_skip: bool = True, align_corners: bool = True
    ) -> None:
        super().__init__()
        self.skip_unit = ResidualConvUnit(channels) if with_skip else None
        self.unit = ResidualConvUnit(channels)
        self.align_corners = align_corners

    def forward(self, path: Tensor, skip: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Fuse.

        Args:
            path: (N, C, h, w), the coarser path at the size of `skip`.
            skip: (N, C, h, w), or None for a block without one.
            size: (H, W) of the result.

        Returns:
            (N, C, H, W).
        """
        if self.skip_unit is not None:
            path = path + self.skip_unit(skip)
        return F.interpolate(
            self.unit(path), size, mode='bilinear', align_corners=self.align_corners
        )


def upsampling_predictor(
    in_channels: int,
    channels: tuple[int, int],
    num_classes: int,
    *,
    scale_factor: int,
    bias: bool = True,
) -> nn.Sequential:
    """Three convolutions from a map (N, C, h, w) to logits, with an enlargement after the first.

    Args:
        in_channels: C.
        channels: Channels after the first and second convolution.
        num_classes: K.
        scale_factor: Of the bilinear enlargement.
        bias: Whether the last convolution has a bias.

    Returns:
        A module from (N, C, h, w) to (N, K, scale_factor * h, scale_factor * w).
    """
    middle, last = channels
    return nn.Sequential(
        nn.Conv2d(in_channels, middle, 3, padding=1),
        nn.Upsample(scale_factor=scale_factor, mode='bilinear', align_corners=False),
        nn.Conv2d(middle, last, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(last, num_classes, 1, bias=bias),
    )
