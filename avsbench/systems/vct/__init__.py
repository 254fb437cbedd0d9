"""VCT: mask classification by queries that are made from the frame and read the sound."""

from avsbench.registry import SYSTEMS
from avsbench.systems.system import System
from avsbench.systems.vct.backbone import NormedLevels
from avsbench.systems.vct.head import VCTHead
from avsbench.systems.vct.keys import VCT as ADAPTER
from avsbench.systems.vct.parity import VCTRun
from avsbench.systems.vct.prototype_loss import PrototypeAudioLoss
from avsbench.systems.vct.queries import PrototypeQueryGenerator


@SYSTEMS.register_module(name='vct')
class VCTSystem(System):
    """VCT."""

    title = 'VCT'
    paper = 'arXiv 2506.23623'
    frame_context = 'none'
    adapters = (ADAPTER,)
    parity_run = VCTRun


__all__ = [
    'NormedLevels',
    'PrototypeAudioLoss',
    'PrototypeQueryGenerator',
    'VCTHead',
    'VCTSystem',
]
