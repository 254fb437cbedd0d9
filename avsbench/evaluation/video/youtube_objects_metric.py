"""Metric of YouTube-Objects."""

from collections.abc import Mapping
from typing import Any

from avsbench.evaluation.video import result_files, youtube_objects
from avsbench.evaluation.video.masks import mask_iou
from avsbench.evaluation.video.video_metric import Frames, VideoMetric, maps_of
from avsbench.registry import METRICS
from avsbench.utils.errors import DataError


@METRICS.register_module()
class YouTubeObjectsMetric(VideoMetric):
    """Mean IoU over a sequence's annotated frames, over a class's sequences, over the classes.

    Reads `pred_masks` and `gt_masks` (T, H, W), 0 and 1, at the size of the annotations, besides
    what every `VideoMetric` reads. A video is a shot and its name the folder of its frames,
    `<class>/data/<sequence>/shots/<shot>`; the shots of a sequence are pooled. The headline is
    `mIoU`, the mean over classes.

    Args:
        result_file: Csv file of each class's mean; `youtube_objects_results.csv` in the published
            code.
        prefix: Put before the name of each number, with a slash.
    """

    def measure(self, sample: Mapping[str, Any], index: int) -> float:
        """IoU of one frame."""
        pred, target = (mask.view(bool) for mask in maps_of(sample, index, 1))
        return float(mask_iou(pred, target))

    def summarise(self, videos: Mapping[str, Frames]) -> dict[str, float | int]:
        """The numbers of a set."""
        sequences = _sequences(videos)
        classes, overall = youtube_objects.class_means(sequences)
        return {
            'mIoU': overall,
            **{f'IoU_{category}': value for category, value in classes.items()},
            'sequences': len(sequences),
        }

    def results_text(self, videos: Mapping[str, Frames]) -> str:
        """A column for each class, and their mean."""
        return result_files.youtube_objects(*youtube_objects.class_means(_sequences(videos)))


def _sequences(videos: Mapping[str, Frames]) -> dict[tuple[str, str], list[float]]:
    """IoU of the frames of each (class, sequence), those of its shots pooled."""
    pooled: dict[tuple[str, str], list[float]] = {}
    for name, frames in videos.items():
        parts = name.split('/')
        if len(parts) != 5 or (parts[1], parts[3]) != ('data', 'shots'):
            raise DataError(
                f'video {name!r}: expected <class>/data/<sequence>/shots/<shot>, the folder of its '
                f'frames below `frames`'
            )
        pooled.setdefault((parts[0], parts[2]), []).extend(frames.values())
    return pooled
