"""Writes a video: frames encoded anew, with the audio track of another file, if it has one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avsbench.utils.errors import ConfigError
from avsbench.video.audio import UniformAudio
from avsbench.video.containers import (
    StreamReader,
    VideoError,
    audio_stream,
    av,
    open_container,
    reason,
)
from avsbench.video.reading import DecodedFrame, VideoHeader

if TYPE_CHECKING:
    from av.container import OutputContainer

SUFFIXES = {'.mp4': 'mp4', '.m4v': 'mp4', '.mov': 'mov', '.mkv': 'matroska'}
"""File name suffix -> container that can hold H.264."""

ENCODER = 'libx264'
OPTIONS = {'preset': 'veryfast', 'crf': '20'}
AUDIO_ENCODER = 'aac'
AHEAD = Fraction(1, 2)  # seconds by which the audio is written ahead of the frames
HD_LINES = 720  # frames of at least this height use the colour space of HD television


def container_of(path: str | Path) -> str:
    """Name of the container for a file name.

    Raises:
        ConfigError: The suffix is not one of `SUFFIXES`.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(
            f'{path}: the video is written as H.264, so its name must end in '
            f'{", ".join(SUFFIXES)}, not {suffix or "nothing"!r}'
        )
    return SUFFIXES[suffix]


class VideoWriter:
    """Writes frames with the times of a source video, and the source's audio track if it has one.

    The audio track is copied packet by packet where the container can hold its codec, else it is
    encoded as AAC. Frames with odd sides get one more line or column, as H.264 requires.

    Args:
        path: File to write; replaced if it exists.
        source: Video whose times, frame rate and audio the result has.
        container: Name of the container, as `container_of` gives it.
        name: Of the file in messages, where it is renamed later; None for `path`.

    Attributes:
        audio: 'copied' or 'encoded as aac'; 'none' where the source has no audio track.

    Raises:
        VideoError: The file can't be written.
    """

    encoder_options = OPTIONS

    def __init__(
        self, path: str | Path, source: VideoHeader, container: str, name: str | Path | None = None
    ) -> None:
        self.path = Path(path)
        self.name = name or path
        self._shift = source.clock_start
        self._time_base = source.time_base
        self._input = self._open_input(source)
        try:
            kinds = self._kinds() if source.has_audio else (None,)
            next(kind for kind in kinds if self._open(source, container, kind))
        except VideoError:
            self._input.close()
            raise
        self.audio = 'none' if self._audio is None else self._audio.kind
        self._start_audio()

    def _open_input(self, source: VideoHeader) -> av.container.InputContainer:
        return open_container(source.path)

    def _kinds(self) -> tuple[type[_CopiedAudio] | type[_EncodedAudio], ...]:
        """How the audio may be written, the best first."""
        return _CopiedAudio, _EncodedAudio

    def _start_audio(self) -> None:
        self._waiting = iter(()) if self._audio is None else self._audio.packets()
        self._next = next(self._waiting, None)

    def _open(
        self,
        source: VideoHeader,
        container: str,
        kind: type[_CopiedAudio] | type[_EncodedAudio] | None,
    ) -> bool:
        """Open the file with one kind of audio; False if it can't be copied to the container."""
        with self._explained():
            self._output = av.open(
                str(self.path.absolute()), 'w', format=container, options=self._options(container)
            )
        try:
            self._video = self._add_video(source)
            self._audio = None
            if kind is not None:
                track = StreamReader(self._input, audio_stream(self._input))
                self._audio = kind(track, self._output, self._shift)
            self._output.start_encoding()  # writes the header
        except (av.FFmpegError, OSError, ValueError) as error:
            self._close_quietly()
            if kind is _CopiedAudio:
                return False
            raise VideoError(f'{self.name}: cannot be written ({reason(error)})') from error
        return True

    def _options(self, container: str) -> dict[str, str]:
        """Of the container."""
        return {'movflags': 'faststart'} if container != 'matroska' else {}

    def _add_video(self, source: VideoHeader) -> av.VideoStream:
        height, width = (side + side % 2 for side in source.size)
        stream = self._output.add_stream(ENCODER, rate=source.rate, options=self.encoder_options)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, 'yuv420p'
        context.time_base = self._time_base
        context.sample_aspect_ratio = source.pixel_aspect
        hd = height >= HD_LINES
        reformatter = av.video.reformatter
        spaces = reformatter.Colorspace
        self._colours = spaces.ITU709 if hd else spaces.ITU601
        # Codes of ITU-T H.273: 1 is BT.709, 6 is BT.601 with 525 lines.
        context.colorspace = context.color_primaries = context.color_trc = 1 if hd else 6
        context.color_range = reformatter.ColorRange.MPEG
        return stream

    def write(self, source_frame: DecodedFrame, rgb: np.ndarray) -> None:
        """Add a frame.

        Args:
            source_frame: Next frame of the source, which gives the time.
            rgb: (H, W, 3) uint8 to show at that time.

        Raises:
            VideoError: The file can't be written any further.
        """
        missing = [(0, side % 2) for side in rgb.shape[:2]]
        if any(more for _, more in missing):
            rgb = np.pad(rgb, (*missing, (0, 0)), mode='edge')
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format='rgb24')
        frame = frame.reformat(format='yuv420p', dst_colorspace=self._colours)
        frame.time_base = self._time_base
        frame.pts = source_frame.pts - round(self._shift / self._time_base)
        frame.duration = source_frame.duration
        with self._explained():
            self._write_audio(frame.pts * self._time_base + AHEAD)
            self._output.mux(self._video.encode(frame))

    def finish(self) -> None:
        """Write the rest of the audio and the frames still in the encoder, and close the file."""
        with self._explained():
            self._output.mux(self._video.encode(None))
            self._write_audio(None)
            self._output.close()
        self._input.close()

    def abort(self) -> None:
        """Close the unfinished file, which is of no use."""
        self._close_quietly()
        self._input.close()

    def _close_quietly(self) -> None:
        with contextlib.suppress(av.FFmpegError, OSError):
            self._output.close()

    def _write_audio(self, until: Fraction | None) -> None:
        while self._next is not None:
            if until is not None and self._next.dts * self._next.time_base > until:
                return
            self._output.mux(self._next)
            self._next = next(self._waiting, None)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Name the file in errors of writing it."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f'{self.name}: cannot be written ({reason(error)})') from error


def _can_hold(output: OutputContainer, codec: str) -> bool:
    """Whether a container can hold an audio codec in a form that players support.

    Few players support uncompressed audio in mp4, and mp4 needs the channel layout, which some
    uncompressed tracks do not state.
    """
    plain = codec.startswith('pcm_') and output.format.name != 'matroska'
    return codec in output.supported_codecs and not plain


class _CopiedAudio:
    kind = 'copied'

    def __init__(self, reader: StreamReader, target: OutputContainer, shift: Fraction) -> None:
        if not _can_hold(target, reader.codec):
            raise ValueError(f'{target.format.name} does not hold {reader.codec}')
        self.reader, self.shift = reader, shift
        self._last: int | None = None
        self.stream = target.add_stream_from_template(reader.stream)

    def packets(self) -> Iterator[av.Packet]:
        """The source's packets on the target's clock, without those that have no time."""
        for packet in self.reader.packets():
            yield from self.moved(packet)

    def moved(self, packet: av.Packet) -> list[av.Packet]:
        """A packet of the source on the target's clock; none if it has no time."""
        last = self._last
        if packet.dts is None or not packet.size or (last is not None and packet.dts <= last):
            return []
        self._last = packet.dts
        shift = round(self.shift / packet.time_base)
        packet.dts -= shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        packet.stream = self.stream
        return [packet]

    def add(self, packet: av.Packet, frames: list[av.AudioFrame]) -> list[av.Packet]:
        """Of audio that comes packet by packet: the packet itself."""
        return self.moved(packet)

    def rest(self) -> list[av.Packet]:
        """None: nothing is held."""
        return []


class _EncodedAudio:
    kind = f'encoded as {AUDIO_ENCODER}'

    def __init__(self, reader: StreamReader, target: OutputContainer, shift: Fraction) -> None:
        self.reader, self.shift = reader, shift
        source = reader.stream.codec_context
        rates = av.Codec(AUDIO_ENCODER, 'w').audio_rates or [source.sample_rate]
        rate = source.sample_rate if source.sample_rate in rates else 48000
        # By the number of channels, since some files do not state their layout.
        self.layout = 'mono' if source.layout.nb_channels == 1 else 'stereo'
        self.stream = target.add_stream(AUDIO_ENCODER, rate=rate, layout=self.layout)

        self._converter = UniformAudio('fltp', self.layout, self.stream.codec_context.sample_rate)

    def packets(self) -> Iterator[av.Packet]:
        """The decoded track, encoded anew."""
        for frame in self.reader.frames():
            yield from self._encode(self._converter.add(frame))
        yield from self.rest()

    def add(self, packet: av.Packet, frames: list[av.AudioFrame]) -> list[av.Packet]:
        """Of audio that comes packet by packet: its frames, encoded anew."""
        return [made for frame in frames for made in self._encode(self._converter.add(frame))]

    def rest(self) -> list[av.Packet]:
        """What the encoder holds at the end."""
        return [*self._encode(self._converter.finish()), *self.stream.encode(None)]

    def _encode(self, frames: list[av.AudioFrame]) -> list[av.Packet]:
        packets = []
        for frame in frames:
            if frame.pts is not None:
                frame.pts -= round(self.shift / frame.time_base)
            packets += self.stream.encode(frame)
        return packets
