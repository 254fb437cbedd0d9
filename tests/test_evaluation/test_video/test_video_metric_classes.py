"""What holds for all registered metrics: invariance, files, errors."""

import csv

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from video_samples import (
    CONFIGS,
    LENGTHS,
    equal,
    evaluate,
    every_metric,
    make_samples,
    make_videos,
)

from avsbench.evaluation import VideoMetric, format_table, record_metric
from avsbench.registry import METRICS
from avsbench.utils.errors import DataError

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
    names = list(dict.fromkeys(sample.video for sample in samples))
    parts = [], []
    for sample in samples:  # whole videos, one for each process in turn
        parts[names.index(sample.video) % 2].append(sample)
    metrics = [METRICS.build(CONFIGS[kind]) for _ in parts]
    for metric, part in zip(metrics, parts, strict=True):
        metric.process(None, [sample.to_dict() for sample in part])
    gathered = [metric.results.copy() for metric in metrics]
    monkeypatch.setattr(record_metric, 'all_gather_object', lambda results: gathered)
    expected = METRICS.build(CONFIGS[kind])
    expected.process(None, [sample.to_dict() for sample in samples])
    once = [expected.results.copy()]
    found = [metric.evaluate(len(samples)) for metric in metrics]
    monkeypatch.setattr(record_metric, 'all_gather_object', lambda results: once)
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
    with pytest.raises(
        ValueError, match=r'alpha \(frames .*\) and beta \(frames .*\) share sample_idx 0'
    ):
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
