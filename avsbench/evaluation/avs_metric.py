"""The metric of all three subsets, for mmengine's Evaluator."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch

from avsbench.evaluation.protocols import BinaryProtocol, ClipRecord, SemanticProtocol
from avsbench.evaluation.record_metric import RecordMetric, in_order
from avsbench.registry import METRICS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError

TASKS = ('binary', 'semantic')


@METRICS.register_module()
class AVSMetric(RecordMetric):
    """Every published convention of the IoU and the F-measure, from one pass.

    Only pixel counts of each frame are kept. The headline is `mIoU`, the published mean over frames
    (binary) or classes (semantic). `avsbench.evaluation.format_table` says what each of the others
    is.

    Frames that exist but are not annotated are never scored.

    Args:
        task: 'binary' (S4, MS3; reads `seg_logits` or `seg_probs` with one channel, foreground
            above 0.5) or 'semantic' (AVSS; reads `pred_masks`).
        num_classes: K; 1 for binary.
        count_padded: Score the frames that only fill up a clip, as AVSBench, AVSegFormer and
            MoDAT do: both masks are background there. The data-set-level numbers never do.
        f_groups: For binary: batch sizes, in clips, of the published F-measures; None stands for
            1 (CATR, COMBO), 2 (AVSegFormer, MoDAT) and 4 (AVSBench, MED-VT).
        class_table: For semantic: csv file for the scores of each class. A relative path starts
            at `out_dir`, which the runner sets to its work dir, else at the current folder.
        prefix: Put before the name of each number, with a slash.
    """

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

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of some clips.

        Args:
            data_batch: Not read; mmengine passes it.
            data_samples: Fields of `AVSDataSample`s with predictions.

        Raises:
            DataError: A mask holds a value that is no class.
            ValueError: Prediction and mask differ in shape.
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
            table = pd.DataFrame(rows)
            table['class'] = table['class'].astype('Int64')  # the rows of means have none
            self.write_result(self.class_table, table.to_csv(index=False, float_format='%.6f'))
        return metrics

    def _class_names(self) -> Sequence[str]:
        count = self.protocol.num_classes
        names = (self.dataset_meta or {}).get('classes') or [str(k) for k in range(count)]
        if len(names) != count:
            raise ConfigError(
                f'AVSMetric: num_classes={count}, but the data set names {len(names)} classes'
            )
        return names
