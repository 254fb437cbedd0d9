"""MED-VT++: audio fused at every level, attention across frames, audio queries.

And MED-VT, the networks of the same repository for videos without sound.
"""

from avsbench.parity.fixture import Fixture
from avsbench.parity.network import NetworkRun
from avsbench.registry import SYSTEMS
from avsbench.systems.medvt.context_encoder import (
    BetweenScaleLayer,
    DeepValueLayer,
    SpatioTemporalEncoder,
)
from avsbench.systems.medvt.head import MEDVTHead
from avsbench.systems.medvt.interaction import BidirectionalInteraction
from avsbench.systems.medvt.keys import MEDVT
from avsbench.systems.medvt.keys_video import RESNET_VIDEO, SWIN_VIDEO
from avsbench.systems.medvt.parity import MEDVTRun
from avsbench.systems.medvt.parity_losses import run_video_losses
from avsbench.systems.medvt.parity_video import MEDVTVideoRun
from avsbench.systems.medvt.pixel_decoder import DeformConvFPN
from avsbench.systems.medvt.predictors import PropagatingPredictor, UpsamplingPredictor
from avsbench.systems.medvt.query_generator import AudioContextQueryGenerator
from avsbench.systems.medvt.video_head import MEDVTVideoHead
from avsbench.systems.medvt.video_swin import VideoSwin
from avsbench.systems.system import System


@SYSTEMS.register_module(name='medvt')
class MEDVTSystem(System):
    """MED-VT++."""

    title = 'MED-VT++'
    paper = 'arXiv 2304.05930'
    frame_context = 'ordered'
    adapters = (MEDVT, SWIN_VIDEO, RESNET_VIDEO)

    @staticmethod
    def parity_run(fixture: Fixture, model_cfg: dict) -> NetworkRun:
        """The run of the audio-visual network, or of those for videos without sound."""
        is_video = model_cfg['decode_head']['type'] == MEDVTVideoHead.__name__
        return (MEDVTVideoRun if is_video else MEDVTRun)(fixture, model_cfg)


__all__ = [
    'AudioContextQueryGenerator',
    'BetweenScaleLayer',
    'BidirectionalInteraction',
    'DeepValueLayer',
    'DeformConvFPN',
    'MEDVTHead',
    'MEDVTSystem',
    'MEDVTVideoHead',
    'PropagatingPredictor',
    'SpatioTemporalEncoder',
    'UpsamplingPredictor',
    'VideoSwin',
    'run_video_losses',
]
