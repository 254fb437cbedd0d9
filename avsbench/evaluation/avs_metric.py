"""The metric of all three subsets, for mmengine's Evaluator."""

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from mmengine.dist import all_gather_object, is_main_process
from mmengine.evaluator import BaseMetric

from avsbench.evaluation.protocols import BinaryProtocol, ClipRecord, SemanticProtocol
from avsbench.registry import METRICS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import write_text

TASKS = ('binary', 'semantic')


@METRICS.register_module()
class AVSMetric(BaseMetric):
    """Every published convention of the IoU and the F-measure, from one pass.

    Only pixel counts of each frame are kept. They are gathered with the clip's position in the
    data set, so a number is the same, to the last digit, for any batch size, order, number of
    processes and padded sampler. The headline is `mIoU`, the published mean over frames (binary)
    or classes (semantic). `avsbench.evaluation.format_table` says what each of the others is.

    Frames that exist but are not annotated are never scored.

    Args:
        task: 'binary' (S4, MS3; reads `seg_logits` with one channel) or 'semantic' (AVSS; reads
            `pred_masks`).
        num_classes: K; 1 for binary.
        count_padded: score the frames that only fill up a clip, as AVSBench, AVSegFormer and
            MoDAT do: both masks are background there. The data-set-level numbers never do.
        f_groups: for binary: batch sizes, in clips, of the published F-measures; None stands for
            1 (CATR, COMBO), 2 (AVSegFormer, MoDAT) and 4 (AVSBench, MED-VT).
        class_table: for semantic: csv file for the scores of each class. A relative path starts
            at `out_dir`, which the runner sets to its work dir, else at the current folder.
        prefix: put before the name of each number, with a slash.
    """

    default_prefix = ''  # an empty one keeps mmengine from warning that there is none

    def __init__(
        self,
        task: str = 'binary',
        num_classes: int = 1,
        count_padded: bool = True,
        f_groups: Sequence[int] | None = None,
        class_table: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        check_choice('AVSMetric: task', task, TASKS)
        binary = task == 'binary'
        if binary != (num_classes == 1):
            raise ConfigError(
                f'AVSMetric: task={task!r} with num_classes={num_classes}; binary goes with 1, '
                f'semantic with the number of classes including background (71 for AVSS)'
            )
        unread = 'class_table' if binary else 'f_groups'
        if (class_table if binary else f_groups) is not None:
            raise ConfigError(f'AVSMetric: {unread} means nothing for task={task!r}; remove it')
        self.protocol: BinaryProtocol | SemanticProtocol = (
            BinaryProtocol((1, 2, 4) if f_groups is None else f_groups)
            if binary
            else SemanticProtocol(num_classes)
        )
        self.count_padded = count_padded
        self.class_table = class_table
        self.out_dir: str | Path | None = None

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of some clips.

        Args:
            data_batch: not read; mmengine passes it.
            data_samples: fields of `AVSDataSample`s with predictions.

        Raises:
            DataError: a mask holds a value that is no class.
            ValueError: prediction and mask differ in shape.
        """
        for sample in data_samples:
            padded = ~sample['frame_valid']
            scored = sample['gt_valid'] & ~padded
            if self.count_padded:
                scored = scored | padded
            counts, nan_frames = self.protocol.measure(sample, scored)
            record = ClipRecord(
                sample_idx=int(sample['sample_idx']),
                clip_id=sample['clip_id'],
                counts=type(counts)(*(part.to('cpu', torch.int32) for part in counts)),
                padded=padded[scored].cpu(),
                nan_frames=nan_frames,
            )
            self.results.append(record)

    def evaluate(self, size: int) -> dict[str, float | int]:
        """Gather the counts of all processes and make the numbers; the same in each process.

        Args:
            size: number of clips in the data set.

        Raises:
            DataError: no frame was scored.
            ValueError: some clips of the data set were not scored.
        """
        records = in_order(chain.from_iterable(all_gather_object(self.results)))
        self.results.clear()
        if len(records) != size:
            raise ValueError(
                f'AVSMetric got {len(records)} different clips of a data set of {size}: every '
                f'clip must be scored, under a sample_idx of its own'
            )
        metrics = self.compute_metrics(records)
        return {f'{self.prefix}/{k}' if self.prefix else k: v for k, v in metrics.items()}

    def compute_metrics(self, results: Sequence[ClipRecord]) -> dict[str, float | int]:
        """Make the numbers, without prefix, from the records of all clips, in any order."""
        records = [record for record in in_order(results) if len(record.padded)]
        if not any(bool((~record.padded).any()) for record in records):
            raise DataError(
                f'there is no annotated frame to score in {len(results)} clips: check that the '
                f'split has masks (`python tools/check_dataset.py`) and `data_root` in the config'
            )
        metrics = self.protocol.summarise(records)
        if self.class_table is not None:
            rows = self.protocol.class_rows(records, self._class_names())
            if is_main_process():
                self._write_class_table(rows)
        return metrics

    def _class_names(self) -> Sequence[str]:
        count = self.protocol.num_classes
        names = (self.dataset_meta or {}).get('classes') or [str(k) for k in range(count)]
        if len(names) != count:
            raise ConfigError(
                f'AVSMetric: num_classes={count}, but the data set names {len(names)} classes'
            )
        return names

    def _write_class_table(self, rows: Sequence[dict]) -> None:
        table = pd.DataFrame(rows)
        table['class'] = table['class'].astype('Int64')  # the rows of means have none
        path = Path(self.out_dir or '.') / self.class_table
        write_text(path, table.to_csv(index=False, float_format='%.6f'))


def in_order(records: Iterable[ClipRecord]) -> list[ClipRecord]:
    """Records by position in the data set, without the repeats of a padded sampler.

    Raises:
        ValueError: two different clips have one position.
    """
    kept: dict[int, ClipRecord] = {}
    for record in records:
        first = kept.setdefault(record.sample_idx, record)
        if first.clip_id != record.clip_id:
            raise ValueError(
                f'clips {first.clip_id} and {record.clip_id} share sample_idx '
                f'{record.sample_idx}: a data set must number its clips'
            )
    return [kept[index] for index in sorted(kept)]
