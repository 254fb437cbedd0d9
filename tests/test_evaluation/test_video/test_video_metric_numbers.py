"""Numbers of the registered metrics, against the pure functions that the fixtures prove."""

import math

import numpy as np
import pytest
from video_samples import CONFIGS, evaluate, make_samples, make_videos

from avsbench.evaluation.video import a2d, class_areas, consistency, davis, moca
from avsbench.evaluation.video.masks import mask_iou


def test_davis_numbers():
    videos = make_videos('davis')
    metrics = evaluate(CONFIGS['davis'], make_samples(videos))
    ious = {
        name: mask_iou(video['pred_masks'] > 0, video['gt_masks'] > 0)
        for name, video in videos.items()
    }
    assert metrics['mIoU'] == pytest.approx(np.mean([iou.mean() for iou in ious.values()]))
    inner = [davis.video_statistics(ious[name][1:-1]) for name in ('alpha', 'beta')]
    for place, key in enumerate(('mean', 'recall', 'decay')):
        assert metrics[f'J_{key}'] == pytest.approx(np.mean([video[place] for video in inner]))
    scores = [
        [
            davis.boundary_f(*frame)
            for frame in zip(video['pred_masks'] > 0, video['gt_masks'] > 0, strict=True)
        ]
        for video in videos.values()
    ]
    inner = [np.mean(score[1:-1]) for score in scores[:2]]
    assert metrics['F_mean'] == pytest.approx(np.mean(inner))
    counts = ('videos', 'frames', 'videos_too_short', 'videos_without_annotation')
    assert [metrics[key] for key in counts] == [4, 15, 2, 0]


def test_davis_with_short_videos_only():
    videos = {'gamma': make_videos('davis')['gamma']}
    metrics = evaluate(CONFIGS['davis'], make_samples(videos))
    assert 0 < metrics['mIoU'] < 1
    assert math.isnan(metrics['J_mean']) and math.isnan(metrics['F_decay'])


def test_youtube_objects_numbers():
    videos = make_videos('youtube_objects')
    for video in videos.values():
        video['gt_valid'][1:] = False  # every tenth frame has a mask
    metrics = evaluate(CONFIGS['youtube_objects'], make_samples(videos))
    iou = [
        float(mask_iou(video['pred_masks'][0] > 0, video['gt_masks'][0] > 0))
        for video in videos.values()
    ]
    cat = np.mean([np.mean(iou[:2]), iou[2]])
    assert metrics['IoU_cat'] == pytest.approx(cat)
    assert metrics['IoU_dog'] == pytest.approx(iou[3])
    assert metrics['mIoU'] == pytest.approx(np.mean([cat, iou[3]]))
    assert [metrics[key] for key in ('sequences', 'frames')] == [3, 4]


def test_moca_numbers():
    videos = make_videos('moca')
    for name, video in videos.items():
        if name != 'gamma':  # else nearly everything is one blob
            video['pred_masks'][:, :, 8:] = 0
    metrics = evaluate(CONFIGS['moca'], make_samples(videos))
    ious = {
        name: [
            moca.frame_iou(mask * np.uint8(255), box, (24, 30))
            for mask, box in zip(video['pred_masks'], video['gt_boxes'].tolist(), strict=True)
        ]
        for name, video in videos.items()
    }
    assert metrics['mIoU'] == pytest.approx(np.mean([np.mean(iou) for iou in ious.values()]))
    pooled = np.concatenate(list(ious.values()))
    motions = np.concatenate([video['motions'] for video in videos.values()])
    assert 0 < metrics['success_0.5'] == pytest.approx(np.mean(pooled > 0.5))
    assert metrics['IoU_deformation'] == pytest.approx(pooled[motions == 1].mean())
    assert metrics['frames_locomotion'] == np.sum(motions == 0)
    assert metrics['IoU_static'] == metrics['success_0.9_static'] == -1


def test_a2d_numbers():
    videos = make_videos('a2d')
    videos['beta']['pred_masks'][4] = videos['beta']['gt_masks'][4] = 0
    videos['beta']['gt_valid'][0] = False
    metrics = evaluate(CONFIGS['a2d'], make_samples(videos))
    values = {
        name: [
            a2d.frame_value(pred, label)
            for pred, label in zip(video['pred_masks'], video['gt_masks'], strict=True)
        ]
        for name, video in videos.items()
    }
    values['beta'] = values['beta'][1:4]
    means = a2d.mean_scores(values)
    assert (metrics['mIoU'], metrics['mIoU_last_frame']) == pytest.approx(means)
    assert metrics['frames_without_foreground'] == 1
    frames = [
        class_areas.frame_areas(pred, label, 6)
        for video in videos.values()
        for pred, label, valid in zip(*video.values(), strict=True)
        if valid
    ]
    areas = class_areas.summed(frames, 6)
    assert metrics['mIoU_dataset'] == class_areas.mean_iou(areas)
    published = evaluate(CONFIGS['a2d'] | dict(skip_empty=False), make_samples(videos))
    assert math.isnan(published['mIoU'])
    assert published['mIoU_dataset'] == metrics['mIoU_dataset']


def steady_vspw():
    """Videos whose maps change slowly, with void pixels, one of them void all over."""
    videos = make_videos('vspw')
    for video in videos.values():
        for key, rows in (('pred_masks', 6), ('gt_masks', 9)):
            video[key][1:, :rows] = video[key][0, :rows]
        video['gt_masks'][:, 3:5] = 255
    videos['delta']['gt_masks'][:] = 255
    return videos


def test_vspw_numbers():
    videos = steady_vspw()
    metrics = evaluate(CONFIGS['vspw'], make_samples(videos))
    areas = {
        name: class_areas.summed(
            [
                class_areas.frame_areas(pred, label, 6)
                for pred, label in zip(video['pred_masks'], video['gt_masks'], strict=True)
            ],
            6,
        )
        for name, video in videos.items()
    }
    total = class_areas.ClassAreas(*(np.sum(part, 0) for part in zip(*areas.values(), strict=True)))
    assert metrics['mIoU'] == class_areas.mean_iou(total)
    assert metrics['mIoU_union'] == class_areas.mean_iou_of_union(total)
    assert metrics['fwIoU'] == class_areas.weighted_iou(total)
    assert metrics['pixel_accuracy'] == class_areas.pixel_accuracy(total)
    each = [class_areas.mean_iou(areas[name]) for name in ('alpha', 'beta', 'gamma')]
    assert metrics['video_mIoU'] == pytest.approx(np.mean(each))  # delta has no target
    for length in (2, 4):
        windows = [
            consistency.video_windows(video['pred_masks'], video['gt_masks'], length)
            for video in videos.values()
        ]
        every = consistency.mean_consistency(np.concatenate(windows))
        assert metrics[f'VC{length}_all'] == pytest.approx(every)
        long = consistency.mean_consistency(np.concatenate(windows[:2]))
        assert metrics[f'VC{length}'] == pytest.approx(long)
        assert 0 < long < 1


def test_vspw_leaves_out_videos_that_are_not_longer_than_the_longest_window():
    videos = {name: steady_vspw()[name] for name in ('alpha', 'beta')}
    config = CONFIGS['vspw'] | dict(window_lengths=(2, 5))
    metrics = evaluate(config, make_samples(videos))
    alpha = consistency.video_windows(*list(videos['alpha'].values())[:2], 2)
    assert metrics['VC2'] == pytest.approx(consistency.mean_consistency(alpha))
    assert metrics['VC2_all'] != metrics['VC2']
    short = evaluate(config, make_samples({'beta': videos['beta']}))
    assert math.isnan(short['VC2']) and math.isnan(short['VC5_all'])


def test_vspw_may_compare_labels_as_they_are_on_disk():
    videos = {'alpha': steady_vspw()['alpha']}
    raw = videos['alpha']['gt_masks'] + np.uint8(1)  # void becomes 0
    raw[::2, 3:5] = 255  # it alternates
    videos['alpha']['raw_masks'] = raw
    config = CONFIGS['vspw'] | dict(consistency_target='raw_masks')
    metrics = evaluate(config, make_samples(videos))
    pred = videos['alpha']['pred_masks']
    expected = consistency.mean_consistency(consistency.video_windows(pred, raw, 4))
    assert metrics['VC4'] == expected
    assert metrics['VC4'] != evaluate(CONFIGS['vspw'], make_samples(videos))['VC4']
