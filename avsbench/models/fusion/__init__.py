"""Fusion of audio and visual features."""

from avsbench.models.fusion.bidirectional import BidirectionalInteraction
from avsbench.models.fusion.channel_gate import ChannelGateFusion

__all__ = ['BidirectionalInteraction', 'ChannelGateFusion']
