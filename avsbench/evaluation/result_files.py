"""The files of a result: a json with every number, a csv with every frame, and one of classes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avsbench.evaluation.avs_metric import AVSMetric
from avsbench.evaluation.table import protocol_texts
from avsbench.utils.files import write_json, write_text

RESULTS = 'results'  # folder, in a work dir or in a folder of masks
TABLES = {'scores': 'scores.csv', 'confusion': 'confusion.csv'}
"""Key of the json that names a table -> its file, beside the json."""


def result_entry(
    metrics: Mapping[str, Any], protocol: Mapping[str, Any] | None, **facts: Any
) -> dict[str, Any]:
    """Content of the json.

    Args:
        metrics: {name: number}.
        protocol: What the numbers depend on, see `AVSMetric.protocol_facts`; None of other metrics.
        facts: What else there is to know, such as the data set's summary.
    """
    texts = {name: text for name, text in protocol_texts(metrics).items() if text}
    return {'metrics': dict(metrics), 'protocol': protocol, 'protocol_texts': texts, **facts}


def place_tables(metric: AVSMetric, folder: str | Path) -> dict[str, str]:
    """Let a metric write its tables.

    Args:
        metric: Before its evaluation.
        folder: Of the results; a relative one starts at the metric's `out_dir`.

    Returns:
        What the json says of them, see `TABLES`.
    """
    metric.scores_file = str(Path(folder, TABLES['scores']))
    if metric.task == 'binary':
        return {'scores': TABLES['scores']}
    metric.confusion_file = str(Path(folder, TABLES['confusion']))
    return dict(TABLES)


def write_result(folder: str | Path, kind: str, stamp: str, content: Any) -> Path:
    """Write `<kind>_<stamp>.json`, and `<kind>.json` as a copy of the latest.

    Tables that the content names, by the keys of `TABLES`, lie in the folder already; they are
    copied as well, and the result with the time in its name names the copies.

    Args:
        folder: Of the results.
        kind: 'test', or 'val' with a list of results.
        stamp: Time of the run.
        content: From `result_entry`, or a list of these.

    Returns:
        The file with the time in its name.
    """
    folder = Path(folder)
    write_json(folder / f'{kind}.json', content)
    if isinstance(content, Mapping):
        for key in TABLES.keys() & content.keys():
            latest = folder / content[key]
            kept = latest.with_stem(f'{latest.stem}_{stamp}')
            write_text(kept, latest.read_text(encoding='utf-8'))
            content = {**content, key: kept.name}
    path = folder / f'{kind}_{stamp}.json'
    write_json(path, content)
    return path
