"""Convolutional blocks of AVSBench's network, which later systems adopted.

The parallel dilated convolutions are DeepLab's (arXiv 1606.00915). Repository:
github.com/OpenNLPLab/AVSBench (Apache-2.0).
"""

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
