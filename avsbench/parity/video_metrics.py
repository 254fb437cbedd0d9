"""Running our metrics of video tasks on fixtures of the published ones."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from avsbench.evaluation.video import a2d, class_areas, consistency, davis, moca, youtube_objects
from avsbench.evaluation.video.masks import mask_iou
from avsbench.parity.fixture import Computed, Fixture, Limit, flat
from avsbench.parity.recipes import Recipes
from avsbench.registry import CHECKERS

TOLERANCE = Limit(1e-6)
BOX_TOLERANCE = Limit(1e-9)
EXACT = Limit(0.0)
VOID = 255  # label of ignored pixels, before and after the mapping

Numbers = tuple[dict[str, Any], dict[str, Any]]  # outputs, and entries of the summary


@CHECKERS.register_module(name='video_metrics')
def run(fixture: Fixture) -> Computed:
    """Compute every output and summary number of a fixture of video metrics.

    Args:
        fixture: Its `construct` says how predictions and targets are made.
    """
    outputs, summary = {}, {}
    for part, section in SECTIONS.items():
        if part in fixture.content['construct']:
            found, numbers = section(fixture, fixture.content['construct'][part])
            outputs |= found
            summary |= flat(numbers)
    stored = flat(fixture.content['summary'])
    limits = {name: _limit(fixture, name) for name in outputs} | dict.fromkeys(stored, TOLERANCE)
    metrics = {name: summary.get(name) for name in stored}  # None: not computed
    return Computed(outputs, metrics=metrics, limits=limits)


def _limit(fixture: Fixture, name: str) -> Limit:
    described = fixture.content['outputs'].get(name, {})
    whole = name.endswith(('.boxes', '.radius', '_sums'))
    if 'dtype' in described or whole:
        return EXACT
    return BOX_TOLERANCE if name == 'moca.iou' else TOLERANCE


def _davis(fixture: Fixture, part: dict) -> Numbers:
    outputs, summary = {}, {}
    for video, (pred, target) in _davis_masks(fixture, part):
        iou = mask_iou(pred, target)
        f = np.array([davis.boundary_f(*frame) for frame in zip(pred, target, strict=True)])
        outputs |= {f'davis.{video}.iou': iou, f'davis.{video}.F': f}
        outputs[f'davis.{video}.radius'] = np.array([davis.boundary_radius(*target.shape[1:])])
        for frame in _numbers(fixture, f'davis.{video}.boundary_'):
            edges = davis.boundary_map(target[frame])
            outputs[f'davis.{video}.boundary_{frame}'] = edges.astype(np.uint8)
        numbers = {'medvt_mean_iou': iou.mean()}
        for name, values in (('J', iou), ('F', f)):
            statistics = davis.video_statistics(values[1:-1], eight_bit_limits=True)
            numbers |= {f'{name}_{key}': value for key, value in statistics._asdict().items()}
        summary[f'davis.{video}'] = numbers
    means = {key: np.mean([video[key] for video in summary.values()]) for key in numbers}
    return outputs, {**summary, 'davis': means}


def _davis_masks(
    fixture: Fixture, part: dict
) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Name of each video, its predictions and its targets, (T, H, W) bool."""
    recipes = Recipes(fixture)
    for video, size in part['videos'].items():
        known = _known(video, size)
        target = recipes.array(part['target'], **known)
        prob = recipes.array(part['prob'], target=target, **known)
        target = target.copy()
        for edit in part['edits']:
            for array, value in ((target, edit.get('target')), (prob, edit.get('prob'))):
                if edit['video'] == video and value is not None:
                    array[edit['frame']] = value
        yield video, (recipes.array(part['prediction'].split(' (')[0], prob=prob), target > 0)


def _known(video: str, size: dict[str, int]) -> dict[str, Any]:
    """What the recipes of a video may name."""
    return {
        'names': {'video': video},
        'n': size['frames'],
        'h': size['height'],
        'w': size['width'],
    }


def _numbers(fixture: Fixture, prefix: str) -> list[int]:
    """The numbers that follow a prefix among the names of the stored outputs."""
    found = (re.fullmatch(rf'{re.escape(prefix)}(\d+)', name) for name in fixture.stored)
    return sorted(int(match[1]) for match in found if match)


def _statistics(fixture: Fixture, part: dict) -> Numbers:
    outputs = {}
    for count in _numbers(fixture, 'statistics.'):
        values = Recipes(fixture).array(part['values'], {'n': str(count)}, n=count)
        outputs[f'statistics.{count}'] = np.array(davis.video_statistics(values, True))
    return outputs, {}


def _youtube_objects(fixture: Fixture, part: dict) -> Numbers:
    ious = {tuple(name.split('/', 1)): values for name, values in part['frame_ious'].items()}
    classes, overall = youtube_objects.class_means(ious)
    return {}, {'youtube_objects': {**classes, 'overall': overall}}


def _moca(fixture: Fixture, part: dict) -> Numbers:
    frame_size = tuple(part['picture_size'])
    boxes, shares, scores = [], [], []
    for case in part['cases']:
        mask = _moca_mask(fixture, part, case)
        shares.append(moca.border_share(mask))
        found = moca.find_box(moca.upright(mask))
        scaled = found and moca.scaled_box(found, mask.shape, frame_size)
        boxes.append(scaled or [-1] * 4)
        iou = moca.frame_iou(mask, case['box'][1:], frame_size)
        scores.append(moca.FrameScore(iou, int(case['motion'])))
    outputs = {
        'moca.iou': np.array([score.iou for score in scores]),
        'moca.boxes': np.array(boxes, np.float64),
        'moca.border_share': np.array(shares),
    }
    groups = {f'g{i}': [scores[case] for case in cases] for i, cases in enumerate(part['groups'])}
    rates = moca.success_rates(moca.motion_scores(scores)['all'])
    success = {f'success_{limit}': rate for limit, rate in rates.items()}
    summary = {'moca': {'mean_iou': moca.mean_iou(groups), **success}}
    for name, frames in groups.items():
        means = {motion: score.iou for motion, score in moca.motion_scores(frames).items()}
        summary[f'moca.{name}'] = means
    return outputs, summary


def _moca_mask(fixture: Fixture, part: dict, case: dict) -> np.ndarray:
    height, width = part['mask_size']
    if 'seed' in case:
        known = {'seed': case['seed'], 'mh': height, 'mw': width}
        mask = Recipes(fixture).array(part['seed'], **known).astype(np.uint8)
        return 255 - mask if case.get('invert') else mask
    mask = np.zeros((height, width), np.uint8)
    for x, y, across, down, value in case['rects']:
        mask[y : y + down, x : x + across] = value
    return mask


def _a2d(fixture: Fixture, part: dict) -> Numbers:
    recipes, outputs = Recipes(fixture), {}
    height, width = part['size']
    recipe, remark = part['label'].split('; ')
    emptied = re.search(r'frame (\d+) of the first video set to (\d+)', remark)
    for index, (video, frames) in enumerate(part['videos'].items()):
        known = {'names': {'video': video}, 'n': frames, 'h': height, 'w': width}
        label = recipes.array(recipe, **known)
        pred = recipes.array(part['prediction'], label=label, **known)
        if emptied and index == 0:
            label[int(emptied[1])] = int(emptied[2])
        values = [a2d.frame_value(*frame) for frame in zip(pred, label, strict=True)]
        outputs[f'a2d.{video}'] = np.array(values)
    videos = {name: list(values) for name, values in outputs.items()}
    nothing = np.zeros((height, width), np.uint8)
    return outputs, {
        'a2d': {
            'mean_over_videos': a2d.mean_scores(videos, skip_empty=False).mean,
            'no_foreground_at_all_is_nan': np.isnan(a2d.frame_value(nothing, nothing)),
        }
    }


def _vspw(fixture: Fixture, part: dict) -> Numbers:
    num_classes = fixture.content['outputs']['vspw.class_iou']['shape'][0]
    lengths = _window_lengths(fixture)
    areas, windows, outputs = {}, [], {}
    for video, (pred, raw) in _vspw_maps(fixture, part):
        mapped = np.where((raw == 0) | (raw == VOID), VOID, raw - 1).astype(np.uint8)
        frames = zip(pred.astype(np.uint8), mapped, strict=True)
        areas[video] = class_areas.summed(
            (class_areas.frame_areas(*frame, num_classes) for frame in frames), num_classes
        )
        for length in lengths:
            shares = consistency.video_windows(pred, mapped, length)
            raw_shares = consistency.video_windows(pred, raw, length)
            outputs[f'vspw.{video}.vc{length}'] = shares
            windows.append((length, len(raw), shares, raw_shares))
        for frame in _numbers(fixture, f'vspw.{video}.mapped_'):
            outputs[f'vspw.{video}.mapped_{frame}'] = mapped[frame]
    total = class_areas.ClassAreas(*(sum(counts) for counts in zip(*areas.values(), strict=True)))
    outputs['vspw.class_iou'] = np.where(total.target > 0, class_areas.class_iou(total), -1)
    outputs['vspw.confusion_row_sums'] = total.target
    summary = _vspw_ious(total, list(areas.values()))
    for length in lengths:
        ours = [window[1:] for window in windows if window[0] == length]
        kinds = {
            'all_windows': [shares for _, shares, _ in ours],
            f'videos_longer_than_{max(lengths)}': [
                shares for frames, shares, _ in ours if frames > max(lengths)
            ],
            'raw_labels': [shares for _, _, shares in ours],
        }
        for kind, parts in kinds.items():
            mean = consistency.mean_consistency(np.concatenate(parts))
            summary[f'VC{length}_{kind}'] = mean
    return outputs, {'vspw': summary}


def _vspw_ious(
    total: class_areas.ClassAreas, videos: list[class_areas.ClassAreas]
) -> dict[str, float]:
    return {
        'mIoU': class_areas.mean_iou(total),
        'fwIoU': class_areas.weighted_iou(total),
        'pixel_accuracy': class_areas.pixel_accuracy(total),
        'class_accuracy_nanmean': class_areas.class_accuracy(total),
        'video_mIoU': np.mean([class_areas.mean_iou(video) for video in videos]),
        'video_fwIoU': np.mean([class_areas.weighted_iou(video) for video in videos]),
    }


def _window_lengths(fixture: Fixture) -> list[int]:
    found = (re.fullmatch(r'vspw\..+\.vc(\d+)', name) for name in fixture.stored)
    return sorted({int(match[1]) for match in found if match})


def _vspw_maps(fixture: Fixture, part: dict) -> Iterator[tuple[str, tuple[np.ndarray, np.ndarray]]]:
    """Name of each video, its predictions and its labels as on disk, (T, H, W)."""
    recipes = Recipes(fixture)
    still = re.search(
        r'The video (\w+): frame t is (.+?) everywhere, the prediction (.+?) ', part['note']
    )
    start, moved = part['raw'].split('; frame t: ')
    rows = re.search(r'rows (\d+) and (\d+) = (\d+) for even t, (\d+) for odd t', moved)
    first, last, *values = (int(number) for number in rows.groups())
    kept, shifted = part['prediction'].split(', then ')
    for video, size in part['videos'].items():
        known = _known(video, size)
        maps = []
        for t in range(size['frames']):
            known |= {'t': t, 'period': size['period']}
            if still and video == still[1]:
                shape = (size['height'], size['width'])
                raw, pred = (
                    np.full(shape, recipes.array(text, t=t)) for text in still.groups()[1:]
                )
            else:
                base = recipes.array(start, **known)
                raw = recipes.array(moved, base=base, **known)
                raw[first : last + 1] = values[t % 2]
                pred = recipes.array(kept, raw=raw, **known)
                pred = recipes.array(shifted.replace('(.,', '(kept,'), kept=pred, **known)
            maps.append((pred, raw))
        yield video, tuple(np.stack(arrays) for arrays in zip(*maps, strict=True))


SECTIONS = {
    'davis': _davis,
    'statistics': _statistics,
    'youtube_objects': _youtube_objects,
    'moca': _moca,
    'a2d': _a2d,
    'vspw': _vspw,
}
