"""One scene from its seed to the files of its videos."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from avsbench.synthetic.generator import Written
from avsbench.synthetic.streams import stream
from avsbench.synthetic.tree import encode_frame, write_file
from avsbench.synthetic.video.camouflage import CamouflageScene, sample_camouflage
from avsbench.synthetic.video.drawn import DrawnScene, sample_drawn
from avsbench.synthetic.video.layout import VideoLayout
from avsbench.synthetic.video.motion import Motion, all_motions, sample_motion, step_sets
from avsbench.synthetic.video.settings import VideoSettings

AnyScene = DrawnScene | CamouflageScene
Task = tuple[str, int]  # split, scene number


def draw_scene(settings: VideoSettings, split: str, index: int) -> tuple[AnyScene, list[Motion]]:
    """A scene, and the motions of its videos.

    Scene and motion have streams of their own, so what is visible in a frame never depends on how
    the objects move.
    """
    key = (settings.seed, f'video/{settings.subset}', split, index)
    rng = stream(*key, 'scene')
    if settings.look(index) == 'camouflage':
        scene = sample_camouflage(rng, settings.num_objects)
    else:
        scene = sample_drawn(rng, _kinds(settings, rng, index), settings.kind.floor)
    rng = stream(*key, 'motion')
    sets = step_sets(settings.kind.rule, settings.num_objects, settings.order)
    turn = not (settings.order or settings.kind.classes)
    if split == settings.kind.tested:
        return scene, all_motions(rng, sets, turn)
    return scene, [sample_motion(rng, sets, turn)]


def draw_states(
    settings: VideoSettings, split: str, index: int, scene: AnyScene, states: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of different states (S, N), as `DrawnScene.draw` returns them."""
    key = (settings.seed, f'video/{settings.subset}', split, index, 'pixels')
    return scene.draw(states, settings.size, stream(*key))


def write_scene(settings: VideoSettings, root: Path, task: Task) -> Written:
    """Makes and writes all videos of one scene.

    Each state is drawn and encoded once, and its bytes are copied to all frames that show it.

    Args:
        settings: Of the tree.
        root: Folder of the subset.
        task: Split, and number of the scene in it.

    Returns:
        Entries of truth.json, and path -> sha256 of the files written.
    """
    split, index = task
    scene, motions = draw_scene(settings, split, index)
    frames = settings.num_frames(split)
    visited = [motion.states(frames) for motion in motions]
    states, places = np.unique(np.concatenate(visited), axis=0, return_inverse=True)
    images, labels = draw_states(settings, split, index, scene, states)
    areas, boxes = zip(*(_measure(label, settings.num_objects) for label in labels), strict=True)
    suffix = settings.layout.frame('', 0)
    encoded = [encode_frame(image, suffix) for image in images]
    ways = len(step_sets(settings.kind.rule, settings.num_objects, settings.order))
    entries, files = [], {}
    for number, (motion, shown) in enumerate(
        zip(motions, places.reshape(len(motions), frames).tolist(), strict=True)
    ):
        name = settings.layout.video(split, index, number, max(1, len(motions) // ways))
        entry = {'name': name, **_describe(settings, split, index, motion, scene)}
        entry['areas'] = [areas[state] for state in shown]
        entry['boxes'] = [boxes[state] for state in shown]
        files.update(
            write_file(root, path, content)
            for path, content in _contents(settings.layout, entry, shown, encoded, labels)
        )
        entries.append(entry)
    return entries, files


def _kinds(settings: VideoSettings, rng: np.random.Generator, index: int) -> np.ndarray:
    """Classes of the shapes of a scene: different ones of a pool, or one of each pool in turn."""
    pools = settings.kind.kinds
    if len(pools) == 1:
        return rng.permutation(pools[0])[: settings.num_objects]
    # Two scenes have all of two pools of two, four all pairs.
    turns = (index, index + index // 2)
    return np.array([pool[turn % len(pool)] for pool, turn in zip(pools, turns, strict=True)])


def _describe(
    settings: VideoSettings, split: str, index: int, motion: Motion, scene: AnyScene
) -> dict:
    """What truth.json says of a video, but for what depends on the pixels."""
    frames = settings.num_frames(split)
    steps = np.array(motion.steps)
    marked = steps > 0 if settings.order else steps != 0
    return {
        'split': split,
        'group': f'{split}_{index:04d}',
        'kinds': scene.kinds.tolist(),
        'steps': list(motion.steps),
        'states': motion.states(frames).tolist(),
        'marked': np.flatnonzero(marked).tolist(),
        'values': settings.layout.values(scene.kinds, steps, marked),
        'annotated': settings.layout.annotated(split, frames),
        'places': scene.places.round(5).tolist(),
    }


def _measure(labels: np.ndarray, count: int) -> tuple[list[int], list[list[int]]]:
    """Pixels, and box (x, y, width, height), of each of the N objects of an image."""
    areas = np.bincount(labels[labels >= 0], minlength=count).tolist()
    boxes = []
    for n in range(count):
        rows, columns = (np.flatnonzero((labels == n).any(axis=axis)) for axis in (1, 0))
        x, y = columns[0], rows[0]
        boxes.append([int(v) for v in (x, y, columns[-1] + 1 - x, rows[-1] + 1 - y)])
    return areas, boxes


def _contents(
    layout: VideoLayout, entry: dict, shown: list[int], encoded: list[bytes], labels: np.ndarray
) -> Iterator[tuple[str, bytes]]:
    """The files of a video: frames, and masks of the annotated ones.

    Args:
        layout: Of the data set.
        entry: Of truth.json.
        shown: T, the state of each frame.
        encoded: The image file of each state.
        labels: (S, H, W) of each state.
    """
    for t, state in enumerate(shown):
        yield layout.frame(entry['name'], t), encoded[state]
    # Labels of the background are negative: they count from the end of the table.
    table = np.array([*entry['values'], *reversed(layout.ground)], np.uint8)
    for t in entry['annotated']:
        yield layout.mask(entry['name'], t), layout.encode_mask(table[labels[shown[t]]])
