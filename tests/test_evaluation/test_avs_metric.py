import os
import random
import socket

import pandas as pd
import pytest
import torch
import torch.multiprocessing as mp
from metric_samples import binary_samples, make_sample, semantic_samples
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope

from avsbench.evaluation import AVSMetric, format_table
from avsbench.parity import metrics as parity
from avsbench.registry import METRICS
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.maps import argmax_classes

BINARY = dict(type='AVSMetric', task='binary')
SEMANTIC = dict(type='AVSMetric', task='semantic', num_classes=6)


def evaluate(config, samples, batch=1, size=None, meta=None):
    metric = METRICS.build(config)
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = meta
    for start in range(0, len(samples), batch):
        evaluator.process(samples[start : start + batch])
    return evaluator.evaluate(len(samples) if size is None else size)


def samples_of(config, count, **kwargs):
    make = binary_samples if config['task'] == 'binary' else semantic_samples
    return make(count, **kwargs)


# --- the published numbers ----------------------------------------------------------------------


def fixture_samples(logits, target, frames=5):
    parts = zip(logits[:, None].split(frames), target.split(frames), strict=True)
    return [make_sample(index, gt, logits=clip) for index, (clip, gt) in enumerate(parts)]


def test_binary_fixture(fixture_of):
    fixture = fixture_of('metrics_binary')
    logits, target = parity.binary_inputs(fixture)
    metrics = evaluate(BINARY | dict(f_groups=(1, 2, 4, 7)), fixture_samples(logits, target))
    summary = fixture.content['summary']
    assert metrics['mIoU'] == summary['frame_mean_miou']
    for group in (1, 2, 4, 7):
        assert metrics[f'mIoU_b{group}'] == summary[f'miou_b{group}']
        assert metrics[f'F_b{group}'] == summary[f'F_b{group}']
        assert metrics[f'F_b{group}'] == pytest.approx(fixture.stored[f'F_batches_b{group}'].mean())
    assert metrics['F_all'] == metrics['F_b7']
    assert (metrics['clips'], metrics['clips_empty']) == (7, 1)
    assert (metrics['frames'], metrics['frames_empty'], metrics['frames_nan']) == (35, 8, 0)


def semantic_fixture_samples(fixture):
    logits, target, exists = parity.semantic_inputs(fixture)
    pred = argmax_classes(logits)
    parts = zip(pred.split(10), target.split(10), exists.split(10), strict=True)
    return [
        make_sample(index, gt, pred=clip, gt_valid=valid, frame_valid=valid)
        for index, (clip, gt, valid) in enumerate(parts)
    ]


@pytest.mark.parametrize('system', ['avsbench', 'combo'])
def test_semantic_fixture(system, fixture_of):
    fixture = fixture_of('metrics_semantic')
    metrics = evaluate(
        SEMANTIC | dict(num_classes=71, count_padded=system == 'avsbench'),
        semantic_fixture_samples(fixture),
    )
    summary = fixture.content['summary'][system]
    for ours, published in (('mIoU', 'miou'), ('F', 'F')):
        assert metrics[ours] == summary[published]
        assert metrics[f'{ours}_published_no_bg'] == summary[f'{published}_noBg']
        assert metrics[f'{ours}_no_bg'] == summary[f'{published}_true_noBg']
        assert metrics[f'{ours}_present'] == pytest.approx(
            summary[f'{published}_present'], abs=2e-8
        )
    assert metrics['classes_present'] == summary['present']
    assert metrics['classes_absent'] == summary['absent']
    assert metrics['frames'] == 35
    assert metrics['frames_padded'] == (15 if system == 'avsbench' else 0)
    dataset = fixture.content['summary']['dataset_level (ovavss scores_gzsl, real frames)']
    assert metrics['mIoU_dataset'] == pytest.approx(dataset['Mean IoU'], abs=1e-12)
    assert metrics['aAcc_dataset'] == pytest.approx(dataset['Overall Acc'], abs=1e-12)


# --- the same to the last digit -----------------------------------------------------------------


@pytest.mark.parametrize('config', [BINARY, SEMANTIC], ids=['binary', 'semantic'])
def test_batch_size_and_order_change_nothing(config):
    samples = samples_of(config, 11)
    alone = evaluate(config, samples)
    for batch in (2, 4, 11):
        assert evaluate(config, samples, batch) == alone
    random.Random(0).shuffle(samples)
    assert evaluate(config, samples, 3) == alone


@pytest.mark.parametrize('config', [BINARY, SEMANTIC], ids=['binary', 'semantic'])
def test_repeats_of_a_padded_sampler_are_dropped(config):
    samples = samples_of(config, 5)
    assert evaluate(config, [*samples, samples[0]], 2, size=5) == evaluate(config, samples)


def scored_by_worker(rank, world, port, config, count, queue):
    torch.set_num_threads(1)
    os.environ |= dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.distributed.init_process_group('gloo', rank=rank, world_size=world)
    with DefaultScope.overwrite_default_scope('avsbench'):
        metric = METRICS.build(config)
        evaluator = Evaluator(metric)
        samples = samples_of(config, count)
        share = -(-count // world)  # as mmengine's DefaultSampler: strided, repeated to be equal
        mine = [samples[(rank + step * world) % count] for step in range(share)]
        for start in range(0, len(mine), 2):  # the last batch is short
            evaluator.process(mine[start : start + 2])
        queue.put((rank, evaluator.evaluate(count)))
    torch.distributed.destroy_process_group()


def free_port():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


def test_two_processes_give_the_number_of_one(tmp_path):
    table = str(tmp_path / 'classes.csv')
    config = SEMANTIC | dict(class_table=table)
    queue = mp.get_context('spawn').SimpleQueue()
    mp.spawn(scored_by_worker, (2, free_port(), config, 5, queue), nprocs=2)
    answers = dict(queue.get() for _ in range(2))
    shared = pd.read_csv(table)
    assert answers[0] == answers[1] == evaluate(config, semantic_samples(5))
    pd.testing.assert_frame_equal(shared, pd.read_csv(table))


def test_gathering_binary_counts_of_several_processes(monkeypatch):
    """The parts of three processes, with what a padded sampler repeats."""
    samples = binary_samples(7)
    parts = []
    for rank in range(3):
        metric = METRICS.build(BINARY)
        mine = [samples[(rank + step * 3) % 7] for step in range(3)]
        metric.process(None, [sample.to_dict() for sample in mine])
        parts.append(metric.results)
    monkeypatch.setattr('avsbench.evaluation.record_metric.all_gather_object', lambda own: parts)
    assert METRICS.build(BINARY).evaluate(7) == evaluate(BINARY, samples)


# --- what is scored -----------------------------------------------------------------------------


def test_binary_numbers_by_hand():
    gt = torch.zeros(2, 2, 4)
    gt[0, 0] = 1
    logits = torch.full((2, 1, 2, 4), -9.0)
    logits[0, 0, 0, :2] = 9
    logits[1, 0, 0, 0] = 9
    metrics = evaluate(BINARY, [make_sample(0, gt, logits=logits)])
    assert metrics['mIoU'] == pytest.approx((2 / 4 + 7 / 8) / 2)
    assert metrics['IoU_dataset'] == pytest.approx(2 / 5)
    assert metrics['mIoU_dataset'] == pytest.approx((2 / 5 + 11 / 14) / 2)
    # the lowest threshold marks the whole frame: precision 1/2, recall 1; the prediction: 1, 1/2
    assert metrics['F_b1'] == metrics['F_all'] == pytest.approx(1.3 * 0.5 / (0.3 + 0.5))
    assert metrics['F_dataset'] == pytest.approx(1.3 * (2 / 3) * 0.5 / (0.3 * (2 / 3) + 0.5))
    assert (metrics['frames'], metrics['frames_empty'], metrics['clips_empty']) == (2, 1, 0)


def test_unannotated_frames_are_not_scored():
    first = torch.tensor([True, False, False, False, False])
    samples = binary_samples(3)
    only = [
        make_sample(index, sample.gt_masks[:1], logits=sample.seg_logits[:1])
        for index, sample in enumerate(samples)
    ]
    for sample in samples:
        sample.gt_valid = first
        sample.gt_masks[1:] = 1 - sample.gt_masks[1:]
    assert evaluate(BINARY, samples) == evaluate(BINARY, only)


def test_clip_without_annotation_takes_no_place_in_a_group():
    samples = binary_samples(4)
    bare = binary_samples(5)[4]
    bare.gt_valid = torch.zeros(5, dtype=torch.bool)
    moved = [samples[0], bare, *samples[1:]]
    for index, sample in enumerate(moved):
        sample.set_metainfo(dict(sample_idx=index))
    metrics = evaluate(BINARY, moved)
    for index, sample in enumerate(samples):
        sample.set_metainfo(dict(sample_idx=index))
    assert metrics == evaluate(BINARY, samples)


def test_count_padded():
    samples = semantic_samples(4)
    counted = evaluate(SEMANTIC, samples)
    left_out = evaluate(SEMANTIC | dict(count_padded=False), samples)
    assert (counted['frames_padded'], left_out['frames_padded']) == (10, 0)
    assert counted['frames'] == left_out['frames'] == 30
    assert counted['mIoU'] > left_out['mIoU']
    for same in ('mIoU_no_bg', 'mIoU_dataset', 'aAcc_dataset'):
        assert counted[same] == left_out[same]


def test_padding_of_binary_clips_never_enters_the_pooled_numbers():
    plain, padded = binary_samples(2), binary_samples(2)
    for sample in padded:
        for name in ('gt_masks', 'seg_logits', 'gt_valid', 'frame_valid', 'pred_masks'):
            value = sample.get(name)
            sample.set_field(torch.cat([value, torch.zeros_like(value)]), name)
    real, filled = evaluate(BINARY, plain), evaluate(BINARY, padded)
    assert (filled['frames'], filled['frames_padded']) == (10, 10)
    assert filled['mIoU'] > real['mIoU']
    for same in ('IoU_dataset', 'mIoU_dataset', 'F_dataset', 'F_all', 'frames_empty'):
        assert filled[same] == real[same]
    assert evaluate(BINARY | dict(count_padded=False), padded) == real


def test_a_metric_can_be_used_again():
    metric = METRICS.build(BINARY)
    evaluator = Evaluator(metric)
    for count in (3, 2):
        evaluator.process(binary_samples(count))
        assert evaluator.evaluate(count) == evaluate(BINARY, binary_samples(count))


def test_nan_logits_are_counted_and_background():
    sample = binary_samples(1)[0]
    sample.seg_logits[1] = float('nan')
    metrics = evaluate(BINARY, [sample])
    assert metrics['frames_nan'] == 1
    sample.seg_logits[1] = -200
    assert evaluate(BINARY, [sample])['mIoU'] == metrics['mIoU']


def test_probabilities_score_as_their_logits_do():
    samples = binary_samples(2)
    wanted = evaluate(BINARY, samples)
    for sample in samples:
        sample.seg_probs = sample.seg_logits.sigmoid()
        del sample.seg_logits
    assert evaluate(BINARY, samples) == wanted


def test_only_counts_are_kept():
    metric = METRICS.build(BINARY)
    for size in ((8, 8), (64, 64)):
        metric.process(None, [binary_samples(1, size=size)[0].to_dict()])
    small, large = (sum(part.numel() for part in record.counts) for record in metric.results)
    assert small == large == 5 * (2 * 255 + 4)


# --- class table --------------------------------------------------------------------------------


def test_class_table(tmp_path):
    names = ('background', 'ambulance', 'baby', 'bass', 'bell', 'never')
    metric = METRICS.build(SEMANTIC | dict(class_table='tables/classes.csv'))
    metric.out_dir = tmp_path
    metric.dataset_meta = dict(classes=names)
    samples = semantic_samples(4)
    for sample in samples:
        sample.pred_masks.clamp_(max=4)
    metric.process(None, [sample.to_dict() for sample in samples])
    metrics = metric.evaluate(4)
    table = pd.read_csv(tmp_path / 'tables' / 'classes.csv')
    assert list(table.columns) == ['class', 'name', 'IoU', 'F', 'frames', 'IoU_dataset']
    assert tuple(table.name[:6]) == names and list(table['class'][:6]) == list(range(6))
    assert table.IoU[:6].fillna(0).mean() == pytest.approx(metrics['mIoU'], abs=1e-6)
    assert table.F[:6].fillna(0).mean() == pytest.approx(metrics['F'], abs=1e-6)
    assert table.IoU_dataset[:5].mean() == pytest.approx(metrics['mIoU_dataset'], abs=1e-6)
    assert pd.isna(table.IoU[5]) and pd.isna(table.IoU_dataset[5]) and table.frames[5] == 0
    assert table.frames[0] == 40
    means = table.set_index('name').IoU[6:]
    assert means.tolist() == pytest.approx(
        [metrics[f'mIoU{end}'] for end in ('', '_no_bg', '_published_no_bg', '_present')], abs=1e-6
    )


def test_class_names_must_fit(tmp_path):
    config = SEMANTIC | dict(class_table=str(tmp_path / 'classes.csv'))
    with pytest.raises(ConfigError, match='num_classes=6.*names 2 classes'):
        evaluate(config, semantic_samples(1), meta=dict(classes=('a', 'b')))


# --- errors -------------------------------------------------------------------------------------


def test_no_clip_and_no_annotation_are_errors():
    with pytest.raises(DataError, match='no annotated frame to score in 0 clips'):
        evaluate(BINARY, [])
    sample = binary_samples(1)[0]
    sample.gt_valid = torch.zeros(5, dtype=torch.bool)
    with pytest.raises(DataError, match='no annotated frame to score in 1 clip:'):
        evaluate(BINARY, [sample])


def test_missing_clip_is_an_error():
    with pytest.raises(ValueError, match='3 different samples of a data set of 4'):
        evaluate(BINARY, binary_samples(3), size=4)


def test_two_clips_under_one_index_are_an_error():
    samples = binary_samples(2)
    samples[1].set_metainfo(dict(sample_idx=0))
    with pytest.raises(ValueError, match='clip00 and clip01 share sample_idx 0'):
        evaluate(BINARY, samples)


@pytest.mark.parametrize(('config', 'value'), [(BINARY, 255), (BINARY, -1), (SEMANTIC, 6)])
def test_mask_values_are_checked(config, value):
    sample = samples_of(config, 1)[0]
    sample.gt_masks[2, 3, 4] = value
    message = f'clip00: gt_masks holds the value {value}, expected 0 to'
    if value == 255:
        message += '.*take ClipPad, which adds it, out of the pipeline'
    with pytest.raises(DataError, match=message):
        evaluate(config, [sample])


@pytest.mark.parametrize(
    ('config', 'field'), [(BINARY, 'seg_logits'), (SEMANTIC, 'pred_masks')], ids=['bin', 'sem']
)
def test_sizes_are_checked(config, field):
    sample = samples_of(config, 1)[0]
    setattr(sample, field, getattr(sample, field)[..., :-1])
    with pytest.raises(ValueError, match=f'clip00: {field} has shape'):
        evaluate(config, [sample])


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(task='semantics'), "did you mean 'semantic'"),
        (dict(task='binary', num_classes=2), 'binary goes with 1'),
        (dict(task='semantic'), 'num_classes=1'),
        (dict(task='binary', class_table='x.csv'), 'class_table means nothing'),
        (dict(task='semantic', num_classes=3, f_groups=(1,)), 'f_groups means nothing'),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ConfigError, match=message):
        AVSMetric(**arguments)


def test_group_must_be_a_number_of_clips():
    with pytest.raises(ValueError, match='f_groups: got 0'):
        AVSMetric(f_groups=(1, 0))


# --- names and table ----------------------------------------------------------------------------


def test_headline_has_no_prefix_unless_asked_for():
    assert 'mIoU' in evaluate(BINARY, binary_samples(2))
    assert 'test/mIoU' in evaluate(BINARY | dict(prefix='test'), binary_samples(2))


@pytest.mark.parametrize('prefix', [None, 'test'])
@pytest.mark.parametrize('config', [BINARY, SEMANTIC], ids=['binary', 'semantic'])
def test_every_number_names_its_protocol(config, prefix):
    metrics = evaluate(config | dict(prefix=prefix), samples_of(config, 3))
    text = format_table(metrics)
    lines = [line for line in text.splitlines() if '.' in line or ' ' in line.strip()]
    rows = {line.split()[0]: line.split(maxsplit=2) for line in lines[1:]}
    assert set(rows) == set(metrics)
    for name, value in metrics.items():
        shown = rows[name]
        assert len(shown) == 3, f'{name} has no protocol'
        assert float(shown[1]) == pytest.approx(value, abs=5e-5)


def test_table_tells_the_groups_apart():
    text = format_table({'F_b1': 0.5, 'F_b2': 0.5, 'F_b3': 0.5, 'loss': 1.25})
    assert 'batch of 1 clip(s) (CATR, COMBO)' in text
    assert 'batch of 2 clip(s) (AVSegFormer, MoDAT)' in text
    assert 'batch of 3 clip(s)\n' in text
    assert any(line.split() == ['loss', '1.2500'] for line in text.splitlines())
