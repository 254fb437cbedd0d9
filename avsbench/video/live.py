"""A video that is read once, while it comes: through a pipe, from a growing file, from a camera."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avsbench.utils.errors import ConfigError
from avsbench.video.audio import Places, UniformAudio
from avsbench.video.containers import (
    VideoError,
    audio_stream,
    av,
    open_feed,
    reason,
    video_stream,
)
from avsbench.video.reading import MAX_GAP, DecodedFrame, VideoHeader

if TYPE_CHECKING:
    from av.container import InputContainer

PIPE = '-'
CAMERA = 'camera:'
POLL = 0.2  # seconds after which a feed that waits looks whether it is to stop
MAX_EARLY = 5000  # packets before the first frame
LATE = 10.0  # seconds by which the audio may lag behind before silence stands for it
FRAGMENTS = (
    'what comes through a pipe or still grows can be read in one go only, such as Matroska '
    '(-f matroska), MPEG-TS (-f mpegts) or mp4 in fragments (-movflags frag_keyframe+empty_moov)'
)
CAMERAS = {
    'linux': ('v4l2', '/dev/video{}'),
    'darwin': ('avfoundation', '{}'),
    'win32': ('dshow', 'video={}'),
}
"""Platform -> FFmpeg's input device, and how it names a camera."""

Opened = tuple['InputContainer', 'Feed | NoFeed']
"""A container, and what its bytes come through."""


class Feed:
    """Bytes that come in time.

    Args:
        number: Of an open file.
        patience: Seconds without new bytes after which a growing file has ended, which is then
            closed by `close`; None for a pipe, which says so itself.
    """

    def __init__(self, number: int, patience: float | None = None) -> None:
        self._number = number
        self._patience = patience
        self._stopped = threading.Event()

    def read(self, count: int) -> bytes:
        """1 to `count` bytes, once there are any; none at the end."""
        since = time.monotonic()
        while not self._stopped.is_set():
            if self._patience is None:
                if sys.platform == 'win32' or select.select([self._number], [], [], POLL)[0]:
                    return os.read(self._number, count)
                continue
            if data := os.read(self._number, count):
                return data
            if time.monotonic() - since > self._patience:
                break
            self._stopped.wait(POLL)
        return b''

    def stop(self) -> None:
        """Let the feed end here."""
        self._stopped.set()

    def close(self) -> None:
        """Close the file, not a pipe."""
        if self._patience is not None:
            os.close(self._number)


class NoFeed:
    """Stands for the feed of a camera, which needs none."""

    def stop(self) -> None:
        """Nothing: frames come all the time."""

    def close(self) -> None:
        """Nothing: the container holds the camera."""


@dataclass(frozen=True)
class LiveAudio:
    """What comes next of the audio.

    Attributes:
        samples: (n,) float64, mono; they follow those before without a gap.
        packet: That they are from; None for silence.
        frames: As decoded.
    """

    samples: np.ndarray
    packet: av.Packet | None
    frames: list[av.AudioFrame]


def is_live(name: str, follow: float | None) -> bool:
    """Whether this is a pipe, a camera, or a file that is still being written."""
    return name == PIPE or name.startswith(CAMERA) or follow is not None


def open_live(name: str, *, follow: float | None = None, need_audio: bool = True) -> LiveVideo:
    """Open a pipe, a growing file or a camera.

    Args:
        name: '-' for the standard input, 'camera:0' or 'camera:/dev/video2', or a file.
        follow: Seconds without growth after which the file has ended.
        need_audio: Whether an audio track is needed.

    Raises:
        VideoError: It can't be opened, or lacks video or the audio that is needed.
        ConfigError: There are no cameras on this platform, or the network needs audio.
    """
    if name.startswith(CAMERA):
        container, feed = _open_camera(name, need_audio)
    elif name == PIPE:
        feed = Feed(sys.stdin.fileno())
        container = open_feed(feed, 'standard input', FRAGMENTS)
        name = 'standard input'
    else:
        container, feed = _open_growing(Path(name), follow)
    try:
        return LiveVideo(container, name, feed, need_audio=need_audio)
    except BaseException:
        container.close()
        feed.close()
        raise


def _open_growing(path: Path, patience: float) -> Opened:
    if not patience > 0:
        raise ConfigError(f'--follow {patience:g}: expected seconds, above 0')
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise VideoError(f'{path}: cannot be read ({error.strerror})') from error
    feed = Feed(number, patience)
    try:
        return open_feed(feed, str(path), FRAGMENTS), feed
    except BaseException:
        feed.close()
        raise


def _open_camera(name: str, need_audio: bool) -> Opened:
    if need_audio:
        raise ConfigError(
            f'{name}: a camera gives no audio, and the network reads it; join both and pass them '
            'on, e.g. ffmpeg -f v4l2 -i /dev/video0 -f alsa -i default -f matroska - | avsbench '
            'video - ...'
        )
    if sys.platform not in CAMERAS:
        raise ConfigError(f'{name}: no cameras on {sys.platform}; use a pipe (-)')
    kind, pattern = CAMERAS[sys.platform]
    given = name.removeprefix(CAMERA)
    place = given if '/' in given else pattern.format(given)
    try:
        return av.open(place, format=kind), NoFeed()
    except (av.FFmpegError, OSError, ValueError) as error:
        raise VideoError(f'{name}: {place} cannot be opened ({reason(error)})') from error


class LiveVideo(VideoHeader):
    """Frames and audio of a container in the order in which they come.

    The constructor reads up to the first frame.

    Args:
        container: Read once, and closed by `close`.
        name: For messages.
        feed: What its bytes come through.
        need_audio: Whether a container without an audio track is an error.

    Attributes:
        sample_rate: Of the audio in Hz; None without.
        damaged: Packets and frames that could not be decoded so far.
        read_error: Why reading ended before the end, or None.
        stopped: Whether it was ended by `stop`.
        silent: Seconds of audio that came too late, for which silence stands.

    Raises:
        VideoError: There is no video or audio, or no frame.
    """

    def __init__(
        self,
        container: InputContainer,
        name: str,
        feed: Feed | NoFeed,
        *,
        need_audio: bool = True,
    ) -> None:
        self.path, self.name = Path(name), name
        self.container = container
        self._feed, self.stopped = feed, False
        self.damaged, self.silent = 0, 0.0
        self.read_error: str | None = None
        stream = video_stream(container)
        if stream is None:
            raise VideoError(f'{name}: has no video track')
        audio = audio_stream(container)
        self.has_audio = audio is not None
        if need_audio:
            self._check_audio()
        stream.thread_type = 'AUTO'
        self._set_clock(container, stream)
        self._streams = [stream] if audio is None else [stream, audio]
        self.sample_rate = None if audio is None else audio.codec_context.sample_rate
        self._coming = self._decoded()
        self._early: list[tuple] = []
        self._set_first(self._find_first(), stream)
        self._played = 0  # samples so far
        if audio is not None:
            self._places = Places(self.origin)
            self._converter = UniformAudio('s16', None, self.sample_rate)

    def events(self) -> Iterator[DecodedFrame | LiveAudio]:
        """Frames and audio, in the order in which they come."""
        last: int | None = None
        for index, packet, frames in chain(self._early, self._coming):
            if index != self._streams[0].index:
                yield LiveAudio(self._following(frames, packet is None), packet, frames)
                continue
            for frame in frames:
                timed = self._timed(frame, last)
                last = timed.pts
                yield from self._silence(timed.time)
                yield timed

    def stop(self) -> None:
        """Let the events end after what has come so far; from any thread."""
        self.stopped = True
        self._feed.stop()

    def close(self) -> None:
        """Close the container and the file; twice does no harm."""
        self.container.close()
        feed, self._feed = self._feed, NoFeed()
        feed.close()

    def warnings(self) -> list[str]:
        """What was wrong so far, one sentence each."""
        found = []
        if self.damaged or self.read_error:
            why = f' ({self.read_error})' if self.read_error else ''
            found.append(f'{self.name}: damaged{why}: {self.damaged} packets were left out')
        if self.silent:
            found.append(
                f'{self.name}: its audio came more than {LATE:g} s late; silence stands for '
                f'{self.silent:.1f} s of it'
            )
        return found

    def _find_first(self) -> av.VideoFrame:
        for entry in self._coming:
            self._early.append(entry)
            index, _, frames = entry
            if index == self._streams[0].index and frames:
                return frames[0]
            if len(self._early) > MAX_EARLY:
                break
        why = self.read_error or f'{self.damaged} damaged packets'
        raise VideoError(f'{self.name}: no frame can be decoded ({why})')

    def _decoded(self) -> Iterator[tuple[int, av.Packet | None, list]]:
        """Number of the stream, the packet (None at the end), and the frames that came of it."""
        packets = self.container.demux(self._streams)
        while not self.stopped:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError) as error:
                self.read_error = reason(error)
                break
            frames = self._decode(packet.stream, packet)
            yield packet.stream.index, packet if packet.size else None, frames
        for stream in self._streams:
            yield stream.index, None, self._decode(stream, None)

    def _decode(self, stream: av.stream.Stream, packet: av.Packet | None) -> list:
        try:
            found = stream.codec_context.decode(packet if packet and packet.size else None)
        except (av.FFmpegError, OSError):
            self.damaged += 1
            return []
        for frame in found:
            self.damaged += bool(frame.is_corrupt)
            if frame.time_base is None:
                frame.time_base = stream.time_base
        return found

    def _following(self, frames: list[av.AudioFrame], last: bool) -> np.ndarray:
        """The samples that follow: gaps are silence, what comes twice or too late is left out."""
        blocks = [block for frame in frames for block in self._converter.add(frame)]
        if last:
            blocks += self._converter.finish()
        parts = [np.zeros(0)]
        for block in blocks:
            position, samples = self._places.of(block)
            gap = position - self._played
            if gap > MAX_GAP * self.sample_rate:
                raise VideoError(f'{self.name}: the time stamps of its audio jump by {gap} samples')
            parts += [np.zeros(max(0, gap)), samples[max(0, -gap) :]]
            self._played += len(parts[-2]) + len(parts[-1])
        return np.concatenate(parts)

    def _silence(self, now: Fraction) -> Iterator[LiveAudio]:
        """Silence for audio that has not come long after its frames."""
        if self.sample_rate is None:
            return
        missing = int((float(now) - LATE) * self.sample_rate) - self._played
        if missing > 0:
            self._played += missing
            self.silent += missing / self.sample_rate
            yield LiveAudio(np.zeros(missing), None, [])
