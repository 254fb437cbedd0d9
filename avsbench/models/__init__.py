"""Networks and their parts."""

from avsbench.models.audio_encoders import TimmAudioEncoder, VGGish
from avsbench.models.backbones import TimmBackbone
from avsbench.models.data_preprocessors import AVSDataPreprocessor
from avsbench.models.decode_heads import (
    AVSDecodeHead,
    AVSegFormerHead,
    AVSHeadOutput,
    DenseAVSHead,
    MEDVTHead,
)
from avsbench.models.fusion import BidirectionalInteraction, ChannelGateFusion, DualMixtureFusion
from avsbench.models.layers import TransformerDecoder
from avsbench.models.losses import (
    AudioVisualMatchingLoss,
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    DiceLoss,
)
from avsbench.models.pixel_decoders import (
    DeformablePixelDecoder,
    DeformConvFPN,
    SpatioTemporalEncoder,
)
from avsbench.models.query_generators import (
    AttentionQueryGenerator,
    AudioContextQueryGenerator,
    EncoderDecoderQueryGenerator,
    RepeatQueryGenerator,
)
from avsbench.models.segmentors import AVSegmentor

__all__ = [
    'AVSDataPreprocessor',
    'AVSDecodeHead',
    'AVSHeadOutput',
    'AVSegFormerHead',
    'AVSegmentor',
    'AttentionQueryGenerator',
    'AudioContextQueryGenerator',
    'AudioVisualMatchingLoss',
    'BidirectionalInteraction',
    'BinaryCrossEntropyLoss',
    'ChannelGateFusion',
    'CrossEntropyLoss',
    'DeformConvFPN',
    'DeformablePixelDecoder',
    'DenseAVSHead',
    'DiceLoss',
    'DualMixtureFusion',
    'EncoderDecoderQueryGenerator',
    'MEDVTHead',
    'RepeatQueryGenerator',
    'SpatioTemporalEncoder',
    'TimmAudioEncoder',
    'TimmBackbone',
    'TransformerDecoder',
    'VGGish',
]
