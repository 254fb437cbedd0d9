"""Data preprocessors."""

from avsbench.models.data_preprocessors.avs_data_preprocessor import AVSDataPreprocessor

__all__ = ['AVSDataPreprocessor']
