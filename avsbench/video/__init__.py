"""Video files through PyAV: frames and audio in, an overlay with its audio track out.

PyAV belongs to the extra `video`; it is imported when the first file is opened.
"""

from avsbench.video.audio import AudioTrack
from avsbench.video.containers import VideoError
from avsbench.video.live import LiveAudio, LiveVideo, is_live, open_live
from avsbench.video.live_writing import LiveWriter
from avsbench.video.making import make_video
from avsbench.video.reading import DecodedFrame, VideoFile
from avsbench.video.sampling import VideoClip, read_clip
from avsbench.video.writing import VideoWriter, container_of

__all__ = [
    'AudioTrack',
    'DecodedFrame',
    'LiveAudio',
    'LiveVideo',
    'LiveWriter',
    'VideoClip',
    'VideoError',
    'VideoFile',
    'VideoWriter',
    'container_of',
    'is_live',
    'make_video',
    'open_live',
    'read_clip',
]
