"""Data structures that the parts of the toolbox exchange."""

from avsbench.structures.avs_data_sample import AVSDataSample

__all__ = ['AVSDataSample']
