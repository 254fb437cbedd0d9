"""Visual backbones."""

from avsbench.models.backbones.timm_backbone import TimmBackbone

__all__ = ['TimmBackbone']
