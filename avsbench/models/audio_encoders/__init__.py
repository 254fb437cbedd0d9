"""Audio encoders."""

from avsbench.models.audio_encoders.timm import TimmAudioEncoder
from avsbench.models.audio_encoders.vggish import VGGish

__all__ = ['TimmAudioEncoder', 'VGGish']
