"""Networks and their parts."""

from avsbench.models.audio_encoders import TimmAudioEncoder, VGGish
from avsbench.models.backbones import TimmBackbone
from avsbench.models.data_preprocessors import AVSDataPreprocessor
from avsbench.models.decode_heads import AVSDecodeHead, AVSegFormerHead, AVSHeadOutput, DenseAVSHead
from avsbench.models.fusion import ChannelGateFusion
from avsbench.models.layers import TransformerDecoder
from avsbench.models.losses import BinaryCrossEntropyLoss, CrossEntropyLoss, DiceLoss
from avsbench.models.pixel_decoders import DeformablePixelDecoder
from avsbench.models.query_generators import AttentionQueryGenerator, RepeatQueryGenerator
from avsbench.models.segmentors import AVSegmentor

__all__ = [
    'AVSDataPreprocessor',
    'AVSDecodeHead',
    'AVSHeadOutput',
    'AVSegFormerHead',
    'AVSegmentor',
    'AttentionQueryGenerator',
    'BinaryCrossEntropyLoss',
    'ChannelGateFusion',
    'CrossEntropyLoss',
    'DeformablePixelDecoder',
    'DenseAVSHead',
    'DiceLoss',
    'RepeatQueryGenerator',
    'TimmAudioEncoder',
    'TimmBackbone',
    'TransformerDecoder',
    'VGGish',
]
