"""The table of frames, one line per clip and frame, as csv: what results are compared by."""

import csv
import io
from collections.abc import Iterator, Sequence

import torch

from avsbench.evaluation.functional import BinaryCounts, ClassAreas
from avsbench.evaluation.protocols import BinaryProtocol, ClipRecord, SemanticProtocol

COLUMNS = (
    'clip',
    'frame',
    'padded',
    'missing',
    'height',
    'width',
    'classes',
    'sources',
    'target',
    'predicted',
    'intersection',
    'IoU',
    'F',
)
"""Columns of the table.

`frame` is the name of the frame's file, empty where `padded` says that the frame only fills up the
clip; `missing` is 1 where there was no prediction and background was scored in its place. Areas are
in pixels of the size (`height`, `width`) that was scored.

Binary: `classes` is the folder of the clip's name (in S4 its category), `sources` the number of
connected regions of the target, `F` taken at the threshold of the set (`threshold_F_all`) and empty
where the target is. Semantic: `classes` are the indices of the classes in target or prediction, and
the three areas are lists in their order; `sources` counts the classes of the target without
background; `IoU` and `F` are means of the classes listed.
"""


def frame_table_text(
    protocol: BinaryProtocol | SemanticProtocol, records: Sequence[ClipRecord]
) -> str:
    """The table as csv.

    Args:
        protocol: What the frames were counted by.
        records: In data set order, none without frames, all with `details`.
    """
    iou, f = protocol.frame_scores(records)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerow(COLUMNS)
    scores = zip(iou.tolist(), f.tolist(), strict=True)
    for record in records:
        cells = _binary_cells if isinstance(record.counts, BinaryCounts) else _semantic_cells
        for index, counted in enumerate(cells(record)):
            frame_iou, frame_f = next(scores)
            # nine digits give a float32 back to the last bit
            shown = f'{frame_iou:.9g}', '' if frame_f != frame_f else f'{frame_f:.9g}'
            writer.writerow((*_frame_cells(record, index), *counted, *shown))
    return buffer.getvalue()


def _frame_cells(record: ClipRecord, index: int) -> tuple:
    details = record.details
    flags = int(record.padded[index]), int(details.missing[index])
    return (record.clip_id, details.names[index], *flags, *record.size)


def _binary_cells(record: ClipRecord) -> Iterator[tuple]:
    counts: BinaryCounts = record.counts
    areas = (counts.target, counts.foreground, counts.hits)
    columns = (record.details.regions, *areas)
    for cells in zip(*(column.tolist() for column in columns), strict=True):
        yield record.details.category, *cells


def _semantic_cells(record: ClipRecord) -> Iterator[tuple]:
    areas: ClassAreas = record.counts
    union = areas.predicted + areas.target - areas.intersection
    sources = (areas.target[:, 1:] > 0).sum(1).tolist()
    for index, number in enumerate(sources):
        classes = torch.nonzero(union[index]).flatten()
        parts = (areas.target, areas.predicted, areas.intersection)
        lists = (classes, *(part[index, classes] for part in parts))
        texts = [' '.join(map(str, values.tolist())) for values in lists]
        yield texts[0], number, *texts[1:]
