"""Whole-set scores, J&F and the table of frames, against loops over pixels sums written anew."""

import json

import numpy as np
import pandas as pd
import pytest
from metric_samples import binary_samples, semantic_samples
from mmengine.evaluator import Evaluator

from avsbench.evaluation import AVSMetric
from avsbench.evaluation.result_files import result_entry, write_result

CLASSES = 6
THRESHOLDS = [np.float32(i / 254) for i in range(254)] + [np.float32(1)]


def f_of(hits, predicted, target):
    if not hits:
        return 0.0
    precision, recall = hits / predicted, hits / target
    return 1.3 * precision * recall / (0.3 * precision + recall)


def evaluated(samples, tmp_path=None, **settings):
    metric = AVSMetric(**settings)
    if tmp_path is not None:
        metric.scores_file = str(tmp_path / 'scores.csv')
    evaluator = Evaluator(metric)
    evaluator.process(samples)
    return evaluator.evaluate(len(samples)), metric


def test_binary_whole_set_by_a_loop():
    samples = binary_samples(6)
    hits, predicted, target = np.zeros(255), np.zeros(255), 0
    mask_areas, mask_scores = np.zeros(3), []
    for sample in samples:
        for prob, truth in zip(
            sample.seg_logits[:, 0].sigmoid().numpy(), sample.gt_masks.numpy() > 0, strict=True
        ):
            target += truth.sum()
            for i, threshold in enumerate(THRESHOLDS):
                hits[i] += ((prob >= threshold) & truth).sum()
                predicted[i] += (prob >= threshold).sum()
            areas = ((prob > 0.5) & truth).sum(), (prob > 0.5).sum(), truth.sum()
            mask_areas += areas
            if truth.any():
                mask_scores.append(f_of(*areas))
    curve = [f_of(*values, target) for values in zip(hits, predicted, strict=True)]
    metrics, _ = evaluated(samples, task='binary')
    iou = mask_areas[0] / (mask_areas[1] + mask_areas[2] - mask_areas[0])
    assert metrics['F_dataset'] == pytest.approx(max(curve), abs=1e-9)
    assert metrics['threshold_F_dataset'] == THRESHOLDS[int(np.argmax(curve))]
    assert metrics['F_mask'] == pytest.approx(np.mean(mask_scores), abs=1e-9)
    assert metrics['F_mask_dataset'] == pytest.approx(f_of(*mask_areas), abs=1e-9)
    assert metrics['IoU_dataset'] == pytest.approx(iou, abs=1e-9)
    assert metrics['JF_dataset'] == pytest.approx((iou + max(curve)) / 2, abs=1e-9)
    for name in ('b1', 'b2', 'b4', 'all', 'mask'):
        expected = (metrics['mIoU'] + metrics[f'F_{name}']) / 2
        assert metrics[f'JF_{name}'] == pytest.approx(expected, abs=1e-12)


def test_semantic_whole_set_by_a_loop():
    samples = semantic_samples(5, classes=CLASSES)
    hits, predicted, target = (np.zeros(CLASSES) for _ in range(3))
    sums, counts = np.zeros((2, CLASSES)), np.zeros(CLASSES)
    for sample in samples:
        pairs = zip(sample.pred_masks.numpy(), sample.gt_masks.numpy(), strict=True)
        for (pred, truth), exists in zip(pairs, sample.frame_valid.tolist(), strict=True):
            for k in range(CLASSES) if exists else ():
                areas = ((pred == k) & (truth == k)).sum(), (pred == k).sum(), (truth == k).sum()
                union = areas[1] + areas[2] - areas[0]
                hits[k], predicted[k], target[k] = (
                    total[k] + area
                    for total, area in zip((hits, predicted, target), areas, strict=True)
                )
                if union:
                    counts[k] += 1
                    sums[:, k] += areas[0] / union, f_of(*areas)
    absent = 2  # classes that the set is said to have, and that never occur
    metrics, _ = evaluated(samples, task='semantic', num_classes=CLASSES + absent)
    iou = hits / (predicted + target - hits)
    f = np.array([f_of(*areas) for areas in zip(hits, predicted, target, strict=True)])
    for name, values, per_frame in (('mIoU', iou, sums[0]), ('F', f, sums[1])):
        means = per_frame / counts
        assert metrics[f'{name}_dataset'] == pytest.approx(values.mean(), abs=1e-9)
        assert metrics[f'{name}_dataset_no_bg'] == pytest.approx(values[1:].mean(), abs=1e-9)
        whole = values.sum() / (CLASSES + absent)
        assert metrics[f'{name}_dataset_all'] == pytest.approx(whole, abs=1e-9)
        real = means.sum() / (CLASSES + absent)
        assert metrics[f'{name}_real'] == pytest.approx(real, abs=1e-6)
        assert metrics[f'{name}_present_no_bg'] == pytest.approx(means[1:].mean(), abs=1e-6)
    assert metrics['mIoU'] > metrics['mIoU_real']  # padded frames are right
    assert metrics['JF'] == (metrics['mIoU'] + metrics['F']) / 2
    assert metrics['JF_dataset'] == pytest.approx((iou.mean() + f.mean()) / 2, abs=1e-9)


def test_table_of_binary_frames(tmp_path):
    metrics, metric = evaluated(binary_samples(6), tmp_path, task='binary')
    table = pd.read_csv(tmp_path / 'scores.csv')
    assert len(table) == 30 and table.frame[:3].tolist() == [0, 1, 2]
    union = table.target + table.predicted - table.intersection
    empty = table.target == 0
    expected = np.where(empty, 1 - table.predicted / (12 * 14), table.intersection / union)
    assert table.IoU.to_numpy() == pytest.approx(expected, abs=1e-6)
    assert table.IoU.mean() == pytest.approx(metrics['mIoU'], abs=1e-9)
    assert table.F.mean() == pytest.approx(metrics['F_all'], abs=1e-7)
    assert (table.F.isna() == empty).all() and ((table.sources == 0) == empty).all()
    assert metric.protocol_facts['sizes'] == ['14x12']


def test_table_of_semantic_frames(tmp_path):
    samples = semantic_samples(5, classes=CLASSES)
    metrics, _ = evaluated(samples, tmp_path, task='semantic', num_classes=CLASSES)
    table = pd.read_csv(tmp_path / 'scores.csv')
    assert table.padded.sum() == metrics['frames_padded'] == 10
    sums, counts = np.zeros(CLASSES), np.zeros(CLASSES)
    for row in table.itertuples():
        lists = (row.classes, row.target, row.predicted, row.intersection)
        numbers = [list(map(int, str(cell).split())) for cell in lists]
        scores = []
        for k, target, predicted, hits in zip(*numbers, strict=True):
            scores.append(hits / (target + predicted - hits))
            sums[k] += scores[-1]
            counts[k] += 1
        assert row.IoU == pytest.approx(np.mean(scores), abs=1e-6)
    assert (sums / counts).mean() == pytest.approx(metrics['mIoU'], abs=1e-6)


def test_a_result_keeps_its_table_when_the_next_one_comes(tmp_path):
    for stamp, text in (('1', 'first'), ('2', 'second')):
        (tmp_path / 'scores.csv').write_text(text)
        entry = result_entry({'mIoU': 0.5, 'F_all': 0.5}, {}, scores='scores.csv')
        write_result(tmp_path, 'test', stamp, entry)
    for name, text in (('test_1', 'first'), ('test_2', 'second'), ('test', 'second')):
        entry = json.loads((tmp_path / f'{name}.json').read_text())
        assert (tmp_path / entry['scores']).read_text() == text
        assert set(entry['protocol_texts']) == {'mIoU', 'F_all'}
