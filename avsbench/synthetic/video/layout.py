"""What a layout is: where a data set keeps its files, and how it codes its masks."""

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np

FileContents = Iterable[tuple[str, bytes]]


class VideoLayout(ABC):
    """The files of a data set of videos.

    `video` is the name of a video below, `t` a position from 0 among its frames.

    Attributes:
        folder: Of the data set, in the output folder.
        top_level: Entries of that folder that the data set has.
        ground: What masks hold for the labels -1, -2, -3, -4: parts of the background.
    """

    folder: str
    top_level: tuple[str, ...]
    ground = (0, 0, 0, 0)

    def video(self, split: str, scene: int, number: int, lines: int) -> str:
        """Name of a video.

        Args:
            split: A split of the subset.
            scene: Number of the scene in the split.
            number: Of the version of the scene.
            lines: Versions of the scene in which the objects move alike.
        """
        return f'{split}_{scene:04d}_{number:02d}'

    @abstractmethod
    def frame(self, video: str, t: int) -> str:
        """Path of a frame; the suffix decides the format."""

    def annotated(self, split: str, frames: int) -> list[int]:
        """Positions of the frames of a video that have a mask."""
        return []

    def values(self, kinds: np.ndarray, steps: np.ndarray, marked: np.ndarray) -> list[int]:
        """What masks hold for each of the N objects.

        Args:
            kinds: (N,) looks.
            steps: (N,) 0, 1 or -1.
            marked: (N,) bool.
        """
        return marked.astype(int).tolist()

    def libraries(self) -> dict[str, str]:
        """Versions of further libraries that the files depend on."""
        return {}

    @abstractmethod
    def index(self, videos: list[dict], size: int) -> FileContents:
        """The files that list the videos.

        Args:
            videos: Entries of truth.json.
            size: Side of the frames in pixels.
        """


class MaskedLayout(VideoLayout):
    """One with masks, of every frame if not of fewer."""

    @abstractmethod
    def mask(self, video: str, t: int) -> str:
        """Path of a frame's mask; only asked for annotated frames."""

    def annotated(self, split: str, frames: int) -> list[int]:
        """Positions of the frames of a video that have a mask."""
        return list(range(frames))

    @abstractmethod
    def encode_mask(self, values: np.ndarray) -> bytes:
        """The file of a mask (H, W) uint8."""


def encode_csv(rows: list[tuple[Any, ...]]) -> bytes:
    """Rows as csv, with quotes where needed."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator='\n').writerows(rows)
    return buffer.getvalue().encode()
