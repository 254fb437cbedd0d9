"""Networks and their parts."""

from avsbench.models.audio_encoders import TimmAudioEncoder, VGGish
from avsbench.models.backbones import SiameseBackbone, TimmBackbone
from avsbench.models.data_preprocessors import AVSDataPreprocessor
from avsbench.models.decode_heads import (
    AVSDecodeHead,
    AVSegFormerHead,
    AVSHeadOutput,
    CATRHead,
    ComboHead,
    DenseAVSHead,
    MEDVTHead,
    TPAVIHead,
)
from avsbench.models.fusion import (
    TPAVI,
    BidirectionalInteraction,
    BilateralFusion,
    ChannelGateFusion,
    DecoupledTransformer,
    DualMixtureFusion,
)
from avsbench.models.layers import TransformerDecoder
from avsbench.models.losses import (
    AudioVisualMatchingLoss,
    BinaryCrossEntropyLoss,
    ClipSetCriterion,
    CrossEntropyLoss,
    DiceLoss,
    InterFrameConsistencyLoss,
    MaskSetCriterion,
)
from avsbench.models.pixel_decoders import (
    DeformableFPN,
    DeformablePixelDecoder,
    DeformConvFPN,
    RefineFPN,
    SkipDecoder,
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
    'TPAVI',
    'AVSDataPreprocessor',
    'AVSDecodeHead',
    'AVSHeadOutput',
    'AVSegFormerHead',
    'AVSegmentor',
    'AttentionQueryGenerator',
    'AudioContextQueryGenerator',
    'AudioVisualMatchingLoss',
    'BidirectionalInteraction',
    'BilateralFusion',
    'BinaryCrossEntropyLoss',
    'CATRHead',
    'ChannelGateFusion',
    'ClipSetCriterion',
    'ComboHead',
    'CrossEntropyLoss',
    'DecoupledTransformer',
    'DeformConvFPN',
    'DeformableFPN',
    'DeformablePixelDecoder',
    'DenseAVSHead',
    'DiceLoss',
    'DualMixtureFusion',
    'EncoderDecoderQueryGenerator',
    'InterFrameConsistencyLoss',
    'MEDVTHead',
    'MaskSetCriterion',
    'RefineFPN',
    'RepeatQueryGenerator',
    'SiameseBackbone',
    'SkipDecoder',
    'SpatioTemporalEncoder',
    'TPAVIHead',
    'TimmAudioEncoder',
    'TimmBackbone',
    'TransformerDecoder',
    'VGGish',
]
