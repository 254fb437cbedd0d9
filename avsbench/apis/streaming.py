"""Masks of a video that is still going on."""

from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from avsbench.apis.clips import check_settings
from avsbench.apis.inferencer import AVSInferencer
from avsbench.apis.pipeline import ClipBatch, ResizedFrame
from avsbench.apis.prediction import InOrder, MaskPrediction
from avsbench.apis.second_clips import batches_of
from avsbench.apis.selection import MaskSpan, frame_selector
from avsbench.apis.sources import StoredFrame, TimedFrame, read_samples
from avsbench.apis.timing import stage
from avsbench.apis.windows import batch_of, disjoint_window
from avsbench.utils.errors import ConfigError, DataError
from avsbench.video.sampling import INSTANT

NAME = 'the stream'


class AVSStream:
    """Predicts masks while frames and audio come in.

        stream = AVSStream(inferencer, frame_rate=25, sample_rate=16000)
        for frames, audio in camera:
            for prediction in stream.push(frames, audio):
                mask, probability = prediction.masked()
        last = stream.flush()

    The masks are those that `AVSInferencer.stream` predicts for a file with the same frames and
    samples. They come clip by clip, since the network sees T seconds, or T frames, at once: a mask
    is there at most `delay` seconds after the first of what it covers was pushed, and the time that
    the network takes. Held are the frames of one clip at the size of the network's input, and its
    samples.

    Args:
        inferencer: The network.
        frame_rate: Frames per second that are pushed.
        sample_rate: Of the samples, in Hz; None for a network without sound.
        fps: Masks per second; None for the default, see `AVSInferencer.stream`.
        threshold: See `MaskPrediction`.
        with_logits: Keep the logits of all classes.
        max_lag: Seconds by which audio and frames may be apart after a push.

    Attributes:
        delay: Seconds, as above.

    Raises:
        ConfigError: A setting is out of its range, or the network needs the end of a video.
        DataError: A sample rate is missing or not needed.
    """

    def __init__(
        self,
        inferencer: AVSInferencer,
        *,
        frame_rate: float | Fraction,
        sample_rate: int | None = None,
        fps: int | None = None,
        threshold: float | None = None,
        with_logits: bool = False,
        max_lag: float = 10.0,
    ) -> None:
        pipeline = inferencer.pipeline
        self._check(inferencer, frame_rate, sample_rate, fps)
        self.inferencer, self._pipeline = inferencer, pipeline
        self._options = dict(threshold=threshold, with_logits=with_logits)
        self._rate = Fraction(frame_rate).limit_denominator(100_000)
        self._fps = pipeline.masks_per_second(fps)
        self._max_lag = max_lag
        self._selector = frame_selector(self._fps, self._rate)
        self._audio = None if sample_rate is None else PushedAudio(sample_rate)
        self._size: tuple[int, ...] | None = None
        self._count = 0
        self._waiting: list[tuple[MaskSpan, ResizedFrame]] = []
        self._before: list[tuple[MaskSpan, ResizedFrame]] = []
        self._start = 0  # in seconds, of the clip of seconds that comes next
        self._order = InOrder()
        self._ended = False
        length = pipeline.length
        self.delay = self._delay(length)

    def push(self, frames: Any = None, audio: Any = None) -> list[MaskPrediction]:
        """Take what follows, of both or of one of them.

        Args:
            frames: (n, H, W, 3) uint8, RGB, or a list of frames (H, W, 3); None for no new ones.
            audio: Samples (m,) or (m, channels), int16 or float in [-1, 1]; None for no new ones.

        Returns:
            The masks that are known now and were not before, in their order; often none.

        Raises:
            DataError: Frames or samples are of another kind or size, or too far apart. The stream
                stays as it was before this push.
        """
        if self._ended:
            raise DataError(f'{NAME}: was ended by flush(); make another AVSStream')
        images = self._frames(frames)
        samples = self._samples(audio)
        self._check_lag(len(images), 0 if samples is None else len(samples))
        if samples is not None:
            self._audio.add(samples)
        found = self._predict(last=False)
        for image in images:
            self._size = image.shape
            image = image.copy()  # kept after this push, when a camera reuses its buffer
            frame = StoredFrame(self._count / self._rate, lambda image=image: image)
            found += self.add(frame)
            self._count += 1
        return found

    def add(
        self, frame: TimedFrame | None = None, samples: np.ndarray | None = None
    ) -> list[MaskPrediction]:
        """Take the next frame with a time of its own, or what follows of the audio, unchecked.

        Args:
            frame: Later than those before; at 0 the first one.
            samples: (m,) float64, mono.
        """
        if samples is not None:
            self._audio.add(samples)
        if frame is not None:
            self._select(self._selector.add(frame))
        return self._predict(last=False)

    def flush(self) -> list[MaskPrediction]:
        """End the stream: the masks that are left, the last clip filled as that of a file is."""
        if self._ended:
            return []
        self._ended = True
        self._select(self._selector.finish())
        return self._predict(last=True)

    @property
    def seconds(self) -> float:
        """Seconds of frames so far."""
        return float(self._count / self._rate)

    def _delay(self, length: int) -> float:
        if self._fps is None:
            return float(length / self._rate)
        # its frame is known when the one after comes
        late = max(0, 1 / self._rate - (1 - INSTANT) / self._fps)
        return float((Fraction(length, self._fps) if self._pipeline.consecutive else length) + late)

    def _select(self, selected: Sequence[tuple[MaskSpan, TimedFrame]]) -> None:
        with stage('decode'):
            resize = self._pipeline.resize
            self._waiting += [(span, resize(frame.rgb())) for span, frame in selected]

    def _predict(self, *, last: bool) -> list[MaskPrediction]:
        found = []
        while batches := self._next_batches(last):
            for batch in batches:
                with stage('network'):
                    masks = self.inferencer.forward(batch, **self._options)
                found += self._order.add(masks)
        return found

    def _next_batches(self, last: bool) -> list[ClipBatch]:
        """The clips of the next T seconds or frames, none before they are there."""
        pipeline, length = self._pipeline, self._pipeline.length
        if pipeline.consecutive:
            part = self._next_frames(length, last)
            if not part:
                return []
            window = disjoint_window(self._before, part, length)
            self._before = part
            return [batch_of([window], NAME, pipeline)]
        if self._audio is not None and not last and self._audio.end < self._start + length:
            return []
        part = self._next_frames(length * self._fps, last)
        start, self._start = self._start, self._start + length * bool(part)
        if not part:
            return []
        return list(batches_of(part, self._audio, start, self._fps, 1, NAME, pipeline))

    def _next_frames(self, count: int, last: bool) -> list[tuple[MaskSpan, ResizedFrame]]:
        if len(self._waiting) < count and not last:
            return []
        part, self._waiting = self._waiting[:count], self._waiting[count:]
        return part

    def _frames(self, given: Any) -> list[np.ndarray]:
        """The frames of a push, checked."""
        if given is None:
            return []
        images = list(given)
        expected = self._size
        for number, image in enumerate(images):
            if (
                not isinstance(image, np.ndarray)
                or image.dtype != np.uint8
                or image.ndim != 3
                or image.shape[-1] != 3
                or not image.size
            ):
                kind = getattr(image, 'dtype', type(image).__name__)
                raise DataError(
                    f'frame {number} of this push: {kind} of shape '
                    f'{getattr(image, "shape", None)}, expected uint8 (H, W, 3), RGB'
                )
            expected = expected or image.shape
            if image.shape != expected:
                raise DataError(
                    f'frame {number} of this push: {image.shape[0]} x {image.shape[1]} pixels, '
                    f'those before have {expected[0]} x {expected[1]}; resize them, or flush() and '
                    'make another AVSStream'
                )
        return images

    def _samples(self, given: Any) -> np.ndarray | None:
        """The samples of a push, mono, checked; None if there are none."""
        if given is None or np.size(given) == 0:
            return None
        if self._audio is None:
            raise DataError('audio: this stream reads none; leave it out, or give a sample_rate')
        samples, _ = read_samples(np.asarray(given), self._audio.rate)
        if not np.isfinite(samples.sum()):
            place = int(np.argmin(np.isfinite(samples)))
            raise DataError(
                f'audio: sample {place} of this push is NaN or infinite; push silence instead'
            )
        return samples

    def _check_lag(self, frames: int, samples: int) -> None:
        if self._audio is None:
            return
        shown = float((self._count + frames) / self._rate)
        played = float(self._audio.end + Fraction(samples, self._audio.rate))
        if abs(shown - played) <= self._max_lag:
            return
        behind, ahead = ('audio', 'the frames') if played < shown else ('frames', 'the audio')
        raise DataError(
            f'{NAME}: its {behind} would lag {abs(shown - played):.1f} s behind {ahead} (frames up '
            f'to {shown:.1f} s, audio up to {played:.1f} s), more than max_lag={self._max_lag:g}; '
            f'push the {behind} that are missing (silence where there is no audio), check '
            'frame_rate and sample_rate, or raise max_lag'
        )

    def _check(
        self,
        inferencer: AVSInferencer,
        frame_rate: float | Fraction,
        sample_rate: int | None,
        fps: int | None,
    ) -> None:
        pipeline = inferencer.pipeline
        if not frame_rate > 0:
            raise ConfigError(f'frame_rate={frame_rate!r}, expected frames per second, above 0')
        check_settings(pipeline, fps, 1, None)
        if pipeline.consecutive and 'disjoint' not in pipeline.windows:
            raise ConfigError(
                'AVSStream: this network predicts one frame in the middle of a clip, whose windows '
                'depend on the end of the video; write the video to a file first'
            )
        if pipeline.consecutive and fps is not None and fps > frame_rate:
            raise ConfigError(
                f'fps={fps}: there are {float(frame_rate):.4g} frames per second, and the frames '
                'of a clip must differ; expected fewer masks per second'
            )
        if pipeline.sound and sample_rate is None:
            raise DataError('AVSStream: the network reads audio; give the sample_rate of yours')
        if not pipeline.sound and sample_rate is not None:
            raise DataError(f'sample_rate={sample_rate}: the network reads no audio; leave it out')
        if sample_rate is not None:
            read_samples(np.zeros(1), sample_rate)  # checks the rate


class PushedAudio:
    """Samples that are pushed block by block, see `avsbench.apis.sources.Audio`.

    Args:
        rate: Sample rate in Hz.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._blocks: deque[np.ndarray] = deque()
        self._first = self._stop = 0  # numbers of the first sample that is held, and after the last

    @property
    def end(self) -> Fraction:
        """Seconds of samples so far."""
        return Fraction(self._stop, self.rate)

    def add(self, samples: np.ndarray) -> None:
        """Take the next samples (n,) float64."""
        self._blocks.append(samples)
        self._stop += len(samples)

    def between(self, start: Fraction | int, stop: Fraction | int) -> np.ndarray:
        """Samples of [start, stop) in seconds; those before are dropped, those missing silence."""
        first, last = int(start * self.rate), int(stop * self.rate)
        while self._blocks and self._first + len(self._blocks[0]) <= first:
            self._first += len(self._blocks.popleft())
        if not self._blocks:
            self._first = self._stop
            return np.zeros(last - first)
        held = np.concatenate(self._blocks)[max(0, first - self._first) :]
        part = held[: last - first]
        return np.pad(part, (0, last - first - len(part)))

    def close(self) -> None:
        """Nothing to free."""
