"""Running a trained network on any video."""

from avsbench.apis.inferencer import AVSInferencer
from avsbench.apis.streaming import AVSStream

__all__ = ['AVSInferencer', 'AVSStream']
