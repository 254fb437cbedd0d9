"""Pixel decoder of Mask2Former, as COMBO uses it: deformable encoder and one pyramid level.

Papers: Mask2Former, arXiv 2112.01527; COMBO, arXiv 2312.06462. Repositories:
github.com/facebookresearch/Mask2Former, github.com/yannqi/COMBO-AVS.
"""

from typing import NamedTuple

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from avsbench.models.layers import DeformableEncoding, xavier_init
from avsbench.registry import MODELS
from avsbench.utils.maps import resize


class PyramidOutput(NamedTuple):
    """What the pixel decoder hands to a query head.

    Attributes:
        mask_feature: (N, C, H/4, W/4).
        levels: Encoded levels (N, C, h_l, w_l), finest first.
        positions: Their sine codes, (h_l * w_l, C) each.
    """

    mask_feature: Tensor
    levels: list[Tensor]
    positions: list[Tensor]


@MODELS.register_module()
class DeformableFPN(DeformableEncoding):
    """Encode all levels but the finest, and add the largest of them to the finest.

    The encoder's tokens, input convolutions and level embeddings are in the published order, from
    the coarsest level to the finest. Runs in float32 under automatic mixed precision, as published.

    Args:
        in_channels: Channels of the backbone levels, finest first; all but the first are encoded.
        embed_dims: Width C.
        num_layers: Layers of the encoder.
        num_heads: Heads of the deformable attention.
        num_points: Sampling points per level and head.
        feedforward_channels: Inner width of the encoder's feed-forward networks.
        dropout: Dropout probability of the encoder.
        num_groups: Groups of the group normalisations.
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
        feedforward_channels: int = 1024,
        dropout: float = 0.0,
        num_groups: int = 32,
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
            act='relu',
            normalize_pos=True,
            with_cp=with_cp,
        )
        norm = {'type': 'GN', 'num_groups': num_groups}
        finest, *coarser = in_channels
        self.input_convs = nn.ModuleList(
            ConvModule(channels, embed_dims, 1, bias=True, norm_cfg=norm, act_cfg=None)
            for channels in reversed(coarser)
        )
        self.lateral_conv = ConvModule(
            finest, embed_dims, 1, bias=False, norm_cfg=norm, act_cfg=None
        )
        self.output_conv = ConvModule(
            embed_dims, embed_dims, 3, padding=1, bias=False, norm_cfg=norm
        )
        self.mask_conv = nn.Conv2d(embed_dims, embed_dims, 1)

    def forward(self, features: list[Tensor]) -> PyramidOutput:
        """Decode backbone levels (N, C_l, H_l, W_l), finest first."""
        with torch.autocast(features[0].device.type, enabled=False):
            # Halves become float32; wider ones (a float64 run of the network) stay as they are.
            wide = self.level_embed.dtype
            finest, *coarser = (feature.to(wide) for feature in features)
            levels = [
                conv(level) for conv, level in zip(self.input_convs, reversed(coarser), strict=True)
            ]
            shapes = [level.shape[2:] for level in levels]
            memory = self.encode(levels).transpose(1, 2)  # (N, C, S)
            parts = memory.split([shape.numel() for shape in shapes], 2)
            encoded = [
                part.unflatten(2, tuple(shape)) for part, shape in zip(parts, shapes, strict=True)
            ]
            enlarged = resize(encoded[-1], finest.shape[2:])
            pyramid = self.output_conv(self.lateral_conv(finest) + enlarged)
            positions = [self.level_position(tuple(shape)) for shape in shapes]
            return PyramidOutput(self.mask_conv(pyramid), encoded[::-1], positions[::-1])

    def init_weights(self) -> None:
        """Published start: Xavier for projections and encoder, Kaiming for the pyramid."""
        xavier_init(self.encoder)
        for layer in self.encoder.layers:
            layer.self_attn.init_weights()
        for conv in self.input_convs:
            nn.init.xavier_uniform_(conv.conv.weight)
            nn.init.zeros_(conv.conv.bias)
        for conv in (self.lateral_conv.conv, self.output_conv.conv, self.mask_conv):
            nn.init.kaiming_uniform_(conv.weight, a=1)
        nn.init.zeros_(self.mask_conv.bias)
