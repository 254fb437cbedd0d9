"""ceilings.json: the best scores of models that see one frame, or frames without their order."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from avsbench.synthetic.settings import MAX_OBJECTS
from avsbench.synthetic.state import subset_bits
from avsbench.synthetic.video.camouflage import BLOCKS, box_law
from avsbench.synthetic.video.label_layouts import STILL_OR_MOVING
from avsbench.synthetic.video.motion import STEPS, Steps, step_sets
from avsbench.synthetic.video.settings import VideoSettings

Frames = list[tuple[float, dict, int]]  # weight of a frame in the score, its video, its position


def compute_ceilings(settings: VideoSettings, videos: list[dict]) -> dict:
    """Ceilings of every split, from the entries of truth.json.

    Args:
        settings: Of the tree.
        videos: Entries of truth.json.

    Returns:
        split -> oracle -> scores, as `avsbench.synthetic.video.load_ceilings` says.
    """
    ceilings = {}
    for split in settings.kind.scenes:
        chosen = [video for video in videos if video['split'] == split]
        if chosen:
            frames = sum(len(video['states']) for video in chosen)
            scores = _SCORES[settings.subset](settings, split, chosen)
            ceilings[split] = {'videos': len(chosen), 'frames': frames, **scores}
    return ceilings


def _masks(settings: VideoSettings, split: str, videos: list[dict]) -> dict:
    """J of masks: mean over a video's annotated frames, then over videos."""
    tested = split == settings.kind.tested
    every = _weighted(videos, lambda video: video['annotated'])
    scored = {'mIoU': every}
    if settings.subset == 'davis':  # the official J leaves out the first and the last frame
        scored['J_mean'] = _weighted(videos, lambda video: video['annotated'][1:-1])
    single = {name: _best_union(settings, frames, tested) for name, frames in scored.items()}
    unordered = dict(single) if settings.order else dict.fromkeys(scored, 1.0)
    if tested:
        single |= {f'bound_{name}': _bound(frames) for name, frames in scored.items()}
    choices = {
        'all_objects': lambda areas: range(len(areas)),
        'largest_object': lambda areas: [int(np.argmax(areas))],
    }
    references = {name: {'mIoU': _chosen(every, choice)} for name, choice in choices.items()}
    return {'single_frame': single, 'order_blind': unordered, 'references': references}


def _boxes(settings: VideoSettings, split: str, videos: list[dict]) -> dict:
    """IoU of boxes: mean over a video's frames, then over videos."""
    score, box = best_constant_box()
    single = {
        'mIoU': score,
        'box': [edge / BLOCKS for edge in box],
        'bound_mIoU': 1 / MAX_OBJECTS,
        'bound_mIoU_fitted': 1 / settings.num_objects,
    }
    # Several frames give the objects that move away; in the control both do, one of them marked.
    unordered = {'mIoU': 0.5 if settings.order else 1.0}
    return {'single_frame': single, 'order_blind': unordered}


def _actions(settings: VideoSettings, split: str, videos: list[dict]) -> dict:
    """MED-VT's score of A2D: mean over a video's annotated frames, then over videos."""
    frames = _weighted(videos, lambda video: video['annotated'])
    sets = _sets(settings)
    single = {'mIoU': _best_actions(frames, lambda steps: sets)}
    if split == settings.kind.tested:
        # Each image occurs as often with any action of each object.
        single['bound_mIoU'] = 1 / len(STEPS)
    return {
        'single_frame': single,
        'order_blind': {'mIoU': _best_actions(frames, _either_way)},
    }


def _classes(settings: VideoSettings, split: str, videos: list[dict]) -> dict:
    """mIoU of VSPW, from the pixels of all frames; background and looks are told in any frame."""
    if split != settings.kind.tested:
        return {}
    pixels: dict[tuple[int, int], int] = {}  # look, whether it has its second class -> pixels
    for video in videos:
        for n, (kind, step) in enumerate(zip(video['kinds'], video['steps'], strict=True)):
            second = int(step != 0 if kind in STILL_OR_MOVING else step < 0)
            total = sum(areas[n] for areas in video['areas'])
            pixels[kind, second] = pixels.get((kind, second), 0) + total
    pairs = {kind: (pixels[kind, 0], pixels[kind, 1]) for kind, _ in pixels}
    blind = {kind: _best_shares(*pair) for kind, pair in pairs.items()}
    unordered = {kind: 2.0 if kind in STILL_OR_MOVING else best for kind, best in blind.items()}
    count = 2 * len(pairs) + 2  # of classes, with wall and floor
    scores = {
        name: {'mIoU': (sum(sums.values()) + 2) / count}
        for name, sums in (('single_frame', blind), ('order_blind', unordered))
    }
    # Two classes that each image holds equally often: shares q and 1 - q of the pixels give them
    # q / (1 + q) and (1 - q) / (2 - q), at best one third each.
    scores['single_frame']['bound_mIoU'] = (len(pairs) * 2 / 3 + 2) / count
    return scores


_SCORES: dict[str, Callable[[VideoSettings, str, list[dict]], dict]] = {
    'davis': _masks,
    'youtube_vos': _masks,
    'youtube_objects': _masks,
    'moca': _boxes,
    'a2d': _actions,
    'vspw': _classes,
}


def _weighted(videos: list[dict], positions: Callable[[dict], list[int]]) -> Frames:
    frames = []
    for video in videos:
        chosen = positions(video)
        frames += [(1 / (len(videos) * len(chosen)), video, t) for t in chosen]
    return frames


def _best_union(settings: VideoSettings, frames: Frames, tested: bool) -> float:
    """Mean IoU of the best union of whole objects in each image.

    In the tested split over the videos in which the image occurs, elsewhere over the law. Parts of
    objects and background never do better: the expected IoU is convex in the share of each object.
    """
    count = settings.num_objects
    bits = subset_bits(count).astype(bool)  # (2^N, N)
    law = [bits[_number(step > 0 for step in steps)] for steps in _sets(settings)]
    images: dict[tuple, np.ndarray] = {}
    for weight, video, t in frames:
        areas = np.array(video['areas'][t], float)
        targets = [np.isin(np.arange(count), video['marked'])] if tested else law
        expected = np.mean([_union_iou(bits, target, areas) for target in targets], axis=0)
        key = (video['group'], *video['states'][t])
        images[key] = images.get(key, 0) + weight * expected
    return float(sum(scores.max() for scores in images.values()))


def _bound(frames: Frames) -> float:
    """What no mask can exceed that depends on the image alone, if marked objects are disjoint.

    The IoU of one mask with several disjoint targets adds up to at most 1, so an image is worth at
    most the largest weight that one of its targets has: 1/N of its weight where all have the same.
    """
    images: dict[tuple, dict[tuple, float]] = {}
    for weight, video, t in frames:
        targets = images.setdefault((video['group'], *video['states'][t]), {})
        marked = tuple(video['marked'])
        targets[marked] = targets.get(marked, 0.0) + weight
    return float(sum(max(targets.values()) for targets in images.values()))


def _sets(settings: VideoSettings) -> list[Steps]:
    return step_sets(settings.kind.rule, settings.num_objects, settings.order)


def _number(members: object) -> int:
    return sum(1 << n for n, member in enumerate(members) if member)


def _union_iou(unions: np.ndarray, target: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """IoU of disjoint objects: unions (U, N) bool with a target (N,) bool."""
    return (unions & target) @ areas / ((unions | target) @ areas)


def _chosen(frames: Frames, choose: Callable[[list[int]], object]) -> float:
    """Mean IoU of the objects that `choose` takes by their areas."""
    total = 0.0
    for weight, video, t in frames:
        areas = np.array(video['areas'][t], float)
        members = np.arange(len(areas))
        target, union = (np.isin(members, list(m)) for m in (video['marked'], choose(areas)))
        total += weight * float(_union_iou(union[None], target, areas)[0])
    return total


def _either_way(steps: Steps) -> list[Steps]:
    """What frames without their order leave open."""
    return [steps, tuple(-step for step in steps)]


def _best_actions(frames: Frames, possible: Callable[[Steps], list[Steps]]) -> float:
    """Share of the objects' pixels whose action is right, with the likeliest action of each object.

    Args:
        frames: See `Frames`.
        possible: From the true steps, all that a model can't exclude, equally likely.
    """
    total = 0.0
    for weight, video, t in frames:
        areas = np.array(video['areas'][t], float)
        steps = np.array(possible(tuple(video['steps'])))  # (P, N)
        right = np.max([(steps == step).mean(axis=0) for step in STEPS], axis=0)  # (N,)
        total += weight * float(areas @ right / areas.sum())
    return total


def _best_shares(first: int, second: int) -> float:
    """The best sum of the IoU of two classes that a model can't tell apart.

    Args:
        first: Pixels of one class.
        second: Pixels of the other one.
    """
    share = np.linspace(0, 1, 1001)  # of the pixels that are given the first class
    total = first + second
    return float(
        np.max(
            share * first / (first + share * total - share * first)
            + (1 - share) * second / (second + (1 - share) * total - (1 - share) * second)
        )
    )


@lru_cache
def best_constant_box() -> tuple[float, tuple[int, int, int, int]]:
    """The box with the highest expected IoU on MoCA-like frames, in blocks: IoU, (x0, y0, x1, y1).

    A frame is noise, independent of the box that is annotated, so a model that sees one frame has
    no better way than one box for all frames. By enumeration of all boxes whose edges lie between
    blocks. Given everything but the cell, boxes in different cells are disjoint, so no box
    whatsoever can exceed one ninth.
    """
    starts, stops = np.triu_indices(BLOCKS + 1, 1)  # (528,) all intervals
    law = box_law()
    expected = np.zeros((len(starts), len(starts)))  # of an interval along y and one along x
    sides = stops - starts
    sizes = np.outer(sides, sides)
    for (x0, y0, x1, y1), probability in law.items():
        along_x, along_y = (
            np.maximum(np.minimum(stops, b) - np.maximum(starts, a), 0)
            for a, b in ((x0, x1), (y0, y1))
        )
        inter = np.outer(along_y, along_x)
        expected += probability * inter / (sizes + (x1 - x0) * (y1 - y0) - inter)
    y, x = np.unravel_index(expected.argmax(), expected.shape)
    box = (starts[x], starts[y], stops[x], stops[y])
    return float(expected.max()), tuple(int(edge) for edge in box)
