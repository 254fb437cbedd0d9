"""Results of this toolbox that were added to the leaderboard, each a small json file."""

import re
from pathlib import Path
from typing import Any

from avsbench.analysis.comparison import Result, read_result
from avsbench.utils.errors import DataError
from avsbench.utils.files import write_json
from avsbench.utils.text import read_json

TEST_CLIPS = {'s4': 740, 'ms3': 64, 'avss': 1554}
"""Clips of AVSBench's test splits, as published."""
KEYS = ('subset', 'system', 'backbone', 'note', 'synthetic', 'metrics', 'protocol', 'data')
_KEPT = ('config_file', 'checkpoint_sha256', 'seed', 'frames_missing', 'date')


def add_result(
    path: str | Path, folder: str | Path, system: str, backbone: str, note: str = ''
) -> Path:
    """Add a result, from a work dir or from `avsbench score`.

    Args:
        path: See `avsbench.analysis.comparison.read_result`.
        folder: Of the files of results.
        system: Name of the system.
        backbone: Name of its backbone.
        note: What else the reader has to know.

    Returns:
        The file.

    Raises:
        DataError: It is not of a test split, of another sound than the clips', or of other clips
            than AVSBench's and not marked as synthetic.
    """
    result = read_result(path)
    _check_comparable(result)
    entry, subset, data = result.entry, result.entry['subset'], result.entry['data']
    config = entry.get('config_file')
    content = {
        'subset': subset,
        'system': system,
        'backbone': backbone,
        'note': note,
        'synthetic': data['synthetic'],
        **{key: entry.get(key) for key in _KEPT},
        'config_file': config and '/'.join(Path(config).parts[-2:]),
        'metrics': entry['metrics'],
        'protocol': entry['protocol'],
        'data': data,
    }
    kind = 'synthetic_' if data['synthetic'] else ''
    words = re.sub(r'\W+', '_', f'{kind}{subset}_{system}_{backbone}_{entry.get("date")}').lower()
    target = Path(folder) / f'{words}.json'
    if target.exists():
        raise DataError(f'{target}: this result is there already')
    write_json(target, content)
    return target


def _check_comparable(result: Result) -> None:
    """Refuse what is no result of a whole test split with the clips' own sound."""
    entry = result.entry
    data, subset = entry.get('data') or {}, entry.get('subset')
    if subset not in TEST_CLIPS or data.get('split') != 'test':
        raise DataError(
            f'{result.path}: subset {subset}, split {data.get("split")}; the leaderboard has the '
            f'test splits of {", ".join(TEST_CLIPS)}'
        )
    sound = entry.get('audio_condition', 'original')
    if sound != 'original':
        raise DataError(
            f'{result.path}: a result of `avsbench robustness` with another sound ({sound}) than '
            "the clips' own"
        )
    if data.get('synthetic') is None:
        raise DataError(
            f"{result.path}: it doesn't say whether its data are synthetic, as a result of an "
            'earlier version; test again'
        )
    wanted = TEST_CLIPS[subset]
    if not data['synthetic'] and data.get('clips') != wanted:
        raise DataError(
            f"{result.path}: {data.get('clips')} clips, but AVSBench's test split of {subset} has "
            f'{wanted}; results of other data are not comparable'
        )


def read_measured(folder: str | Path) -> list[dict[str, Any]]:
    """All results of a folder, by name of the file; none where there is no such folder.

    Raises:
        DataError: A file was not made by `add_result`.
    """
    found = []
    for path in sorted(Path(folder).glob('*.json')):
        content = read_json(path)
        missing = [key for key in KEYS if not isinstance(content, dict) or key not in content]
        if missing:
            raise DataError(f'{path}: no {missing[0]}; add results with tools/leaderboard.py --add')
        found.append(content)
    return found
