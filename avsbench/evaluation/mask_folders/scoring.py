"""The metric over a folder of masks: one clip after the other, as a test would score them."""

from pathlib import Path
from typing import Any, NamedTuple

from avsbench.datasets.base_avs_dataset import BaseAVSDataset
from avsbench.evaluation.avs_metric import AVSMetric
from avsbench.evaluation.mask_folders.names import MaskFiles
from avsbench.evaluation.mask_folders.reading import ClipReader, ScoringOptions
from avsbench.evaluation.result_files import place_tables
from avsbench.utils.parallel import show_progress


class FolderScores(NamedTuple):
    """What came out.

    Attributes:
        metrics: As of a test.
        protocol: `AVSMetric.protocol_facts`.
        as_tested: Whether the PNGs said what a test had scored.
        tables: Those written, see `avsbench.evaluation.result_files.TABLES`.
    """

    metrics: dict[str, float | int]
    protocol: dict[str, Any]
    as_tested: bool
    tables: dict[str, str]


def score_folder(
    dataset: BaseAVSDataset,
    masks: MaskFiles,
    probabilities: MaskFiles | None = None,
    options: ScoringOptions | None = None,
    out_dir: str | Path | None = None,
) -> FolderScores:
    """Score the masks of a split. Missing ones count as background: the caller says so, or refuses.

    Args:
        dataset: The split, with annotations.
        masks: Its masks.
        probabilities: Its maps of 8-bit probabilities, which the F-measure is taken of.
        options: How they are scored.
        out_dir: Folder for the tables; None for none.

    Raises:
        DataError: A file is broken, or of another size; some PNGs say what a test scored, and
            others don't.
    """
    reader = ClipReader(dataset, masks, probabilities, options or ScoringOptions())
    classes = reader.num_classes
    metric = AVSMetric('binary') if classes is None else AVSMetric('semantic', classes)
    metric.dataset_meta = dataset.metainfo
    tables = {} if out_dir is None else place_tables(metric, Path(out_dir).absolute())
    for sample in show_progress(reader.samples(), len(dataset), 'clips'):
        metric.process(None, [sample])
    metrics = metric.evaluate(len(dataset))
    facts = metric.protocol_facts | {'count_padded': reader.counts_padded}
    if classes is None and not reader.probable:
        facts['f_from'] = 'masks'
    return FolderScores(metrics, facts, reader.tested is True, tables)
