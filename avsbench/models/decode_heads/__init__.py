"""Decode heads."""

from avsbench.models.decode_heads.avsegformer_head import AVSegFormerHead
from avsbench.models.decode_heads.base import AVSDecodeHead, AVSHeadOutput, DenseAVSHead

__all__ = ['AVSDecodeHead', 'AVSHeadOutput', 'AVSegFormerHead', 'DenseAVSHead']
