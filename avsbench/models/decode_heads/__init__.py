"""Decode heads."""

from avsbench.models.decode_heads.avsegformer_head import AVSegFormerHead
from avsbench.models.decode_heads.base import AVSDecodeHead, AVSHeadOutput, DenseAVSHead
from avsbench.models.decode_heads.catr_head import CATRHead
from avsbench.models.decode_heads.combo_head import ComboHead
from avsbench.models.decode_heads.medvt_head import MEDVTHead
from avsbench.models.decode_heads.medvt_predictors import PropagatingPredictor, UpsamplingPredictor
from avsbench.models.decode_heads.tpavi_head import TPAVIHead

__all__ = [
    'AVSDecodeHead',
    'AVSHeadOutput',
    'AVSegFormerHead',
    'CATRHead',
    'ComboHead',
    'DenseAVSHead',
    'MEDVTHead',
    'PropagatingPredictor',
    'TPAVIHead',
    'UpsamplingPredictor',
]
