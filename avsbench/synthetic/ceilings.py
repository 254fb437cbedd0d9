"""ceilings.json: the best scores of models that lack something, on the very files of a tree."""

import math

import numpy as np

from avsbench.layouts.avss_classes import CLASSES
from avsbench.synthetic.classes import avss_index
from avsbench.synthetic.oracles import (
    Frames,
    binary_choice,
    binary_oracle,
    join,
    semantic_choice,
    semantic_oracle,
)
from avsbench.synthetic.settings import SPLITS, Settings
from avsbench.synthetic.state import law_marginals


def compute_ceilings(settings: Settings, clips: list[dict]) -> dict:
    """Ceilings of every split and of all splits together, from the entries of truth.json.

    Args:
        settings: Of the tree.
        clips: Entries of truth.json: sets, and candidate areas in pixels.

    Returns:
        split (or `overall`) -> oracle -> scores, as `avsbench.synthetic.load_ceilings` says.
    """
    tables = {
        split: collect(settings, split, [clip for clip in clips if clip['split'] == split])
        for split in SPLITS
        if any(clip['split'] == split for clip in clips)
    }
    ceilings = {split: _score(settings, table) for split, table in tables.items()}
    if 'test' in ceilings and not settings.empty_test:
        _add_bounds(settings, ceilings['test'], {clip['part'] for clip in clips})
    ceilings['overall'] = _score(settings, join(list(tables.values())))
    return ceilings


def collect(settings: Settings, split: str, clips: list[dict]) -> Frames:
    """The labelled frames of a split.

    In train and val a clip's sets have the probabilities of the law. In test they are what its
    versions hold: m sets, each true once.
    """
    count = settings.num_candidates
    longest = max(part.seconds for part in settings.parts)
    law = law_marginals(settings.law, count, longest, settings.every_second)
    numbers = [[sum(1 << n for n in chosen) for chosen in clip['sets']] for clip in clips]
    versions: dict[str, list[int]] = {}
    for position, clip in enumerate(clips):
        versions.setdefault(clip['group'], []).append(position)
    rows: dict[str, list] = {
        name: [] for name in ('areas', 'kinds', 'sounding', 'loudest', 'blind', 'unordered')
    }
    for position, clip in enumerate(clips):
        twins = [numbers[other] for other in versions[clip['group']]]
        in_clip = _frequencies(numbers[position], count)
        for t in clip['labelled']:
            blind = law[t] if split != 'test' else _frequencies([sets[t] for sets in twins], count)
            rows['areas'].append(clip['areas'][t])
            rows['kinds'].append([candidate['class_index'] for candidate in clip['candidates']])
            rows['sounding'].append(numbers[position][t])
            rows['loudest'].append(_loudest(clip, t))
            rows['blind'].append(blind)
            rows['unordered'].append(in_clip)
    return Frames(
        **{name: np.array(values) for name, values in rows.items()}, pixels=settings.size**2
    )


def _frequencies(sets: list[int], count: int) -> np.ndarray:
    return np.bincount(sets, minlength=2**count) / len(sets)


def _loudest(clip: dict, second: int) -> int:
    """The set of the loudest sounding candidate; candidates and sources have one order."""
    sounding = clip['sets'][second]
    return 1 << max(sounding, key=lambda n: clip['sources'][n]['gain_db']) if sounding else 0


def _score(settings: Settings, frames: Frames) -> dict:
    oracles = {'audio_blind': frames.blind, 'time_blind': frames.unordered}
    if settings.instances:
        oracles['instance_blind'] = frames.timbre_only
    areas = frames.areas
    choices = {
        'empty': np.zeros(len(areas), dtype=int),
        'all_candidates': np.full(len(areas), 2 ** areas.shape[1] - 1),
        'largest_candidate': 1 << areas.argmax(axis=1),
    }
    if settings.law == 'multi':
        choices['count_blind'] = frames.loudest
    if settings.layout.semantic:
        kinds = np.unique(frames.kinds).tolist()
        scores = {n: _named(semantic_oracle(frames, w, kinds)) for n, w in oracles.items()}
        fixed = {n: _named(semantic_choice(frames, c, kinds)) for n, c in choices.items()}
    else:
        scores = {n: binary_oracle(frames, w) for n, w in oracles.items()}
        fixed = {n: binary_choice(frames, c) for n, c in choices.items()}
    if 'count_blind' in fixed:
        scores['count_blind'] = fixed.pop('count_blind')
    empty = int((frames.sounding == 0).sum())
    return {'frames': len(areas), 'empty_frames': empty, **scores, 'references': fixed}


def _named(scores: dict) -> dict:
    """Per-class scores under the published names, and the means that AVSBench's metric forms."""
    classes = {
        CLASSES[avss_index(kind)]: values
        for kind, values in scores['classes'].items()
        if values['J'] is not None
    }
    background = scores['background']
    means = {}
    for key, published in (('J', 'mIoU'), ('F', 'F_score')):
        values = [entry[key] for entry in classes.values()]
        means[key] = float(np.mean(values)) if values else None
        # The published mean runs over all 71 classes; one that is met nowhere counts as zero.
        means[published] = (sum(values) + background[key]) / len(CLASSES)
    return {**means, 'background': background, 'classes': classes}


def _add_bounds(settings: Settings, test: dict, parts: set[str]) -> None:
    """What the theorem says of the twins, whatever the areas."""
    twins = settings.num_twins
    test['twins'] = twins
    test['audio_blind']['bound_J'] = 1 / twins
    if settings.layout.semantic:
        known = len(test['audio_blind']['classes'])
        test['audio_blind']['bound_mIoU'] = (known / twins + 1) / len(CLASSES)
    else:
        test['audio_blind']['bound_F'] = 1.3 / (0.3 + twins)
    test['time_blind']['bound_J'] = max(
        math.ceil(part.seconds / twins) / part.seconds
        for part in settings.parts
        if part.name in parts
    )
