"""Running a trained network on any video."""

from avsbench.apis.inferencer import AVSInferencer

__all__ = ['AVSInferencer']
