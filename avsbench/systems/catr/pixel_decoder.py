"""Small pyramid of MTTR and CATR: fewer channels at each step, one skip at each of two.

Papers: MTTR, arXiv 2111.14821; CATR, arXiv 2309.09709. Repositories: github.com/mttr2021/MTTR,
github.com/aspirinone/CATR.github.io. It is that of DETR's segmentation head (arXiv 2005.12872).
"""

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.registry import MODELS
from avsbench.utils.maps import resize


@MODELS.register_module()
class SkipDecoder(BaseModule):
    """Convolve, resize to a skip and add it, twice.

    Args:
        embed_dims: Width C of map and skips, a multiple of 8 and of `8 * num_groups`.
        mask_channels: Channels of the result.
        num_groups: Groups of the group normalisations.
    """

    def __init__(self, embed_dims: int, *, mask_channels: int = 64, num_groups: int = 8) -> None:
        super().__init__()
        if embed_dims % (8 * num_groups):
            raise ValueError(f'embed_dims={embed_dims} is no multiple of 8 * num_groups')
        norm = {'type': 'GN', 'num_groups': num_groups}
        widths = [embed_dims, embed_dims, embed_dims // 2, embed_dims // 4, embed_dims // 8]
        self.convs = nn.ModuleList(
            ConvModule(before, after, 3, padding=1, bias=True, norm_cfg=norm)
            for before, after in zip(widths[:-1], widths[1:], strict=True)
        )
        self.skip_convs = nn.ModuleList(nn.Conv2d(embed_dims, c, 1) for c in widths[2:4])
        self.out_conv = nn.Conv2d(widths[-1], mask_channels, 3, padding=1)

    def forward(self, feature: Tensor, skips: list[Tensor]) -> Tensor:
        """Decode.

        Args:
            feature: (N, C, h, w).
            skips: Two levels (N, C, h_l, w_l), in the order in which they are passed.

        Returns:
            (N, mask_channels, H, W), H x W the size of the last skip.
        """
        decoded = self.convs[1](self.convs[0](feature))
        for conv, skip_conv, skip in zip(self.convs[2:], self.skip_convs, skips, strict=True):
            decoded = conv(skip_conv(skip) + resize(decoded, skip.shape[2:], 'nearest'))
        return self.out_conv(decoded)

    def init_weights(self) -> None:
        """Published start: Kaiming's uniform one with slope 1, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                nn.init.zeros_(module.bias)
