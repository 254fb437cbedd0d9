"""Which clip gets the sound of which other one: made once, kept as a csv, read again."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from avsbench.analysis.robustness.classes import NEVER_WITH, Classes, broad_types
from avsbench.analysis.robustness.conditions import clip_seed
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.datasets.csv_index import read_csv
from avsbench.utils.errors import DataError, examples, nearest
from avsbench.utils.files import write_text

OFF_SCREEN, SWAPPED = 'off_screen', 'swapped'
CONDITIONS = (OFF_SCREEN, SWAPPED)
COLUMNS = ('condition', 'video', 'replacement')
Pairs = dict[str, dict[str, str]]
"""Condition -> clip -> the clip whose sound it gets."""


def make_pairs(infos: Sequence[AudioClipInfo], classes: Mapping[str, Classes], seed: int) -> Pairs:
    """Draw another clip for each, of at least its length.

    Args:
        infos: Clips of a split.
        classes: See `clip_classes`; the pairs are empty without any.
        seed: A clip's draw depends on it, the clip's name and the candidates.

    Returns:
        The pairs; a clip that no other fits has none.
    """
    pairs: Pairs = {name: {} for name in CONDITIONS}
    if not classes:
        return pairs
    ordered = sorted(infos, key=lambda info: info['clip_id'])
    for info in ordered:
        name = info['clip_id']
        others = [
            other['clip_id']
            for other in ordered
            if other['clip_id'] != name and len(other['frame_paths']) >= len(info['frame_paths'])
        ]
        fits = {
            OFF_SCREEN: [o for o in others if is_off_screen(classes[name], classes[o])],
            SWAPPED: [o for o in others if classes[name].swaps_with(classes[o])],
        }
        for condition, candidates in fits.items():
            if candidates:
                rng = np.random.default_rng(clip_seed(seed, condition, name))
                pairs[condition][name] = candidates[rng.integers(len(candidates))]
    return pairs


def is_off_screen(shown: Classes, other: Classes) -> bool:
    """Whether the sound of another clip is of nothing that can be seen.

    Args:
        shown: Classes of the clip that is seen.
        other: Those of the clip whose sound is taken.
    """
    visible, sounding = broad_types(shown.shown), broad_types(other.sounding)
    unnoticed = {NEVER_WITH[kind] for kind in visible if kind in NEVER_WITH}
    return bool(sounding) and not sounding & (visible | unnoticed)


def write_pairs(path: Path, pairs: Pairs, seed: int | None) -> None:
    """Write the pairs, with the seed that they were drawn with, as a csv."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerow((*COLUMNS, 'seed'))
    for condition, chosen in pairs.items():
        for video, replacement in sorted(chosen.items()):
            writer.writerow((condition, video, replacement, '' if seed is None else seed))
    write_text(path, buffer.getvalue())


def read_pairs(path: Path, infos: Sequence[AudioClipInfo]) -> Pairs:
    """Read pairs that were written, or made by hand.

    Args:
        path: Csv with `COLUMNS`; videos are clip ids of the split.
        infos: The clips of the split.

    Raises:
        DataError: The csv is malformed, or names a condition or videos that are not there.
    """
    table = read_csv(path, COLUMNS)
    known = {info['clip_id'] for info in infos}
    unknown: dict[str, int] = {}
    for column in COLUMNS[1:]:
        for video, row in zip(table[column], table.csv_row, strict=True):
            if video not in known:
                unknown.setdefault(video, row)
    if unknown:
        first = next(iter(unknown))
        raise DataError(
            f'{path}: {len(unknown)} of its videos are not in split {infos[0]["split"]!r} of '
            f'{infos[0]["csv_path"]}: '
            f'{examples(f"{video} (row {row})" for video, row in unknown.items())}'
            f'{nearest(first, known)}. Correct them, or leave out --mapping to make a new one'
        )
    pairs: Pairs = {name: {} for name in CONDITIONS}
    for row in table.itertuples():
        if row.condition not in pairs:
            raise DataError(
                f'{path}: row {row.csv_row}: condition {row.condition!r}, expected one of '
                f'{", ".join(CONDITIONS)}{nearest(row.condition, CONDITIONS)}'
            )
        if row.video in pairs[row.condition]:
            raise DataError(
                f'{path}: row {row.csv_row}: {row.video} has a second replacement for '
                f'{row.condition}; delete one of the two rows'
            )
        pairs[row.condition][row.video] = row.replacement
    return pairs
