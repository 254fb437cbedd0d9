"""Using a trained network on videos of one's own."""

from avsbench.apis.inferencer import AVSInferencer

__all__ = ['AVSInferencer']
