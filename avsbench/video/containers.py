"""Opening a container and reading one of its streams, whatever state the file is in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from avsbench.media.images import MAX_PIXELS
from avsbench.utils.errors import DataError
from avsbench.utils.extras import OptionalModule

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.stream import Stream
else:
    av = OptionalModule('av', 'reading and writing video')

# Containers of video and audio. Playlists, which name further files or addresses, are not among
# them: opening a video never reads anything but that file.
FORMATS = 'mov,mp4,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf,gif'


class VideoError(DataError):
    """A video can't be used: names the file, what is wrong and the way out."""


def open_container(path: str | Path) -> InputContainer:
    """Open a video file.

    Args:
        path: The file; its name may contain any characters.

    Raises:
        VideoError: It is missing, a folder, empty, or not a container of video and audio.
    """
    path = Path(path)
    # os.path, for pathlib's raise for names that the file system refuses
    if os.path.isdir(path):
        raise VideoError(f'{path}: is a folder, expected a video file')
    if not os.path.exists(path):
        raise VideoError(f'{path}: no such video file')
    if os.path.getsize(path) == 0:
        raise VideoError(f'{path}: the file is empty; record or download it again')
    try:
        # An absolute path can't be taken for an address, whatever colons and dashes are in it.
        return av.open(str(path.absolute()), options={'format_whitelist': FORMATS})
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(
            f'{path}: not readable as a video ({reason(error)}). It is cut off before its index, '
            f'or not a container of one of the formats {FORMATS}'
        ) from error


def open_feed(feed: object, name: str, advice: str) -> InputContainer:
    """Open a container that comes through `feed.read(n)`, and can't be read a second time.

    Args:
        feed: Gives up to n bytes, at least one; none at the end.
        name: For messages.
        advice: What to do where that fails.

    Raises:
        VideoError: It is not a container of video and audio that can be read in one go.
    """
    try:
        return av.open(feed, options={'format_whitelist': FORMATS})
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f'{name}: not readable as a video ({reason(error)}); {advice}') from error


def video_stream(container: InputContainer) -> Stream | None:
    """The first video stream that is not cover art."""
    flags = av.stream.Disposition
    still = flags.attached_pic | flags.timed_thumbnails
    for stream in container.streams.video:
        if not stream.disposition & still and stream.codec_context is not None:
            # a frame may be larger than the header says
            stream.codec_context.options = {'max_pixels': str(MAX_PIXELS)}
            return stream
    return None


def audio_stream(container: InputContainer) -> Stream | None:
    """The audio stream that players choose: the one marked as default, else the first."""
    tracks = [s for s in container.streams.audio if s.codec_context is not None]
    marked = [s for s in tracks if s.disposition & av.stream.Disposition.default]
    return next(iter(marked or tracks), None)


class StreamReader:
    """Packets and frames of one stream, with a count of what could not be read.

    Args:
        container: Whoever opened it closes it.
        stream: Of that container.

    Attributes:
        damaged: Packets and frames that could not be decoded so far.
        read_error: Why the file could not be read to its end, or None.
    """

    def __init__(self, container: InputContainer, stream: Stream) -> None:
        self.container = container
        self.stream = stream
        self.damaged = 0
        self.read_error: str | None = None

    @property
    def codec(self) -> str:
        """Name of the stream's codec."""
        return self.stream.codec_context.name

    def packets(self) -> Iterator[av.Packet]:
        """Packets up to the end, or to where the file can't be read any further; flush last."""
        iterator = self.container.demux(self.stream)
        while True:
            try:
                yield next(iterator)
            except StopIteration:
                return
            except (av.FFmpegError, OSError) as error:
                self.read_error = reason(error)
                yield av.Packet()  # flushes the decoder
                return

    def frames(self) -> Iterator[av.VideoFrame | av.AudioFrame]:
        """Decoded frames; a packet that can't be decoded is counted and skipped."""
        for packet in self.packets():
            try:
                frames = self.stream.codec_context.decode(packet if packet.size else None)
            except (av.FFmpegError, OSError):
                self.damaged += 1
                continue
            for frame in frames:
                self.damaged += bool(frame.is_corrupt)
                if frame.time_base is None:
                    frame.time_base = self.stream.time_base
                yield frame


def reason(error: Exception) -> str:
    """FFmpeg's message without the error class and file name that PyAV adds."""
    return getattr(error, 'strerror', None) or str(error) or type(error).__name__
