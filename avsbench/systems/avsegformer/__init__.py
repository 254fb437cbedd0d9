"""AVSegFormer: audio queries, a deformable pixel decoder and a channel gate."""

from avsbench.registry import SYSTEMS
from avsbench.systems.avsegformer.fusion import ChannelGateFusion
from avsbench.systems.avsegformer.head import AVSegFormerHead
from avsbench.systems.avsegformer.keys import AVSEGFORMER as ADAPTER
from avsbench.systems.avsegformer.parity import AVSegFormerRun
from avsbench.systems.avsegformer.pixel_decoder import DeformablePixelDecoder
from avsbench.systems.avsegformer.query_generators import (
    AttentionQueryGenerator,
    RepeatQueryGenerator,
)
from avsbench.systems.system import System


@SYSTEMS.register_module(name='avsegformer')
class AVSegFormerSystem(System):
    """AVSegFormer."""

    title = 'AVSegFormer'
    paper = 'arXiv 2307.01146'
    frame_context = 'none'
    adapters = (ADAPTER,)
    parity_run = AVSegFormerRun


__all__ = [
    'AVSegFormerHead',
    'AVSegFormerSystem',
    'AttentionQueryGenerator',
    'ChannelGateFusion',
    'DeformablePixelDecoder',
    'RepeatQueryGenerator',
]
