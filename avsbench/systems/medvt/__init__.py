"""MED-VT++: audio fused at every level, attention across frames, audio queries."""

from avsbench.registry import SYSTEMS
from avsbench.systems.medvt.context_encoder import SpatioTemporalEncoder
from avsbench.systems.medvt.head import MEDVTHead
from avsbench.systems.medvt.interaction import BidirectionalInteraction
from avsbench.systems.medvt.keys import MEDVT as ADAPTER
from avsbench.systems.medvt.parity import MEDVTRun
from avsbench.systems.medvt.pixel_decoder import DeformConvFPN
from avsbench.systems.medvt.predictors import PropagatingPredictor, UpsamplingPredictor
from avsbench.systems.medvt.query_generator import AudioContextQueryGenerator
from avsbench.systems.system import System


@SYSTEMS.register_module(name='medvt')
class MEDVTSystem(System):
    """MED-VT++."""

    title = 'MED-VT++'
    paper = 'arXiv 2304.05930'
    frame_context = 'ordered'
    adapter = ADAPTER
    parity_run = MEDVTRun


__all__ = [
    'AudioContextQueryGenerator',
    'BidirectionalInteraction',
    'DeformConvFPN',
    'MEDVTHead',
    'MEDVTSystem',
    'PropagatingPredictor',
    'SpatioTemporalEncoder',
    'UpsamplingPredictor',
]
