"""The map of the patches, enlarged; from EoMT (arXiv 2503.19108, github.com/tue-mps/eomt, MIT)."""

from mmengine.model import BaseModule
from timm.layers import LayerNorm2d
from torch import Tensor, nn

from avsbench.registry import MODELS
from avsbench.utils.draws import uniform_draw


class Doubling(nn.Module):
    """A map of twice the size.

    Args:
        channels: C of the map.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.ConvTranspose2d(channels, channels, 2, stride=2)
        self.act = nn.GELU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.norm = LayerNorm2d(channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Enlarge (N, C, h, w) to (N, C, 2 h, 2 w)."""
        return self.norm(self.conv2(self.act(self.conv1(maps))))


@MODELS.register_module()
class TokenUpscaler(BaseModule):
    """Doublings, then dropout of whole channels in training.

    Args:
        channels: C of the map.
        num_doublings: How often its size is doubled.
        dropout: Probability of dropping a channel.
    """

    def __init__(self, channels: int, *, num_doublings: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Doubling(channels) for _ in range(num_doublings))
        self.dropout = dropout
        self.draw = uniform_draw

    def forward(self, maps: Tensor, purpose: str) -> Tensor:
        """Enlarge maps (N, C, h, w).

        Args:
            maps: (N, C, h, w).
            purpose: What dropout is drawn for, see `Draw`.
        """
        for block in self.blocks:
            maps = block(maps)
        if not self.training or not self.dropout:
            return maps
        kept = self.draw(f'dropout/{purpose}', (*maps.shape[:2], 1, 1), maps.device) >= self.dropout
        return maps * (kept / (1 - self.dropout)).to(maps.dtype)
