"""avsbench: a toolbox for audio-visual segmentation."""

from avsbench.version import __version__

__all__ = ['__version__']
