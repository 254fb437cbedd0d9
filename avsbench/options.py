"""Values that options and arguments of several programs take.

Light on purpose: a program names them in its help before anything heavy is imported.
"""

from avsbench.layouts import LAYOUTS

AUDIO_SUBSETS = (*LAYOUTS, 'custom')
VIDEO_SUBSETS = ('davis', 'youtube_vos', 'youtube_objects', 'moca', 'a2d', 'vspw')
SUBSETS = (*AUDIO_SUBSETS, *VIDEO_SUBSETS)
SPLITS = ('train', 'val', 'test')

PRECISIONS = ('bf16', 'fp16')
"""Mixed precision; `avsbench.utils.precision.DTYPES` has their types."""

WINDOWS = ('disjoint', 'centre')
"""How a video is cut into clips of consecutive frames, see `avsbench.apis.clips`."""

INTERVALS = ('bca', 'percentile')
"""Bootstrap intervals, see `avsbench.analysis.comparison`."""

EXPORT_FORMATS = ('onnx', 'torch')
"""Kinds of files that networks are exported to, see `avsbench.export.formats`."""

SCORED_AT = ('labels', 'masks')
"""Whose image size masks are scored at, where it differs from that of the labels."""
