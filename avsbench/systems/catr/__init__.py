"""CATR: audio and video decoupled in space and time, queries per clip."""

from avsbench.registry import SYSTEMS
from avsbench.systems.catr.criterion import ClipSetCriterion
from avsbench.systems.catr.encoder import DecoupledTransformer
from avsbench.systems.catr.head import CATRHead
from avsbench.systems.catr.keys import CATR as ADAPTER
from avsbench.systems.catr.parity import CATRRun
from avsbench.systems.catr.pixel_decoder import SkipDecoder
from avsbench.systems.system import System


@SYSTEMS.register_module(name='catr')
class CATRSystem(System):
    """CATR."""

    title = 'CATR'
    paper = 'arXiv 2309.09709'
    frame_context = 'ordered'
    adapters = (ADAPTER,)
    parity_run = CATRRun


__all__ = [
    'CATRHead',
    'CATRSystem',
    'ClipSetCriterion',
    'DecoupledTransformer',
    'SkipDecoder',
]
