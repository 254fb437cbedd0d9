"""Audio encoders."""

from avsbench.models.audio_encoders.base import AudioEncoder
from avsbench.models.audio_encoders.clap import ClapAudioEncoder
from avsbench.models.audio_encoders.feature_cache import FeatureCache, patch_key
from avsbench.models.audio_encoders.spectrogram_transformer import AudioSpectrogramTransformer
from avsbench.models.audio_encoders.timm import TimmAudioEncoder
from avsbench.models.audio_encoders.vggish import VGGish

__all__ = [
    'AudioEncoder',
    'AudioSpectrogramTransformer',
    'ClapAudioEncoder',
    'FeatureCache',
    'TimmAudioEncoder',
    'VGGish',
    'patch_key',
]
