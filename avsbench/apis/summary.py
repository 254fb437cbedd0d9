"""What is kept of a video for its plots: a bounded number of frames and values."""

from collections.abc import Mapping, Sequence

import numpy as np

from avsbench.apis.prediction import NO_CLASS, MaskPrediction, TableRow

MAX_FRAMES = 16  # kept at a time; a contact sheet shows about half of them
MAX_POINTS = 4096  # of the curves
COLUMNS = 12  # of the log-mel of one second


class VideoSummary:
    """Collects the masks of a video.

    When there are too many of something, every second one is dropped, and from then on only every
    second one is kept.

    Attributes:
        frames: Predictions, evenly spaced.
        end: Second at which the last mask ends.
        marked: Whether there is anything in any mask.
    """

    def __init__(self) -> None:
        self.frames: list[MaskPrediction] = []
        self.end = 0.0
        self.marked = False
        self._rows: list[list[TableRow]] = []
        self._log_mel: list[np.ndarray] = []
        self._frame_step = self._row_step = self._log_mel_step = 1
        self._masks = self._patches = 0

    def add(self, prediction: MaskPrediction, rows: list[TableRow]) -> None:
        """Add the next mask."""
        if self._masks % self._frame_step == 0:
            self.frames.append(prediction)
            if len(self.frames) > MAX_FRAMES:
                self.frames, self._frame_step = self.frames[::2], 2 * self._frame_step
        if self._masks % self._row_step == 0:
            self._rows.append(rows)
            if len(self._rows) > MAX_POINTS:
                self._rows, self._row_step = self._rows[::2], 2 * self._row_step
        if prediction.log_mel is not None and prediction.span.start.denominator == 1:
            self._add_log_mel(prediction.log_mel)
        self._masks += 1
        self.marked |= any(row.name != NO_CLASS for row in rows)
        self.end = float(prediction.span.stop)

    def _add_log_mel(self, patch: np.ndarray) -> None:
        if self._patches % self._log_mel_step == 0:
            columns = [part.mean(0) for part in np.array_split(patch, COLUMNS)]
            self._log_mel.append(np.stack(columns).astype(np.float16))
            if len(self._log_mel) > MAX_POINTS:
                self._log_mel, self._log_mel_step = self._log_mel[::2], 2 * self._log_mel_step
        self._patches += 1

    @property
    def log_mel(self) -> tuple[np.ndarray, float] | None:
        """(n, columns, 64) log-mel patches, evenly spaced, and the seconds that they cover.

        None without sound.
        """
        if not self._log_mel:
            return None
        seconds = float(len(self._log_mel) * self._log_mel_step)
        return np.stack(self._log_mel).astype(np.float32), seconds

    @property
    def starts(self) -> list[float]:
        """Seconds of the points of the curves."""
        return [rows[0].start for rows in self._rows]

    @property
    def areas(self) -> Mapping[str, Sequence[float]]:
        """Class -> its area at each of `starts`."""
        names = {row.name: None for rows in self._rows for row in rows}
        names.pop(NO_CLASS, None)
        found = [{row.name: row.area for row in rows} for rows in self._rows]
        return {name: [areas.get(name, 0.0) for areas in found] for name in names}
