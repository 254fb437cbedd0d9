"""Layers that two or more systems share."""

from avsbench.models.layers.attention import MultiheadAttention
from avsbench.models.layers.bidirectional_attention import BidirectionalAttention
from avsbench.models.layers.clips import (
    equal_length,
    expand_clips,
    for_frames,
    grouped_lengths,
    mask_padding,
    restore_padding,
)
from avsbench.models.layers.constants import kept_by_arguments
from avsbench.models.layers.convolutions import (
    DilatedProjection,
    upsampling_predictor,
)
from avsbench.models.layers.deform_attn import (
    MultiScaleDeformableAttention,
    multi_scale_deformable_attention,
)
from avsbench.models.layers.deform_encoder import (
    DeformableEncoder,
    DeformableEncoding,
    reference_points_of,
)
from avsbench.models.layers.dropout import Dropout
from avsbench.models.layers.initialization import xavier_init
from avsbench.models.layers.linear import linear
from avsbench.models.layers.position_encoding import (
    sine_position_encoding,
    sine_position_encoding_3d,
)
from avsbench.models.layers.transformer import (
    FFN,
    MLP,
    TransformerDecoder,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)

__all__ = [
    'FFN',
    'MLP',
    'BidirectionalAttention',
    'DeformableEncoder',
    'DeformableEncoding',
    'DilatedProjection',
    'Dropout',
    'MultiScaleDeformableAttention',
    'MultiheadAttention',
    'TransformerDecoder',
    'TransformerDecoderLayer',
    'TransformerEncoderLayer',
    'equal_length',
    'expand_clips',
    'for_frames',
    'grouped_lengths',
    'linear',
    'multi_scale_deformable_attention',
    'reference_points_of',
    'kept_by_arguments',
    'restore_padding',
    'sine_position_encoding',
    'sine_position_encoding_3d',
    'upsampling_predictor',
    'xavier_init',
    'mask_padding',
]
