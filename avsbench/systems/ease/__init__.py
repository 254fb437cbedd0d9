"""EASE: no decoder; queries made from the sound join the last blocks of a vision transformer."""

from avsbench.registry import SYSTEMS
from avsbench.systems.ease.aligner import AudioVisualAligner
from avsbench.systems.ease.enhancer import SoundEnhancer
from avsbench.systems.ease.head import EaseHead
from avsbench.systems.ease.keys import EASE, EASE_PVT
from avsbench.systems.ease.parity import EaseRun
from avsbench.systems.ease.upscaler import TokenUpscaler
from avsbench.systems.system import System


@SYSTEMS.register_module(name='ease')
class EaseSystem(System):
    """EASE."""

    title = 'EASE'
    paper = 'github.com/ilpoviertola/EASE'
    frame_context = 'none'
    adapters = (EASE, EASE_PVT)
    parity_run = EaseRun


__all__ = ['AudioVisualAligner', 'EaseHead', 'EaseSystem', 'SoundEnhancer', 'TokenUpscaler']
