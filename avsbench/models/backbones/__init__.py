"""Visual backbones."""

from avsbench.models.backbones.siamese import SiameseBackbone
from avsbench.models.backbones.timm_backbone import TimmBackbone

__all__ = ['SiameseBackbone', 'TimmBackbone']
