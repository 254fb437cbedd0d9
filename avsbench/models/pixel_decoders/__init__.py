"""Pixel decoders: backbone levels to a mask feature and a memory."""

from avsbench.models.pixel_decoders.deform_pixel_decoder import (
    DeformablePixelDecoder,
    PixelDecoderOutput,
)

__all__ = ['DeformablePixelDecoder', 'PixelDecoderOutput']
