"""TPAVI, the baseline of AVSBench: audio-visual non-local attention at every level."""

from avsbench.registry import SYSTEMS
from avsbench.systems.system import System
from avsbench.systems.tpavi.fusion import TPAVI
from avsbench.systems.tpavi.head import TPAVIHead
from avsbench.systems.tpavi.keys import TPAVI as ADAPTER
from avsbench.systems.tpavi.parity import TPAVIRun
from avsbench.systems.tpavi.pixel_decoder import RefineFPN


@SYSTEMS.register_module(name='tpavi')
class TPAVISystem(System):
    """TPAVI."""

    title = 'TPAVI'
    paper = 'arXiv 2207.05042'
    frame_context = 'unordered'
    adapters = (ADAPTER,)
    parity_run = TPAVIRun


__all__ = [
    'RefineFPN',
    'TPAVI',
    'TPAVIHead',
    'TPAVISystem',
]
