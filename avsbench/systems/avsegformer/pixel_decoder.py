"""Pixel decoder of AVSegFormer: deformable encoder over three levels and a stride-4 lateral.

Paper: AVSegFormer, arXiv 2307.01146; repository github.com/vvvb-github/AVSegFormer (Apache-2.0).
"""

from typing import NamedTuple

from mmcv.cnn import ConvModule
from torch import Tensor, nn

from avsbench.models.layers import DeformableEncoding
from avsbench.registry import MODELS
from avsbench.utils.maps import resize


class PixelDecoderOutput(NamedTuple):
    """What a pixel decoder hands to a decode head.

    Attributes:
        mask_feature: (N, C, H/4, W/4).
        memory: (N, S, C), the tokens of the encoded levels one after the other.
        levels: The projected levels before the encoder, finest of them first, (N, C, h, w) each.
    """

    mask_feature: Tensor
    memory: Tensor
    levels: list[Tensor]


@MODELS.register_module()
class DeformablePixelDecoder(DeformableEncoding):
    """Project all levels, encode the coarser ones, add the finest encoded one to the lateral.

        f1 --conv+GN--> p0 ------------------------ lateral --(+)-- 3x3 conv --> mask feature
        f2 --conv+GN--> p1 --+                                 |
        f3 --conv+GN--> p2 --+--> deformable encoder --> m1 ---+ (enlarged)
        f4 --conv+GN--> p3 --+                       --> memory = m1, m2, m3

    Args:
        in_channels: Channels of the backbone levels, finest first; all but the first are encoded.
        embed_dims: Width C.
        num_layers: Layers of the encoder.
        num_heads: Heads of the deformable attention.
        num_points: Sampling points per level and head.
        feedforward_channels: Inner width of the encoder's feed-forward networks.
        dropout: Dropout probability of the encoder.
        num_groups: Groups of the group normalisations.
        normalize_pos: Divide positions by the grid size; the published network does not.
        with_cp: Compute the encoder's layers again in the backward pass, which saves memory.
    """

    def __init__(
        self,
        in_channels: list[int],
        embed_dims: int,
        *,
        num_layers: int = 6,
        num_heads: int = 8,
        num_points: int = 4,
        feedforward_channels: int = 2048,
        dropout: float = 0.1,
        num_groups: int = 32,
        normalize_pos: bool = False,
        with_cp: bool = False,
    ) -> None:
        super().__init__(
            len(in_channels) - 1,
            embed_dims,
            num_layers=num_layers,
            num_heads=num_heads,
            num_points=num_points,
            feedforward_channels=feedforward_channels,
            dropout=dropout,
            act='gelu',
            normalize_pos=normalize_pos,
            with_cp=with_cp,
        )
        norm_cfg = {'type': 'GN', 'num_groups': num_groups}

        def conv(channels: int, kernel: int, act_cfg: dict | None = None) -> ConvModule:
            return ConvModule(
                channels,
                embed_dims,
                kernel,
                padding=kernel // 2,
                bias=True,
                norm_cfg=norm_cfg,
                act_cfg=act_cfg,
            )

        self.input_convs = nn.ModuleList(conv(channels, 1) for channels in in_channels)
        self.lateral_conv = conv(embed_dims, 1)
        self.output_conv = conv(embed_dims, 3, act_cfg={'type': 'ReLU'})
        # The published convolutions begin with PyTorch's random biases, `ConvModule`'s with zero.
        for module in (*self.input_convs, self.lateral_conv, self.output_conv):
            module.conv.reset_parameters()

    def forward(self, features: list[Tensor]) -> PixelDecoderOutput:
        """Decode the backbone levels.

        Args:
            features: (N, C_l, H_l, W_l) each, finest first.

        Returns:
            Mask feature, memory and projected levels.
        """
        finest, *levels = (
            conv(feature) for conv, feature in zip(self.input_convs, features, strict=True)
        )
        memory = self.encode(levels)
        height, width = levels[0].shape[2:]
        encoded = memory[:, : height * width].transpose(1, 2).unflatten(2, (height, width))
        encoded = resize(encoded, finest.shape[2:])  # (N, C, H/4, W/4)
        mask_feature = self.output_conv(self.lateral_conv(finest) + encoded)
        return PixelDecoderOutput(mask_feature, memory, levels)
