"""What the metrics of all video data sets share, for mmengine's Evaluator."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from avsbench.evaluation.record_metric import RecordMetric, check_values, in_order
from avsbench.utils.errors import DataError

Frames = dict[int, Any]  # position in the video -> what is kept of the frame


class VideoRecord(NamedTuple):
    """What is kept of one sample.

    Attributes:
        sample_idx: Position of the sample in the data set.
        video: Name of its video.
        frames: What is kept of each scored frame.
    """

    sample_idx: int
    video: str
    frames: Frames

    @property
    def identity(self) -> str:
        """Video, and positions of the frames."""
        return f'{self.video} (frames {", ".join(map(str, self.frames))})'


class VideoMetric(RecordMetric):
    """Scores frames one by one and makes numbers of whole videos from them.

    Only small numbers are kept of each frame, under its position in the video, so that results do
    not depend on the length of the windows either.

    A data sample holds the T frames of a video that are predicted together, such as the centre
    frame of a window alone (T = 1) or all frames of a window. Every metric reads

    * `sample_idx` (int): position in the data set,
    * `video` (str): name of the video,
    * `frame_idx` (T ints): positions of the frames in the video, from 0,
    * `gt_valid` (T,) bool: the frame is annotated; others are not scored,

    and names further fields in its own description.

    Args:
        result_file: Csv file of the results as the published code writes it; None writes none. A
            relative path starts at `out_dir`, which the runner sets to its work dir, else at the
            current folder.
        prefix: Put before the name of each number, with a slash.
    """

    def __init__(self, result_file: str | None = None, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.result_file = result_file

    @abstractmethod
    def measure(self, sample: Mapping[str, Any], index: int) -> Any:
        """What is kept of one frame.

        Args:
            sample: Fields of the data sample.
            index: Which of its T frames; it is annotated.
        """

    @abstractmethod
    def summarise(self, videos: Mapping[str, Frames]) -> dict[str, float | int]:
        """The numbers, without prefix, from all videos in data set order, frames in order."""

    def results_text(self, videos: Mapping[str, Frames]) -> str:
        """Content of the csv file."""
        raise NotImplementedError(f'{type(self).__name__} has no csv file: remove `result_file`')

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Score the frames of some samples.

        Args:
            data_batch: Not read; mmengine passes it.
            data_samples: Fields of data samples with predictions.

        Raises:
            DataError: A mask holds a value that means nothing.
            ValueError: A field has another shape than the others call for.
        """
        for sample in data_samples:
            places, valid = sample['frame_idx'], sample['gt_valid']
            if len(places) != len(valid):
                raise ValueError(
                    f'video {sample["video"]}: frame_idx names {len(places)} frames, gt_valid '
                    f'has {len(valid)}'
                )
            frames = {
                int(place): self.measure(sample, index)
                for index, place in enumerate(places)
                if valid[index]
            }
            self.results.append(VideoRecord(int(sample['sample_idx']), sample['video'], frames))

    def compute_metrics(self, results: Sequence[VideoRecord]) -> dict[str, float | int]:
        """Make the numbers, without prefix, from the records of all samples, in any order."""
        videos = by_video(in_order(results))
        frames = sum(len(video) for video in videos.values())
        if not frames:
            raise DataError(
                f'there is no annotated frame to score in {len(videos)} videos: check the '
                f'annotations (`python -m avsbench data check`) and `data_root` in the config'
            )
        empty = sum(not video for video in videos.values())
        videos = {name: video for name, video in videos.items() if video}
        if self.result_file is not None:
            self.write_result(self.result_file, self.results_text(videos))
        counts = {'videos': len(videos), 'frames': frames, 'videos_without_annotation': empty}
        return self.summarise(videos) | counts


def by_video(records: Iterable[VideoRecord]) -> dict[str, Frames]:
    """Frames of each video, in the order of their positions.

    Raises:
        ValueError: A frame occurs in two samples.
    """
    videos: dict[str, Frames] = {}
    for record in records:
        frames = videos.setdefault(record.video, {})
        twice = frames.keys() & record.frames.keys()
        if twice:
            raise ValueError(
                f'video {record.video}: frame {min(twice)} is scored in two samples; where windows '
                f'overlap, gt_valid must keep one prediction of each frame'
            )
        frames.update(record.frames)
    return {name: dict(sorted(frames.items())) for name, frames in videos.items()}


def map_of(sample: Mapping[str, Any], name: str, index: int, largest: int) -> np.ndarray:
    """A frame's class map.

    Args:
        sample: Fields of a data sample.
        name: Of the field (T, H, W).
        index: Which frame.
        largest: Largest value allowed.

    Returns:
        (H, W) uint8.

    Raises:
        DataError: A value is negative or larger.
    """
    field: Tensor = sample[name][index]
    where = f'video {sample["video"]}, frame {int(sample["frame_idx"][index])}'
    check_values(where, name, field, largest)
    return field.cpu().numpy().astype(np.uint8, copy=False)


def maps_of(
    sample: Mapping[str, Any], index: int, largest: int, largest_target: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and target of a frame, from `pred_masks` and `gt_masks`.

    Args:
        sample: Fields of a data sample.
        index: Which frame.
        largest: Largest value of a prediction.
        largest_target: Largest value of a target; None: the same.

    Returns:
        Both (H, W) uint8.

    Raises:
        DataError: A value is out of range.
        ValueError: They differ in size.
    """
    pred = map_of(sample, 'pred_masks', index, largest)
    target = map_of(
        sample, 'gt_masks', index, largest if largest_target is None else largest_target
    )
    if pred.shape != target.shape:
        raise ValueError(
            f'video {sample["video"]}, frame {int(sample["frame_idx"][index])}: the prediction has '
            f'size {pred.shape}, the mask {target.shape}; predictions must come at the size of the '
            f'masks'
        )
    return pred, target
