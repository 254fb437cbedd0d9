"""Pixel decoder of AVSBench: a pyramid of RefineNet fusion blocks.

Paper: Audio-Visual Segmentation, arXiv 2207.05042; repository github.com/OpenNLPLab/AVSBench
(Apache-2.0).
"""

from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.layers import FeatureFusion
from avsbench.registry import MODELS


@MODELS.register_module()
class RefineFPN(BaseModule):
    """Fuse levels from the coarsest to the finest; the result is twice as large as the finest.

    Args:
        embed_dims: Width C of all levels and of the result.
        num_levels: Number of levels.
        align_corners: Of the enlargements between the levels.
    """

    def __init__(self, embed_dims: int, *, num_levels: int = 4, align_corners: bool = True) -> None:
        super().__init__()
        coarsest = num_levels - 1
        self.blocks = nn.ModuleList(
            FeatureFusion(embed_dims, with_skip=level != coarsest, align_corners=align_corners)
            for level in range(num_levels)
        )

    def forward(self, levels: list[Tensor], flag: Tensor | None = None) -> Tensor:
        """Decode.

        Args:
            levels: (N, C, h_l, w_l) each, finest first.
            flag: (N, 1, 1, 1), 0 for padded frames, which are zeroed after every block; None where
                there are none.

        Returns:
            (N, C, 2 h_0, 2 w_0).
        """
        height, width = levels[0].shape[2:]
        sizes = [(2 * height, 2 * width), *(tuple(level.shape[2:]) for level in levels[:-1])]
        path = levels[-1]
        for level in reversed(range(len(levels))):
            block = self.blocks[level]
            skip = None if block.skip_unit is None else levels[level]
            path = block(path, skip, sizes[level])
            path = path if flag is None else path * flag
        return path
