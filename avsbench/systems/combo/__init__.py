"""COMBO: mask classification with audio-conditioned queries and a second visual stream."""

from avsbench.registry import SYSTEMS
from avsbench.systems.combo.backbone import SiameseBackbone
from avsbench.systems.combo.consistency import InterFrameConsistencyLoss
from avsbench.systems.combo.criterion import MaskSetCriterion
from avsbench.systems.combo.fusion import BilateralFusion
from avsbench.systems.combo.head import ComboHead
from avsbench.systems.combo.keys import COMBO as ADAPTER
from avsbench.systems.combo.parity import COMBORun
from avsbench.systems.combo.pixel_decoder import DeformableFPN
from avsbench.systems.system import System


@SYSTEMS.register_module(name='combo')
class COMBOSystem(System):
    """COMBO."""

    title = 'COMBO'
    paper = 'arXiv 2312.06462'
    frame_context = 'none'
    adapters = (ADAPTER,)
    parity_run = COMBORun


__all__ = [
    'BilateralFusion',
    'COMBOSystem',
    'ComboHead',
    'DeformableFPN',
    'InterFrameConsistencyLoss',
    'MaskSetCriterion',
    'SiameseBackbone',
]
