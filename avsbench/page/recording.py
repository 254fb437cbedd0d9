"""Predictions for a video that are kept, so that another threshold needs no network."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avsbench.apis import AVSInferencer
from avsbench.apis.prediction import MaskPrediction
from avsbench.apis.summary import VideoSummary

_NO_FRAME = np.zeros((1, 1, 3), np.uint8)


class Recording:
    """An `AVSInferencer` for one video: runs the network the first time, and reads files later.

    Scores are kept as float16, which is finer than what a network computes in bfloat16; what is
    drawn the first time are the kept ones, so that the same threshold draws the same again.

    Args:
        inferencer: The network.
        video: The file, for messages.
        settings: `fps` and `windows` of `AVSInferencer.stream`.

    Attributes:
        complete: Whether the whole video is there.
        closed: Whether its files are gone.
        drawn: Threshold and colour of the result that the page shows.
    """

    def __init__(self, inferencer: AVSInferencer, video: str, settings: dict[str, Any]) -> None:
        self.video = video
        self.settings = settings
        self.complete = self.closed = False
        self.drawn: tuple[float, str | None] | None = None
        self._inferencer = inferencer
        self._folder = tempfile.TemporaryDirectory(prefix='avsbench-')
        self._file = Path(self._folder.name, 'scores.npy')
        self._rest: list[MaskPrediction] = []  # without what is in the file

    def __getattr__(self, name: str) -> Any:
        """What drawing a video asks of the inferencer beside its predictions."""
        return getattr(self._inferencer, name)

    def stream(
        self,
        source: Any,
        *,
        fps: int | None = None,
        batch_size: int = 1,
        threshold: float | None = None,
        windows: str | None = None,
    ) -> Iterator[MaskPrediction]:
        """See `AVSInferencer.stream`; the source and its settings are always those of the video."""
        if self.complete:
            yield from self._kept(threshold)
            return
        settings = dict(fps=fps, batch_size=batch_size, windows=windows)
        with self._file.open('wb') as file:
            for prediction in self._inferencer.stream(source, threshold=threshold, **settings):
                maps = _maps(prediction)
                for values in maps:
                    np.save(file, values)
                file.flush()  # a reader may stop at the last mask that it needs
                self._rest.append(_without_maps(prediction))
                yield _with_maps(prediction, maps)

    def finish(self, summary: VideoSummary) -> None:
        """Take what there is for the whole video.

        Frames that no sheet shows are forgotten: a summary of the same masks holds the same.

        Args:
            summary: Of all its masks.
        """
        self.complete = True
        shown = {prediction.span.index for prediction in summary.frames}
        self._rest = [
            part if part.span.index in shown else replace(part, frame=_NO_FRAME)
            for part in self._rest
        ]

    def close(self) -> None:
        """Remove the files."""
        self.closed = True
        self._folder.cleanup()

    def _kept(self, threshold: float | None) -> Iterator[MaskPrediction]:
        with self._file.open('rb') as file:
            for part in self._rest:
                count = 1 + (part.labels is not None) + 2 * (part.objects is not None)
                maps = [np.load(file, allow_pickle=False) for _ in range(count)]
                yield _with_maps(replace(part, threshold=threshold), maps)


_NOTHING = torch.zeros(0)


def _maps(prediction: MaskPrediction) -> list[np.ndarray]:
    maps = [prediction.score.half()]
    if prediction.labels is not None:
        maps.append(prediction.labels)
    if prediction.objects is not None:
        labels, scores = prediction.objects
        maps += [labels, scores.half()]
    return [values.numpy() for values in maps]


def _without_maps(prediction: MaskPrediction) -> MaskPrediction:
    return replace(
        prediction,
        score=_NOTHING,
        labels=None if prediction.labels is None else _NOTHING,
        objects=None if prediction.objects is None else (_NOTHING, _NOTHING),
    )


def _with_maps(prediction: MaskPrediction, maps: list[np.ndarray]) -> MaskPrediction:
    score, *others = map(torch.from_numpy, maps)
    labels: Tensor | None = others.pop(0) if prediction.labels is not None else None
    objects = (others[0], others[1].float()) if prediction.objects is not None else None
    return replace(prediction, score=score.float(), labels=labels, objects=objects)
