"""MoDAT: AVSegFormer with a multi-level query generator and mixtures of experts as fusion."""

from avsbench.registry import SYSTEMS
from avsbench.systems.modat.fusion import DualMixtureFusion
from avsbench.systems.modat.keys import MODAT as ADAPTER
from avsbench.systems.modat.parity import MoDATRun
from avsbench.systems.modat.query_generator import EncoderDecoderQueryGenerator
from avsbench.systems.system import System


@SYSTEMS.register_module(name='modat')
class MoDATSystem(System):
    """MoDAT."""

    title = 'MoDAT'
    paper = 'github.com/jnjz/MoDAT'
    frame_context = 'none'
    adapters = (ADAPTER,)
    parity_run = MoDATRun


__all__ = [
    'DualMixtureFusion',
    'EncoderDecoderQueryGenerator',
    'MoDATSystem',
]
