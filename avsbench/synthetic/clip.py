"""One scene from its seeds to its files: draw, render, synthesise, encode, write."""

from pathlib import Path

import numpy as np

from avsbench.layouts import ClipFiles
from avsbench.layouts.avss_classes import CLASSES as AVSS_CLASSES
from avsbench.synthetic.audio import synthesise
from avsbench.synthetic.classes import CLASSES, DECOY, DECOY_NAME, avss_index
from avsbench.synthetic.render import render
from avsbench.synthetic.scene import Scene, sample_scene
from avsbench.synthetic.settings import SUBSETS, Part, Settings
from avsbench.synthetic.state import State, sample_state, sample_twins
from avsbench.synthetic.streams import stream
from avsbench.synthetic.tree import (
    csv_row,
    encode_frame,
    encode_log_mel,
    encode_masks,
    encode_wav,
    write_file,
)


def draw_scene(settings: Settings, part: Part, split: str, index: int) -> tuple[Scene, list[State]]:
    """A scene and the states of its versions (one, or the twins of a test scene).

    Only the state stream knows `state_seed`, and only `scene` decides what is visible.
    """
    key = (_part_key(settings, part), split, index)
    scene = sample_scene(stream(settings.seed, *key, 'scene'), settings, part.seconds)
    rng = stream(_state_seed(settings), *key, 'state')
    if split == 'test':
        return scene, sample_twins(rng, settings, scene, part.seconds)
    return scene, [sample_state(rng, settings, scene, part.seconds)]


def render_scene(
    settings: Settings,
    part: Part,
    split: str,
    index: int,
    scene: Scene,
    lit: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Frames and label maps of a scene, as `render` returns them."""
    rng = stream(settings.seed, _part_key(settings, part), split, index, 'pixels')
    return render(scene, settings.size, rng, lit)


def write_scene(
    settings: Settings, part: Part, split: str, index: int, root: Path
) -> tuple[list[dict], dict[str, str]]:
    """Makes and writes all clips of one scene.

    Args:
        settings: Of the tree.
        part: Kind of clip.
        split: `train`, `val` or `test`.
        index: Scene number inside part and split.
        root: Folder of the subset.

    Returns:
        Entries of truth.json, and path -> sha256 of the files written.
    """
    scene, states = draw_scene(settings, part, split, index)
    frames, labels = render_scene(settings, part, split, index, scene)
    encoded: dict[int, bytes] = {}  # twins get copies of one encoding
    clips, files = [], {}
    for version, state in enumerate(states):
        video = f'{part.name}_{split}_{index:04d}'
        if split == 'test':
            video += f'_{"abcdefghi"[version]}'
        paths, truth = _clip(settings, part, split, video, scene, state)
        truth |= {'group': f'{part.name}_{split}_{index:04d}', 'version': version}
        if settings.tell:
            frames, _ = render_scene(settings, part, split, index, scene, lit=state.sets)
            encoded = {}
        contents = []
        for t, path in enumerate(paths.frames):
            if t not in encoded:
                encoded[t] = encode_frame(frames[t], path)
            contents.append((path, encoded[t]))
        kinds = scene.kinds[: settings.num_candidates]
        for t in truth['labelled']:
            masks = encode_masks(settings.layout, labels[t], kinds, state.sets[t])
            contents += [(paths.masks[coding][t], content) for coding, content in masks.items()]
        noise = stream(
            _state_seed(settings), _part_key(settings, part), split, index, f'noise {version}'
        )
        samples = synthesise(state.sources, noise, part.seconds, settings.grid, settings.snr)
        contents.append((paths.wav, encode_wav(samples)))
        if settings.write_log_mel:
            contents.append((f'{paths.log_mel}.pkl', encode_log_mel(samples, settings.layout)))
        files.update(write_file(root, path, content) for path, content in contents)
        clips.append(truth | {'areas': _areas(labels, settings.num_candidates)})
    return clips, files


def _clip(
    settings: Settings, part: Part, split: str, video: str, scene: Scene, state: State
) -> tuple[ClipFiles, dict]:
    """The files of a clip, and its entry in truth.json but for what depends on the pixels."""
    name = SUBSETS[settings.subset].clip_name
    clip = {
        'name': name.format(video=video, milliseconds=part.seconds * 1000),
        'video': video,
        'part': part.name,
        'split': split,
        'category': _category(settings, scene, state),
    }
    row = csv_row(settings.layout, clip)
    files = settings.layout.clip_files(row, part.seconds)
    truth = {
        'clip_id': files.clip_id,
        **clip,
        'nuisance': state.nuisance,
        'labelled': list(range(settings.layout.annotated(row, part.seconds))),
        'sets': [np.flatnonzero(row).tolist() for row in state.sets],
        **_describe(settings, scene, state),
    }
    return files, truth


def _part_key(settings: Settings, part: Part) -> str:
    return part.name if part.name == settings.subset else f'{settings.subset}/{part.name}'


def _state_seed(settings: Settings) -> int:
    return settings.seed if settings.state_seed is None else settings.state_seed


def _category(settings: Settings, scene: Scene, state: State) -> str | None:
    """The sounding classes as the csv of the subset names them."""
    rule = SUBSETS[settings.subset].category
    if rule is None:
        return None
    if rule == 'all':
        sounding = np.unique(scene.kinds[: state.sets.shape[1]][state.sets.any(axis=0)])
        return '_'.join(AVSS_CLASSES[avss_index(k)] for k in sounding) or 'background'
    if state.nuisance:
        return state.nuisance
    return CLASSES[scene.kinds[np.flatnonzero(state.sets[0])[0]]]


def _areas(labels: np.ndarray, count: int) -> list[list[int]]:
    """Pixels of each candidate in each second: T lists of N."""
    return [np.bincount(frame[frame >= 0], minlength=count)[:count].tolist() for frame in labels]


def _describe(settings: Settings, scene: Scene, state: State) -> dict:
    """Objects and sources in plain values, rounded to what a reader can use."""
    objects = []
    for m, kind in enumerate(scene.kinds.tolist()):
        entry = {
            'class': CLASSES[kind] if kind != DECOY else DECOY_NAME,
            'class_index': kind,
            'cell': int(scene.cells[m]),
            'radius': round(float(scene.radii[m]), 5),
            'centres': scene.centres[:, m].round(5).tolist(),
            'colour': scene.colours[m].round(4).tolist(),
            'rotation': round(float(scene.rotations[m]), 4),
        }
        if settings.instances and kind != DECOY:
            entry['instance'] = 'small' if scene.small[m] else 'large'
        if settings.layout.semantic and kind != DECOY:
            entry['label_index'] = int(avss_index(kind))
            entry['label'] = AVSS_CLASSES[avss_index(kind)]
        objects.append(entry)
    sources = [
        {
            'class': CLASSES[s.kind] if s.kind < len(CLASSES) else 'white_noise',
            'seconds': np.flatnonzero(s.gate).tolist(),
            'gain_db': round(s.gain, 3),
            'f0': None if s.f0 is None else round(s.f0, 3),
            'band': s.band,
        }
        for s in state.sources
    ]
    count = settings.num_candidates
    return {'candidates': objects[:count], 'decoys': objects[count:], 'sources': sources}
