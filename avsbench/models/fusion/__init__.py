"""Fusion of audio and visual features."""

from avsbench.models.fusion.channel_gate import ChannelGateFusion

__all__ = ['ChannelGateFusion']
