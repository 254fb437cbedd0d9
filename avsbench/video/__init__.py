"""Video files through PyAV: pictures and sound in, overlay with its sound track out.

PyAV is an extra (`video`); nothing else of the toolbox imports this package before it is needed.
"""

from avsbench.utils.errors import ConfigError

try:
    import av  # noqa: F401
except ImportError as error:
    raise ConfigError(
        'reading and writing video needs PyAV: pip install av, or install the toolbox with its '
        "extra: pip install -e '.[video]'"
    ) from error

from avsbench.video.making import make_video
from avsbench.video.reading import Picture, VideoFile
from avsbench.video.sampling import VideoClip, read_clip
from avsbench.video.sound import SoundTrack
from avsbench.video.writing import VideoWriter, container_of

__all__ = [
    'Picture',
    'SoundTrack',
    'VideoClip',
    'VideoFile',
    'VideoWriter',
    'container_of',
    'make_video',
    'read_clip',
]
