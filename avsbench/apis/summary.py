"""What is kept of a video of any length for its pictures: a bounded number of frames and values."""

from collections.abc import Mapping, Sequence

import numpy as np

from avsbench.apis.prediction import NOTHING, Row, SlotPrediction

MAX_FRAMES = 16  # kept at a time; a sheet shows at most half of them or so
MAX_POINTS = 4096  # of the curves
SOUND_COLUMNS = 12  # of a second


class VideoSummary:
    """Collects slots; when there are too many, every second one of what is kept is dropped."""

    def __init__(self) -> None:
        self.frames: list[SlotPrediction] = []
        self.end = 0.0
        self._rows: list[list[Row]] = []
        self._sound: list[np.ndarray] = []
        self._frame_step = self._row_step = self._sound_step = 1
        self._slots = self._patches = 0

    def add(self, prediction: SlotPrediction, rows: list[Row]) -> None:
        """Take the next slot."""
        if self._slots % self._frame_step == 0:
            self.frames.append(prediction)
            if len(self.frames) > MAX_FRAMES:
                self.frames, self._frame_step = self.frames[::2], 2 * self._frame_step
        if self._slots % self._row_step == 0:
            self._rows.append(rows)
            if len(self._rows) > MAX_POINTS:
                self._rows, self._row_step = self._rows[::2], 2 * self._row_step
        if self._slots % prediction.fps == 0:
            self._add_sound(prediction.log_mel)
        self._slots += 1
        self.end = (prediction.slot + 1) / prediction.fps

    def _add_sound(self, patch: np.ndarray) -> None:
        if self._patches % self._sound_step == 0:
            bands = patch.shape[-1]
            self._sound.append(patch.reshape(SOUND_COLUMNS, -1, bands).mean(1).astype(np.float16))
            if len(self._sound) > MAX_POINTS:
                self._sound, self._sound_step = self._sound[::2], 2 * self._sound_step
        self._patches += 1

    @property
    def sound(self) -> tuple[np.ndarray, float]:
        """(n, columns, 64) log-mel patches, evenly spread, and the seconds that they take."""
        return np.stack(self._sound).astype(np.float32), float(len(self._sound) * self._sound_step)

    @property
    def starts(self) -> list[float]:
        """Seconds of the points of the curves."""
        return [rows[0].second for rows in self._rows]

    @property
    def areas(self) -> Mapping[str, Sequence[float]]:
        """Class -> its area at each of `starts`."""
        names = {row.name: None for rows in self._rows for row in rows if row.name != NOTHING}
        found = [{row.name: row.area for row in rows} for rows in self._rows]
        return {name: [areas.get(name, 0.0) for areas in found] for name in names}
