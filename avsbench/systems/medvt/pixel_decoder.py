"""Feature pyramid of MED-VT with group normalisation and a deformable convolution at its end.

Paper: MED-VT (CVPR 2023) and MED-VT++, arXiv 2304.05930; repository github.com/rkyuca/medvt.
Deformable convolution: arXiv 1703.06211, torchvision's.
"""

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torchvision.ops import DeformConv2d

from avsbench.registry import MODELS
from avsbench.utils.maps import resize


@MODELS.register_module()
class DeformConvFPN(BaseModule):
    """From coarse to fine: enlarge, add the skip, convolve; the finest map deformably.

    Args:
        embed_dims: Width C of all levels.
        num_groups: Groups of the group normalisations.
        skip_channels: Channels of the levels but the coarsest, finest first, where they are
            adapted by a convolution of kernel 1; None where all have C and are taken as they are.
    """

    def __init__(
        self, embed_dims: int, *, num_groups: int = 8, skip_channels: list[int] | None = None
    ) -> None:
        super().__init__()
        self.adapters = None
        if skip_channels is not None:  # coarsest first, in the order they are used
            self.adapters = nn.ModuleList(
                nn.Conv2d(channels, embed_dims, 1) for channels in reversed(skip_channels)
            )
        norm = {'type': 'GN', 'num_groups': num_groups}
        # The first two act on the coarsest level, the others on the next finer ones.
        self.convs = nn.ModuleList(
            ConvModule(embed_dims, embed_dims, 3, padding=1, bias=True, norm_cfg=norm)
            for _ in range(4)
        )
        self.offset_conv = nn.Conv2d(embed_dims, 2 * 3 * 3, 1)
        nn.init.zeros_(self.offset_conv.bias)
        self.deform_conv = DeformConv2d(embed_dims, embed_dims, 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(num_groups, embed_dims)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Decode four levels (N, C, h_l, w_l), finest first, into maps of the same shapes.

        Levels that are adapted have their channels instead of C.
        """
        if self.adapters is not None:
            pairs = zip(reversed(self.adapters), levels[:-1], strict=True)
            levels = [*(adapt(level) for adapt, level in pairs), levels[-1]]
        finest, *skips, coarsest = levels
        decoded = self.convs[1](self.convs[0](coarsest))
        maps = [decoded]
        for conv, skip in zip(self.convs[2:], reversed(skips), strict=True):
            decoded = conv(skip + resize(decoded, skip.shape[2:], 'nearest'))
            maps.append(decoded)
        mixed = finest + resize(decoded, finest.shape[2:], 'nearest')
        # In the type of its weights also under autocast: torchvision has no half types for the CPU.
        kind = self.deform_conv.weight.dtype
        mixed = self.deform_conv(mixed.to(kind), self.offset_conv(mixed).to(kind))
        maps.append(self.norm(mixed).relu())
        return maps[::-1]
