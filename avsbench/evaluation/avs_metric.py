"""The metric of all three subsets, for mmengine's Evaluator."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from avsbench.evaluation.frame_table import frame_table_text
from avsbench.evaluation.functional import BETA2, NUM_THRESHOLDS
from avsbench.evaluation.protocols import (
    BinaryProtocol,
    ClipRecord,
    FrameDetails,
    SemanticProtocol,
)
from avsbench.evaluation.record_metric import RecordMetric, in_order
from avsbench.registry import METRICS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError, counted
from avsbench.utils.maps import THRESHOLD

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

    Attributes:
        scores_file: Csv file for the table of frames (`frame_table`), a path as `class_table`; None
            for none. `ReportHook` sets it for tests.
        confusion_file: The same for the confusion matrix of classes, pixels of the whole set.
        protocol_facts: What the numbers depend on, after an evaluation.
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
        self.task = check_choice('AVSMetric: task', task, TASKS)
        self.num_classes = num_classes
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
        self.scores_file: str | None = None
        self.confusion_file: str | None = None
        self.protocol_facts: dict[str, Any] = {}

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
            counts, nan_frames, confusion = self.protocol.measure(sample, scored)
            details = self.scores_file and frame_details(sample, scored, self.task == 'binary')
            record = ClipRecord(
                sample_idx=int(sample['sample_idx']),
                clip_id=sample['clip_id'],
                counts=type(counts)(*(part.to('cpu', torch.int32) for part in counts)),
                padded=padded[scored].cpu(),
                nan_frames=nan_frames,
                size=tuple(sample['gt_masks'].shape[-2:]),
                details=details or None,
                confusion=None if confusion is None else confusion.cpu(),
            )
            self.results.append(record)

    def compute_metrics(self, results: Sequence[ClipRecord]) -> dict[str, float | int]:
        """Make the numbers, without prefix, from the records of all clips, in any order."""
        records = [record for record in in_order(results) if len(record.padded)]
        if not any(bool((~record.padded).any()) for record in records):
            raise DataError(
                f'there is no annotated frame to score in {counted(len(results), "clip")}: check '
                'that the split has masks (`python -m avsbench data check`) and `data_root` in the '
                'config'
            )
        metrics = self.protocol.summarise(records)
        self.protocol_facts = self._facts(records)
        if self.scores_file is not None:
            self.write_result(self.scores_file, frame_table_text(self.protocol, records))
        if self.confusion_file is not None:
            names = self._class_names()
            text = confusion_text(self.protocol.confusion(records), names)
            self.write_result(self.confusion_file, text)
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

    def _facts(self, records: Sequence[ClipRecord]) -> dict[str, Any]:
        """What decides whether the numbers of two results may be compared."""
        facts = {
            'task': self.task,
            'num_classes': self.num_classes,
            'count_padded': self.count_padded,
            'sizes': sorted({f'{record.size[1]}x{record.size[0]}' for record in records}),
            'f_beta2': BETA2,
        }
        if self.task == 'binary':
            facts |= {
                'iou_threshold': THRESHOLD,
                'f_thresholds': f'{NUM_THRESHOLDS} from 0 to 1',
                'f_groups': list(self.protocol.f_groups),
                'f_from': 'probabilities',
            }
        return facts


def confusion_text(confusion: Tensor, names: Sequence[str]) -> str:
    """A confusion matrix (K, K) as csv: labelled classes in rows, predicted ones in columns."""
    table = pd.DataFrame(confusion.numpy(), index=list(names), columns=list(names))
    return table.to_csv(index_label='labelled', lineterminator='\n')


def frame_details(sample: Mapping[str, Any], scored: Tensor, binary: bool) -> FrameDetails:
    """What the table of frames needs of a clip beside the counts.

    Args:
        sample: Fields of an `AVSDataSample`; `missing` (T,) bool says which frames have no
            prediction, none without it.
        scored: (T,) bool, the frames that count.
        binary: Whether masks are binary.
    """
    names = [Path(path).stem for path in sample['frame_paths']]
    kept = scored.nonzero().flatten().tolist()
    missing = sample.get('missing')
    return FrameDetails(
        names=tuple(names[index] if index < len(names) else '' for index in kept),
        category=PurePosixPath(sample['clip_id']).parent.name if binary else '',
        regions=count_regions(sample['gt_masks'][scored]) if binary else None,
        missing=torch.zeros(len(kept), dtype=torch.bool) if missing is None else missing[scored],
    )


def count_regions(masks: Tensor) -> Tensor:
    """Number of connected regions, over corners as well, of masks (N, H, W) of 0 and 1: (N,)."""
    frames = masks.to(torch.uint8).cpu().numpy()
    counts = [cv2.connectedComponents(np.ascontiguousarray(f), connectivity=8)[0] for f in frames]
    return torch.tensor([count - 1 for count in counts], dtype=torch.int32)
