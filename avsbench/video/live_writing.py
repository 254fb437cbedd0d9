"""Writes a video whose source is still going on, so that what is written plays at any time."""

from __future__ import annotations

from fractions import Fraction

from avsbench.video.containers import audio_stream, av
from avsbench.video.live import LiveAudio, LiveVideo
from avsbench.video.writing import OPTIONS, VideoWriter

KEY_FRAMES = 25  # frames from one to the next: what a crash may cost


class LiveWriter(VideoWriter):
    """Writes frames with the times of a live source, and its audio as it comes.

    mp4 is written in fragments and Matroska in clusters of about a second, each of which is on disk
    at once. Arguments and attributes are those of `VideoWriter`.
    """

    encoder_options = OPTIONS | {'tune': 'zerolatency', 'g': str(KEY_FRAMES)}

    def write_audio(self, audio: LiveAudio) -> None:
        """Add what came of the audio; silence that stands for it stays a gap."""
        if self._audio is None or audio.packet is None:
            return
        with self._explained():
            self._output.mux(self._audio.add(audio.packet, audio.frames))

    def _open_input(self, source: LiveVideo) -> av.container.InputContainer:
        return source.container

    def _kinds(self) -> tuple:
        """Audio that carries its header in each packet, as MPEG-TS has it, is not for fragments."""
        codec = audio_stream(self._input).codec_context
        bare = codec.name == 'aac' and not codec.extradata
        return super()._kinds()[bare:]

    def _start_audio(self) -> None:
        """Nothing: it comes by `write_audio`."""

    def _options(self, container: str) -> dict[str, str]:
        if container == 'matroska':
            return {'flush_packets': '1', 'cluster_time_limit': '1000'}
        return {'flush_packets': '1', 'movflags': 'frag_keyframe+delay_moov+default_base_moof'}

    def _write_audio(self, until: Fraction | None) -> None:
        if until is None and self._audio is not None:
            self._output.mux(self._audio.rest())
