"""AVSBench on disk, written once for all that read, prepare or generate such data.

Light on purpose: neither torch nor a data set is imported, so that each process of the generator
and of the preparation starts quickly.
"""

from avsbench.layouts.layout import GENERATOR_RECORD, ClipFiles, ClipKind, Layout
from avsbench.layouts.subsets import AVSS, AVSS_WHOLE_FRAMES, LAYOUTS, MS3, S4

__all__ = [
    'AVSS',
    'AVSS_WHOLE_FRAMES',
    'GENERATOR_RECORD',
    'LAYOUTS',
    'MS3',
    'S4',
    'ClipFiles',
    'ClipKind',
    'Layout',
]
