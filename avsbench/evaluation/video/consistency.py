"""Video consistency (VC): does a prediction keep its class where the target keeps its own?

Miao et al., VSPW: A Large-scale Dataset for Video Scene Parsing in the Wild, CVPR 2021
(github.com/sssdddwww2/vspw_dataset_toolkit).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """Consistency of some consecutive frames.

    Attributes:
        length: How many frames.
        share: Of the pixels whose target is the same in all of them, those whose prediction is
            the same in all of them; NaN if there is no such pixel. The prediction is not compared
            with the target.
    """

    length: int
    share: float


class ConsistencyTracker:
    """Consistency of all windows of a video, from one frame after the other.

    Remembers one frame and, for each pixel, since when it has had its class; a window is constant
    where that is not later than its first frame. The last window of each length is left out, as
    the published code does, so that each is given when the frame after it arrives.

    Args:
        lengths: Of the windows, in frames, each 2 or more.

    Raises:
        ValueError: A length is below 2.
    """

    def __init__(self, lengths: Sequence[int] = (8, 16)) -> None:
        if not lengths or min(lengths) < 2:
            raise ValueError(f'lengths: got {tuple(lengths)}, expected windows of 2 frames or more')
        self.lengths = tuple(lengths)
        self.frames = 0
        self._last: tuple[np.ndarray, np.ndarray] | None = None
        self._since: tuple[np.ndarray, np.ndarray] | None = None
        self._waiting: list[Window] = []

    def add(self, pred: np.ndarray, target: np.ndarray) -> list[Window]:
        """Take the next frame.

        Args:
            pred: (H, W) class of each pixel.
            target: (H, W) labelled class; any value is a label here, void too.

        Returns:
            The windows that end one frame before this one.

        Raises:
            ValueError: The frame differs in size from the ones before.
        """
        frame = (pred, target)
        if self._last is None:
            self._since = tuple(np.zeros(part.shape, np.int32) for part in frame)
        else:
            for part, last, since in zip(frame, self._last, self._since, strict=True):
                if part.shape != last.shape:
                    raise ValueError(
                        f'frame {self.frames} has size {part.shape}, the ones before {last.shape}'
                    )
                since[part != last] = self.frames
        self._last = tuple(part.copy() for part in frame)
        self.frames += 1
        done, self._waiting = (
            self._waiting,
            [self._window(length) for length in self.lengths if length <= self.frames],
        )
        return done

    def _window(self, length: int) -> Window:
        first = self.frames - length
        pred, target = (since <= first for since in self._since)
        kept = np.count_nonzero(target)
        share = np.count_nonzero(pred & target) / kept if kept else float('nan')
        return Window(length, share)


def video_windows(
    preds: Iterable[np.ndarray], targets: Iterable[np.ndarray], length: int
) -> np.ndarray:
    """Consistency of each window of a video, the last one left out.

    Args:
        preds: N class maps (H, W).
        targets: N label maps (H, W).
        length: Of the windows, in frames.

    Returns:
        (max(n - length, 0),) float64.
    """
    tracker = ConsistencyTracker([length])
    frames = zip(preds, targets, strict=True)
    return np.array([window.share for frame in frames for window in tracker.add(*frame)])


def mean_consistency(shares: Sequence[float]) -> float:
    """Mean of all windows of all videos, without those that are NaN; NaN if none is left."""
    values = np.asarray(shares, np.float64)
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float('nan')
