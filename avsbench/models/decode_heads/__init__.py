"""Decode heads."""

from avsbench.models.decode_heads.avsegformer_head import AVSegFormerHead
from avsbench.models.decode_heads.base import AVSDecodeHead, AVSHeadOutput, DenseAVSHead
from avsbench.models.decode_heads.medvt_head import MEDVTHead
from avsbench.models.decode_heads.medvt_predictors import PropagatingPredictor, UpsamplingPredictor

__all__ = [
    'AVSDecodeHead',
    'AVSHeadOutput',
    'AVSegFormerHead',
    'DenseAVSHead',
    'MEDVTHead',
    'PropagatingPredictor',
    'UpsamplingPredictor',
]
