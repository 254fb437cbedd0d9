"""Segmentors."""

from avsbench.models.segmentors.av_segmentor import AVSegmentor

__all__ = ['AVSegmentor']
