"""The whole measurement of a network: conditions, tests, numbers, files."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avsbench.analysis.robustness.classes import (
    TYPES,
    Classes,
    clip_classes,
    clip_scenes,
    is_synthetic,
)
from avsbench.analysis.robustness.mapping import (
    CONDITIONS,
    make_pairs,
    read_pairs,
    write_pairs,
)
from avsbench.analysis.robustness.measuring import measure
from avsbench.analysis.robustness.report import FILES, Robustness, write_robustness
from avsbench.analysis.robustness.running import Outcome, Session
from avsbench.analysis.robustness.settings import RobustnessSettings, make_conditions
from avsbench.synthetic import load_ceilings
from avsbench.utils.errors import DataError
from avsbench.visualization.robustness_figure import draw_robustness

MAPPING, FIGURE = 'mapping.csv', 'robustness.png'


def evaluate_robustness(
    config: str | Path,
    checkpoint: str | Path,
    out: str | Path,
    settings: RobustnessSettings | None = None,
    *,
    mapping: str | Path | None = None,
    classes: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    trust: bool = False,
    any_subset: bool = False,
    overwrite: bool = False,
    report: Callable[[str], None] = print,
) -> Robustness:
    """Test a network with other sounds, and write tables, an image and a result of each condition.

    Args:
        config: Path of the config; its test split is used.
        checkpoint: Path of the weights.
        out: Folder for everything that is written.
        settings: What is run; None for the defaults.
        mapping: Csv of `read_pairs`; None draws the pairs, and writes them to `out/mapping.csv`.
        classes: Csv of classes, see `clip_classes`.
        options: Changes of the config, dotted key -> value.
        trust: See `avsbench.checkpoint.reading`.
        any_subset: Accept weights that were trained on another subset.
        overwrite: Replace an earlier measurement in `out`.
        report: Called with a line of text after each condition.

    Raises:
        ConfigError: The config can't be used, or it has no test on clips with sound.
        CheckpointError: The checkpoint can't be loaded.
        DataError: Files are missing or malformed, or `out` holds an earlier measurement.
    """
    out, settings = Path(out), settings or RobustnessSettings()
    there = [name for name in (*FILES, FIGURE) if (out / name).exists()]
    if there and not overwrite:
        raise DataError(
            f'{out}: holds {there[0]}; choose another folder with --out, or pass --overwrite'
        )
    session = Session(config, checkpoint, out, options=options, trust=trust, any_subset=any_subset)
    infos = {clip.info['clip_id']: clip.info for clip in session.clips}
    named: dict[str, Classes] = {}
    if mapping is None:
        path = None if classes is None else Path(classes)
        named = clip_classes(session.dataset, list(infos.values()), path)
        pairs = make_pairs(list(infos.values()), named, settings.seed)
    else:
        pairs = read_pairs(Path(mapping), list(infos.values()))
    write_pairs(out / MAPPING, pairs, settings.seed if mapping is None else None)
    reasons = _reasons(named, mapping)
    scenes = clip_scenes(session.dataset)
    outcomes = []
    for condition in make_conditions(settings, pairs, infos, reasons, twins=bool(scenes)):
        outcomes.append(session.run(condition))
        report(_line(outcomes[-1]))
    found = Robustness(
        scores=_scores(outcomes, settings, scenes),
        **_gaps(outcomes),
        facts=_facts(session, config, checkpoint, mapping, named),
        settings=settings,
    )
    write_robustness(out, found)
    draw_robustness(found).savefig(out / FIGURE, dpi=110)
    return found


def _gaps(outcomes: Sequence[Outcome]) -> dict[str, dict[str, str]]:
    """Conditions that the data don't have, and those that some clips don't have, with reasons."""
    gaps: dict[str, dict[str, str]] = {'unavailable': {}, 'left_out': {}}
    for outcome in outcomes:
        name, reasons = outcome.condition.name, outcome.left_out
        if outcome.result is None:
            gaps['unavailable'][name] = '; '.join(reasons)
        elif reasons:
            texts = (f'{count} clips are without it: {why}' for why, count in reasons.items())
            gaps['left_out'][name] = '; '.join(texts)
    return gaps


def _scores(
    outcomes: Sequence[Outcome], settings: RobustnessSettings, scenes: Mapping[str, str]
) -> pd.DataFrame:
    rngs = np.random.default_rng(settings.seed).spawn(len(outcomes))
    original = outcomes[0].result
    rows = []
    for outcome, rng in zip(outcomes, rngs, strict=True):
        if outcome.result is None:
            continue
        head = {
            'condition': outcome.condition.name,
            'truth': outcome.condition.truth,
            'clips': outcome.result.table['clip'].nunique(),
        }
        rows += [head | row for row in measure(outcome, original, settings, rng, scenes)]
    return pd.DataFrame(rows)


def _reasons(named: Mapping[str, Classes], mapping: str | Path | None) -> dict[str, str]:
    """Why a clip has no other one, by condition."""
    if mapping is not None:
        return {name: f'{mapping} has no row for it' for name in CONDITIONS}
    if not named:
        why = 'the data name no classes (--classes CSV names them, --mapping CSV gives the pairs)'
        return dict.fromkeys(CONDITIONS, why)
    return {
        CONDITIONS[0]: 'no other clip of the split sounds of another broad type alone',
        CONDITIONS[1]: 'no other clip of the split sounds of the same classes',
    }


def _facts(
    session: Session,
    config: str | Path,
    checkpoint: str | Path,
    mapping: str | Path | None,
    named: Mapping[str, Classes],
) -> dict[str, Any]:
    dataset, notes = session.dataset, []
    if mapping is not None:
        notes.append(f'The pairs of clips are those of {mapping}')
    counts = Counter(name for clip in named.values() for name in clip.shown if name not in TYPES)
    if counts:
        kinds = ', '.join(sorted(counts))
        notes.append(f'{len(counts)} classes have no broad type and are one each: {kinds}')
    if is_synthetic(dataset):
        notes.append(_synthetic_note(dataset.data_root, dataset.split))
    return {
        'subset': dataset.subset,
        'split': dataset.split,
        'clips': len(session.clips),
        'config': str(config),
        'checkpoint': str(checkpoint),
        'front_end': session.reader.front_end.name,
        'resampled': 'scenes, each with all its soundtracks' if is_synthetic(dataset) else 'clips',
        'audio': 'the audio files' if session.from_files else 'stored log-mel where it is there',
        'notes': notes,
    }


def _synthetic_note(root: str, split: str) -> str:
    bound = load_ceilings(root).get(split, {}).get('audio_blind', {}).get('bound_J')
    text = 'Synthetic clips: nothing here is comparable with AVSBench'
    if bound is None:
        return text
    return (
        f'{text}. `swapped` takes the sound of a clip with the same images, whose labels overlap '
        f'with none of these: a network that follows the sound has J near 0 there, and one that '
        f'ignores it {bound:.3f} at most'
    )


def _line(outcome: Outcome) -> str:
    """What came out, in a line."""
    name, left_out = outcome.condition.name, outcome.left_out
    if outcome.result is None:
        return f'{name}: not available: {"; ".join(left_out)}'
    some = f', {sum(left_out.values())} left out' if left_out else ''
    clips = outcome.result.table['clip'].nunique()
    return f'{name}: mIoU {outcome.result.entry["metrics"]["mIoU"]:.4f} of {clips} clips{some}'
