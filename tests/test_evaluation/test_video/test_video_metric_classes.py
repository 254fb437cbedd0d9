"""The registered metrics on data samples, against the pure functions that the fixtures prove."""

import csv
import math

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import BaseDataElement

from avsbench.evaluation import VideoMetric, format_table
from avsbench.evaluation.video import a2d, class_areas, consistency, davis, moca, video_metric
from avsbench.evaluation.video.masks import mask_iou
from avsbench.registry import METRICS
from avsbench.utils.errors import DataError

CONFIGS = {
    'davis': dict(type='DAVISMetric'),
    'youtube_objects': dict(type='YouTubeObjectsMetric'),
    'moca': dict(type='MoCAMetric'),
    'a2d': dict(type='A2DMetric', num_classes=6),
    'vspw': dict(type='VSPWMetric', num_classes=6, window_lengths=(2, 4)),
}
LENGTHS = {'alpha': 7, 'beta': 5, 'gamma': 1, 'delta': 2}


def make_videos(kind, seed=0):
    """{video: its maps and annotations}, n frames each."""
    rng = np.random.default_rng(seed)
    classes = 6 if kind in ('a2d', 'vspw') else 2
    names = LENGTHS
    if kind == 'youtube_objects':
        places = ('cat', '1', '1'), ('cat', '1', '2'), ('cat', '2', '1'), ('dog', '1', '1')
        shots = ['{}/data/000{}/shots/00{}'.format(*place) for place in places]
        names = dict(zip(shots, LENGTHS.values(), strict=True))
    videos = {}
    for name, frames in names.items():
        target = rng.integers(0, classes, (frames, 12, 15), np.uint8)
        wrong = rng.random(target.shape) < 0.3
        pred = np.where(wrong, rng.integers(0, classes, target.shape, np.uint8), target)
        videos[name] = dict(pred_masks=pred, gt_masks=target, gt_valid=np.ones(frames, bool))
        if kind == 'moca':
            del videos[name]['gt_masks']
            corner, size = rng.uniform(-3, 9, (frames, 2)), rng.uniform(8, 20, (frames, 2))
            videos[name]['gt_boxes'] = np.concatenate([corner, size], 1).astype(np.float32)
            videos[name]['motions'] = rng.integers(0, 2, frames)
    return videos


def make_samples(videos, window=1):
    """Data samples of up to `window` frames each."""
    samples = []
    for name, fields in videos.items():
        count = len(fields['pred_masks'])
        for start in range(0, count, window):
            frames = range(start, min(start + window, count))
            sample = BaseDataElement(
                metainfo=dict(
                    sample_idx=len(samples), video=name, frame_idx=list(frames), ori_shape=(24, 30)
                )
            )
            for key, value in fields.items():
                sample.set_field(torch.from_numpy(value[frames.start : frames.stop]), key)
            samples.append(sample)
    return samples


def evaluate(config, samples, batch=1, size=None):
    evaluator = Evaluator(METRICS.build(config))
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples) if size is None else size)


def equal(first, second):
    pairs = zip(first.values(), second.values(), strict=True)
    return first.keys() == second.keys() and all(
        a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs
    )


every_metric = pytest.mark.parametrize('kind', CONFIGS)


# --- the numbers --------------------------------------------------------------------------------


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


# --- what must not matter -----------------------------------------------------------------------


@every_metric
def test_batches_windows_and_repeats_change_nothing(kind):
    videos = make_videos(kind)
    expected = evaluate(CONFIGS[kind], make_samples(videos))
    for window, batch in ((1, 4), (3, 1), (6, 2)):
        samples = make_samples(videos, window)
        assert equal(evaluate(CONFIGS[kind], samples, batch), expected)
        repeated = [*samples, samples[0]]  # as a padded sampler does
        assert equal(evaluate(CONFIGS[kind], repeated, batch, size=len(samples)), expected)


@every_metric
def test_processes_change_nothing(kind, monkeypatch):
    samples = make_samples(make_videos(kind), window=2)
    parts = [], []
    for sample in samples:  # whole videos, the later ones first
        parts[list(LENGTHS.values())[::-1].index(1) % 2 == len(sample.video) % 2].append(sample)
    metrics = [METRICS.build(CONFIGS[kind]) for _ in parts]
    for metric, part in zip(metrics, parts, strict=True):
        metric.process(None, [sample.to_dict() for sample in part])
    gathered = [metric.results.copy() for metric in metrics]
    monkeypatch.setattr(video_metric, 'all_gather_object', lambda results: gathered)
    expected = METRICS.build(CONFIGS[kind])
    expected.process(None, [sample.to_dict() for sample in samples])
    once = [expected.results.copy()]
    found = [metric.evaluate(len(samples)) for metric in metrics]
    monkeypatch.setattr(video_metric, 'all_gather_object', lambda results: once)
    assert equal(found[0], expected.evaluate(len(samples))) and equal(*found)


@every_metric
def test_a_metric_can_be_used_again(kind):
    samples = make_samples(make_videos(kind), window=2)
    evaluator = Evaluator(METRICS.build(CONFIGS[kind]))
    results = []
    for _ in range(2):
        evaluator.process(samples)
        results.append(evaluator.evaluate(len(samples)))
    assert equal(*results)


@every_metric
def test_little_is_kept_of_a_frame(kind):
    metric = METRICS.build(CONFIGS[kind])
    metric.process(None, [sample.to_dict() for sample in make_samples(make_videos(kind))])

    def size(value):
        if isinstance(value, np.ndarray):
            return value.size
        if isinstance(value, tuple | list):
            return sum(size(item) for item in value)
        assert not isinstance(value, torch.Tensor)
        return 1

    largest = max(size(frame) for record in metric.results for frame in record.frames.values())
    assert largest <= 4 * 6 + 5


@every_metric
@pytest.mark.parametrize('prefix', [None, 'val'])
def test_every_number_names_its_protocol(kind, prefix):
    metrics = evaluate(CONFIGS[kind] | dict(prefix=prefix), make_samples(make_videos(kind)))
    assert (f'{prefix}/mIoU' if prefix else 'mIoU') in metrics
    lines = format_table(metrics).splitlines()
    rows = {line.split()[0]: line.split(maxsplit=2) for line in lines if line.strip()}
    for name, value in metrics.items():
        assert len(rows[name]) == 3, f'{name} has no protocol'
        assert float(rows[name][1]) == pytest.approx(value, abs=5e-5, nan_ok=True)


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize('kind', ['davis', 'youtube_objects'])
def test_files_of_named_numbers(kind, tmp_path):
    config = CONFIGS[kind] | dict(result_file=str(tmp_path / 'deep' / 'results.csv'))
    metrics = evaluate(config, make_samples(make_videos(kind)))
    header, row = csv.reader((tmp_path / 'deep' / 'results.csv').read_text().splitlines())
    if kind == 'davis':
        assert header == [*LENGTHS, 'Video Mean']
    else:
        assert header == ['cat', 'dog', 'Overall']
        assert row[:2] == [f'{metrics[f"IoU_{name}"]:.3f}' for name in header[:2]]
    assert row[-1] == f'{metrics["mIoU"]:.3f}'


def test_file_of_moca(tmp_path):
    metric = METRICS.build(CONFIGS['moca'] | dict(result_file='MoCA_results.csv'))
    metric.out_dir = tmp_path  # as the runner does
    evaluator = Evaluator(metric)
    videos = make_videos('moca')
    samples = make_samples(videos)
    evaluator.process(samples)
    metrics = evaluator.evaluate(len(samples))
    header, *rows = csv.reader((tmp_path / 'MoCA_results.csv').read_text().splitlines())
    assert len(header) == 28 and [row[0] for row in rows] == list(LENGTHS)
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert np.mean([float(row['All_motion_IoU']) for row in table]) == metrics['mIoU']
    assert {row['Static_IoU'] for row in table} == {'-1.0'}
    assert [int(row['locomotion_num']) for row in table] == [
        int((video['motions'] == 0).sum()) for video in videos.values()
    ]
    above = sum(int(row['All_motion_S_0.5']) for row in table)
    assert above / metrics['frames'] == metrics['success_0.5']


def test_video_metrics_are_of_one_kind():
    assert all(isinstance(METRICS.build(config), VideoMetric) for config in CONFIGS.values())


# --- bad input ----------------------------------------------------------------------------------


@every_metric
def test_missing_sample_is_an_error(kind):
    samples = make_samples(make_videos(kind))
    with pytest.raises(ValueError, match='got 14 different samples of a data set of 15'):
        evaluate(CONFIGS[kind], samples[:-1], size=len(samples))


@every_metric
def test_nothing_to_score_is_an_error(kind):
    videos = make_videos(kind)
    for video in videos.values():
        video['gt_valid'][:] = False
    with pytest.raises(DataError, match='no annotated frame to score in 4 videos'):
        evaluate(CONFIGS[kind], make_samples(videos))


def test_videos_without_annotation_are_counted():
    videos = make_videos('davis')
    videos['beta']['gt_valid'][:] = False
    metrics = evaluate(CONFIGS['davis'], make_samples(videos))
    assert (metrics['videos'], metrics['videos_without_annotation']) == (3, 1)


MASKS = [(kind, field) for kind in CONFIGS for field in ('pred_masks', 'gt_masks')]
MASKS.remove(('moca', 'gt_masks'))  # has boxes
MASKS.remove(('vspw', 'gt_masks'))  # whatever is no class is void


@pytest.mark.parametrize(('kind', 'field'), MASKS)
def test_values_of_masks_are_checked(kind, field):
    videos = make_videos(kind)
    video = list(videos)[1]
    videos[video][field][3, 5, 5] = 254
    with pytest.raises(DataError, match=f'video {video}, frame 3: {field} holds the value 254'):
        evaluate(CONFIGS[kind], make_samples(videos))


@pytest.mark.parametrize('kind', ['davis', 'youtube_objects', 'a2d', 'vspw'])
def test_sizes_are_checked(kind):
    videos = make_videos(kind)
    first = next(iter(videos))
    videos[first]['pred_masks'] = videos[first]['pred_masks'][:, :10]
    with pytest.raises(ValueError, match=r'size \(10, 15\), the mask \(12, 15\)'):
        evaluate(CONFIGS[kind], make_samples(videos))


def test_places_and_annotations_must_agree():
    sample = make_samples(make_videos('davis'), window=3)[0]
    sample.set_metainfo(dict(frame_idx=[0, 1]))
    with pytest.raises(ValueError, match='frame_idx names 2 frames, gt_valid has 3'):
        evaluate(CONFIGS['davis'], [sample])


def test_two_samples_under_one_index_are_an_error():
    samples = make_samples(make_videos('davis'))
    samples[8].set_metainfo(dict(sample_idx=0))
    with pytest.raises(ValueError, match='alpha and beta share sample_idx 0'):
        evaluate(CONFIGS['davis'], samples)


def test_a_frame_must_be_scored_once():
    samples = make_samples(make_videos('davis'))
    samples[5].set_metainfo(dict(frame_idx=[4]))
    with pytest.raises(ValueError, match='video alpha: frame 4 is scored in two samples'):
        evaluate(CONFIGS['davis'], samples)


def test_name_of_a_shot_is_checked():
    videos = {'cat/0001/shots/001': make_videos('davis')['alpha']}
    with pytest.raises(DataError, match='expected <class>/data/<sequence>/shots/<shot>'):
        evaluate(CONFIGS['youtube_objects'], make_samples(videos))


def test_motion_is_checked():
    videos = make_videos('moca')
    videos['gamma']['motions'][0] = 3
    with pytest.raises(ValueError, match='video gamma: motion 3, expected 0, 1 or 2'):
        evaluate(CONFIGS['moca'], make_samples(videos))


@pytest.mark.parametrize(
    ('order', 'message'),
    [
        ([0, 2], 'frame 2 of video alpha follows frame 0'),
        ([3], 'frame 3 of video alpha comes first'),
        ([0, 1, 8], 'frame 1 of video beta comes first'),
        ([0, 1, 1], 'frame 1 of video alpha follows frame 1'),
    ],
)
def test_consistency_needs_frames_in_order(order, message):
    samples = make_samples(make_videos('vspw'))
    with pytest.raises(ValueError, match=f'{message}.*VideoSampler'):
        evaluate(CONFIGS['vspw'], [samples[index] for index in order])


def test_consistency_needs_every_frame():
    videos = make_videos('vspw')
    videos['alpha']['gt_valid'][3] = False
    with pytest.raises(ValueError, match='frame 4 of video alpha follows frame 2'):
        evaluate(CONFIGS['vspw'], make_samples(videos))
