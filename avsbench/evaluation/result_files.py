"""The two files of a result: a json with every number, and a csv with every frame."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from avsbench.evaluation.table import protocol_texts
from avsbench.utils.files import write_json, write_text

RESULTS = 'results'  # folder, in a work dir or in a folder of masks
SCORES = 'scores.csv'


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


def write_result(folder: str | Path, kind: str, stamp: str, content: Any) -> Path:
    """Write `<kind>_<stamp>.json`, and `<kind>.json` as a copy of the latest.

    Where the content names its table of frames as `scores`, which lies in the folder already, that
    is copied as well, and the result with the time in its name names the copy.

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
    if isinstance(content, Mapping) and content.get('scores'):
        latest = folder / content['scores']
        kept = latest.with_stem(f'{latest.stem}_{stamp}')
        write_text(kept, latest.read_text(encoding='utf-8'))
        content = {**content, 'scores': kept.name}
    path = folder / f'{kind}_{stamp}.json'
    write_json(path, content)
    return path
