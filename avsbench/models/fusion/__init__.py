"""Fusion of audio and visual features."""

from avsbench.models.fusion.base import FusionOutput
from avsbench.models.fusion.bidirectional import BidirectionalInteraction
from avsbench.models.fusion.bilateral import BilateralFusion
from avsbench.models.fusion.channel_gate import ChannelGateFusion
from avsbench.models.fusion.decoupled import DecoupledOutput, DecoupledTransformer
from avsbench.models.fusion.mixture_of_experts import DualMixtureFusion
from avsbench.models.fusion.tpavi import TPAVI

__all__ = [
    'TPAVI',
    'BilateralFusion',
    'BidirectionalInteraction',
    'ChannelGateFusion',
    'DecoupledOutput',
    'DecoupledTransformer',
    'DualMixtureFusion',
    'FusionOutput',
]
