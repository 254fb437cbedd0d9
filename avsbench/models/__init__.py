"""Networks, and the parts that two or more systems share; `avsbench.systems` has the systems."""

from avsbench.models.audio_encoders import (
    AudioSpectrogramTransformer,
    ClapAudioEncoder,
    TimmAudioEncoder,
    VGGish,
)
from avsbench.models.backbone import TimmBackbone
from avsbench.models.data_preprocessor import AVSDataPreprocessor
from avsbench.models.feature_pyramid import SimpleFeaturePyramid
from avsbench.models.heads import (
    AVSDecodeHead,
    AVSHeadOutput,
    DenseAVSHead,
    FrameTargets,
    HeadSizes,
    QueryAVSHead,
)
from avsbench.models.inserts import Adapter, LoRA, PromptVectors
from avsbench.models.layers import TransformerDecoder
from avsbench.models.losses import (
    AudioVisualMatchingLoss,
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    DiceLoss,
)
from avsbench.models.segmentor import AVSegmentor
from avsbench.models.test_time import TestTimeAugmentation
from avsbench.models.token_backbones import PVTTokenBackbone, ViTTokenBackbone
from avsbench.models.tokens import TokenBackbone, TokenState

__all__ = [
    'AVSDataPreprocessor',
    'AVSDecodeHead',
    'AVSHeadOutput',
    'AVSegmentor',
    'Adapter',
    'AudioSpectrogramTransformer',
    'AudioVisualMatchingLoss',
    'BinaryCrossEntropyLoss',
    'ClapAudioEncoder',
    'CrossEntropyLoss',
    'DenseAVSHead',
    'DiceLoss',
    'FrameTargets',
    'HeadSizes',
    'LoRA',
    'PVTTokenBackbone',
    'PromptVectors',
    'QueryAVSHead',
    'SimpleFeaturePyramid',
    'TestTimeAugmentation',
    'TimmAudioEncoder',
    'TimmBackbone',
    'TokenBackbone',
    'TokenState',
    'TransformerDecoder',
    'VGGish',
    'ViTTokenBackbone',
]
