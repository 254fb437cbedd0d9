"""What all metrics share: records of samples, gathered so that no number depends on batches."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeVar

from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import BaseMetric
from torch import Tensor

from avsbench.utils.errors import DataError
from avsbench.utils.files import write_text

PADDING = 255  # label of pixels that belong to no class


class SampleRecord(Protocol):
    """What a metric keeps of one sample.

    Attributes:
        sample_idx: Position of the sample in the data set.
        identity: Tells samples apart, and names them in messages.
    """

    @property
    def sample_idx(self) -> int: ...  # noqa: D102

    @property
    def identity(self) -> str: ...  # noqa: D102


Record = TypeVar('Record', bound=SampleRecord)


class RecordMetric(BaseMetric):
    """Keeps one small record per sample, and makes the numbers from all of them at the end.

    Records are gathered with the sample's position in the data set, so that a number is the same,
    to the last digit, for any batch size, order, number of processes and padded sampler.

    Args:
        prefix: Put before the name of each number, with a slash.
    """

    default_prefix = ''  # an empty one keeps mmengine from warning that there is none

    def __init__(self, prefix: str | None = None) -> None:
        super().__init__(prefix=prefix)
        self.out_dir: str | Path | None = None

    def evaluate(self, size: int) -> dict[str, float | int]:
        """Gather the records of all processes and make the numbers; the same in each process.

        Args:
            size: Number of samples in the data set.

        Raises:
            DataError: No frame was scored.
            ValueError: Some samples of the data set were not scored.
        """
        records = in_order(chain.from_iterable(all_gather_object(self.results)))
        self.results.clear()
        if len(records) != size:
            raise ValueError(
                f'{type(self).__name__} got {len(records)} different samples of a data set of '
                f'{size}: every sample must be scored, under its own sample_idx'
            )
        metrics = self.compute_metrics(records)
        return {f'{self.prefix}/{k}' if self.prefix else k: v for k, v in metrics.items()}

    def write_result(self, name: str, text: str) -> None:
        """Write a file of results, once for all processes.

        Args:
            name: Path; a relative one starts at `out_dir`, which the runner sets to its work dir,
                else at the current folder.
            text: Its content.
        """
        if is_main_process():
            write_text(Path(self.out_dir or '.') / name, text)


def in_order(records: Iterable[Record]) -> list[Record]:
    """Records by position in the data set, without the repeats of a padded sampler.

    Raises:
        ValueError: Two different samples have one position.
    """
    kept: dict[int, Record] = {}
    for record in records:
        first = kept.setdefault(record.sample_idx, record)
        if first.identity != record.identity:
            raise ValueError(
                f'samples {first.identity} and {record.identity} share sample_idx '
                f'{record.sample_idx}: a data set must number its samples'
            )
    return [kept[index] for index in sorted(kept)]


def check_values(where: str, name: str, masks: Tensor, largest: int) -> None:
    """Check the values of class maps.

    Args:
        where: Clip or frame, for the message.
        name: Of the field that holds the maps.
        masks: Class indices of any shape.
        largest: Largest value allowed.

    Raises:
        DataError: A value is negative or larger.
    """
    if not masks.numel():
        return
    low, high = int(masks.min()), int(masks.max())
    if low < 0 or high > largest:
        wrong = high if low >= 0 else low
        fix = (
            'check the label files with `python -m avsbench data check` and the number of classes '
            'in the config'
        )
        if wrong == PADDING:
            fix = f'take ClipPad, which adds it, out of the pipeline that is tested on; or {fix}'
        raise DataError(f'{where}: {name} holds the value {wrong}, expected 0 to {largest}; {fix}')
