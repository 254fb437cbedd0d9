"""Maskiges: images of the segments of a frame, the second input of COMBO (arXiv 2312.06462)."""

from avsbench.maskiges.format import is_good, rank_map, save_maskige
from avsbench.maskiges.palette import MAX_SEGMENTS, PALETTE
from avsbench.maskiges.prepare import Report, Task, plan, prepare
from avsbench.maskiges.segments import read_segments, superpixels

__all__ = [
    'MAX_SEGMENTS',
    'PALETTE',
    'Report',
    'Task',
    'is_good',
    'plan',
    'prepare',
    'rank_map',
    'read_segments',
    'save_maskige',
    'superpixels',
]
