"""Pixel decoders: backbone levels to a mask feature and a memory."""

from avsbench.models.pixel_decoders.context_encoder import SpatioTemporalEncoder
from avsbench.models.pixel_decoders.deform_conv_fpn import DeformConvFPN
from avsbench.models.pixel_decoders.deform_fpn import DeformableFPN
from avsbench.models.pixel_decoders.deform_pixel_decoder import (
    DeformablePixelDecoder,
    PixelDecoderOutput,
)
from avsbench.models.pixel_decoders.refine_fpn import RefineFPN
from avsbench.models.pixel_decoders.skip_decoder import SkipDecoder

__all__ = [
    'DeformConvFPN',
    'DeformableFPN',
    'DeformablePixelDecoder',
    'PixelDecoderOutput',
    'RefineFPN',
    'SkipDecoder',
    'SpatioTemporalEncoder',
]
