import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from avsbench.evaluation import AVSMetric
from avsbench.evaluation.result_files import place_tables, result_entry, write_result
from avsbench.layouts.avss_classes import CLASSES
from avsbench.structures import AVSDataSample

FRAMES, SIZE = 4, (20, 20)


def sample_of(index, gt, *, valid=None, category='dog', **fields):
    """A clip; `valid` says which frames exist and are annotated."""
    valid = torch.ones(FRAMES, dtype=torch.bool) if valid is None else valid
    paths = [f'{frame}.png' for frame in range(int(valid.sum()))]
    meta = dict(clip_id=f'{category}/c{index}', sample_idx=index, frame_paths=paths)
    sample = AVSDataSample(metainfo=meta)
    sample.gt_masks, sample.gt_valid, sample.frame_valid = gt, valid, valid.clone()
    for name, value in fields.items():
        setattr(sample, name, value)
    return sample


def write(folder, metric, samples, subset):
    """What test.sh leaves."""
    names = place_tables(metric, folder / 'results')
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process(None, [sample.to_dict() for sample in samples])
    metrics = metric.evaluate(len(samples))
    entry = result_entry(metrics, metric.protocol_facts, subset=subset, data=dict(split='test'))
    write_result(folder / 'results', 'test', '20260101_000000', entry | names)
    return metrics


def write_semantic(folder):
    """A result with objects of three sizes in six classes, one of which is taken for another class
    half the time; every second clip is padded. Gives metrics, labels and predictions.
    """
    generator = torch.Generator().manual_seed(0)
    samples, labels, predictions = [], [], []
    for index in range(12):
        gt = torch.zeros(FRAMES, *SIZE, dtype=torch.int64)
        gt[:, :2, : 2 + 6 * (index % 3)] = 1 + index % 6
        gt[: index % 2, 10:, :10] = 9  # two sources
        pred = gt.clone()
        pred[:, 0, 0] = 0
        pred[(gt == 3) & (torch.rand(gt.shape, generator=generator) < 0.5)] = 12
        valid = torch.arange(FRAMES) < FRAMES - index % 2
        gt[~valid], pred[~valid] = 0, 0
        samples.append(sample_of(index, gt, valid=valid, pred_masks=pred))
        labels.append(gt[valid])
        predictions.append(pred[valid])
    metric = AVSMetric('semantic', 71, class_table=str(folder / 'results' / 'classes.csv'))
    metrics = write(folder, metric, samples, 'avss')
    return metrics, torch.cat(labels).numpy(), torch.cat(predictions).numpy()


@pytest.fixture
def semantic(tmp_path):
    return tmp_path / 'semantic', *write_semantic(tmp_path / 'semantic')


def test_classes(tool, semantic):
    folder, metrics, labels, predictions = semantic
    finished = tool('analyze_results', folder)
    assert finished.code == 0, finished.err
    out = folder / 'results' / 'breakdown'

    matrix = pd.read_csv(folder / 'results' / 'confusion.csv', index_col=0)
    assert list(matrix.columns) == list(matrix.index) == list(CLASSES)
    pairs = zip(labels.ravel(), predictions.ravel(), strict=True)
    expected = np.zeros((71, 71), np.int64)
    for label, prediction in pairs:
        expected[label, prediction] += 1
    assert (matrix.to_numpy() == expected).all()
    hits = np.diag(expected)
    union = expected.sum(0) + expected.sum(1) - hits
    assert (hits[union > 0] / union[union > 0]).mean() == pytest.approx(metrics['mIoU_dataset'])

    classes = pd.read_csv(out / 'classes.csv').set_index('name')
    assert classes.IoU_set.mean() == pytest.approx(metrics['mIoU_dataset'], abs=1e-6)
    assert classes.loc[CLASSES[3], 'recall'] == pytest.approx(
        expected[3, 3] / expected[3].sum(), abs=1e-6
    )
    assert classes.loc[CLASSES[12], 'precision'] == 0
    assert classes.loc[CLASSES[12], ['frames_labelled', 'frames_predicted']].tolist() == [0, 8]
    of_metric = pd.read_csv(folder / 'results' / 'classes.csv').dropna(subset='class')
    objects = of_metric['class'] > 0  # padded frames count for the metric's background
    for ours, theirs in (('J', 'IoU'), ('F', 'F')):
        np.testing.assert_allclose(classes[ours][1:], of_metric[theirs][objects], atol=2e-6)

    confused = pd.read_csv(out / 'confused.csv')
    first = confused.iloc[0]
    assert (first.labelled, first.predicted) == (CLASSES[3], CLASSES[12])
    assert first.pixels == expected[3, 12] and first.share == pytest.approx(
        expected[3, 12] / expected[3].sum(), abs=1e-6
    )
    assert (confused.labelled != confused.predicted).all()


def test_areas_and_sources_of_classes(tool, semantic):
    folder, _, labels, _ = semantic
    assert tool('analyze_results', folder).code == 0
    areas = pd.read_csv(folder / 'results' / 'breakdown' / 'areas.csv').set_index('group')
    shares = [(frame == k).mean() for frame in labels for k in np.unique(frame) if k > 0]
    counted = np.histogram(shares, [0, 0.02, 0.1, 0.3, 1])[0]
    names = ['below 2 %', '2 to 10 %', '10 to 30 %', 'above 30 %']
    assert areas.objects.to_dict() == {n: c for n, c in zip(names, counted, strict=True) if c}
    assert areas.objects.sum() == len(shares)
    sources = pd.read_csv(folder / 'results' / 'breakdown' / 'sources.csv').set_index('group')
    assert sources.frames.sum() == len(labels) and sources.loc[2, 'frames'] == 6
    table = pd.read_csv(folder / 'results' / 'scores.csv')
    two = table[(table.padded == 0) & (table.sources == 2)]
    assert sources.loc[2, 'J'] == pytest.approx(two.IoU.mean(), abs=1e-6)


def test_binary(tool, tmp_path):
    samples = []
    for index, category in enumerate(('dog', 'dog', 'bus')):
        gt = torch.zeros(FRAMES, *SIZE)
        gt[:, :4, : 4 * (1 + index)] = 1
        gt[0] = 0
        logits = torch.where(gt > 0, 5.0, -5.0)
        logits[:, 0, 0] = -5
        logits[0, 3, 3] = 5
        samples.append(sample_of(index, gt, category=category, seg_logits=logits[:, None]))
    write(tmp_path, AVSMetric('binary'), samples, 's4')
    assert tool('analyze_results', tmp_path).code == 0
    out = tmp_path / 'results' / 'breakdown'
    assert {path.name for path in out.iterdir()} == {
        *('areas.csv', 'sources.csv', 'classes.csv', 'breakdown.png')
    }
    classes = pd.read_csv(out / 'classes.csv').set_index('group')
    assert classes.frames.to_dict() == {'bus': 4, 'dog': 8}
    assert classes.loc['bus', 'J'] == pytest.approx((3 * 47 / 48 + 399 / 400) / 4, abs=1e-6)
    assert classes.loc['bus', 'IoU_set'] == pytest.approx(3 * 47 / (3 * 48 + 1), abs=1e-6)
    areas = pd.read_csv(out / 'areas.csv').set_index('group')
    assert areas.frames.to_dict() == {'no target': 3, '2 to 10 %': 6, '10 to 30 %': 3}
    assert np.isnan(areas.loc['no target', 'F'])
    sources = pd.read_csv(out / 'sources.csv')
    assert sources.group.tolist() == [0, 1]


def test_pictures(tool, semantic):
    folder = semantic[0]
    assert tool('analyze_results', folder, '--out', folder / 'parts').code == 0
    for name in ('breakdown.png', 'confusion.png'):
        with Image.open(folder / 'parts' / name) as image:
            assert image.width > 400 and len(np.unique(np.asarray(image.convert('L')))) > 50
    finished = tool('analyze_results', folder, '--out', folder / 'parts')
    assert finished.code == 2 and '--overwrite' in finished.err
    assert tool('analyze_results', folder, '--out', folder / 'parts', '--overwrite').code == 0


def test_no_confusion_or_that_of_another_test(tool, semantic):
    folder = semantic[0]
    matrix = folder / 'results' / 'confusion.csv'
    text = matrix.read_text()
    table = pd.read_csv(matrix, index_col=0)
    table.iloc[0, 0] += 1
    table.to_csv(matrix)
    finished = tool('analyze_results', folder)
    assert finished.code == 2 and 'they are of different tests' in finished.err
    matrix.write_text(text.replace('accordion', 'piano', 1))
    finished = tool('analyze_results', folder)
    assert finished.code == 2 and 'expected 71 classes in rows and columns' in finished.err
    matrix.unlink()
    finished = tool('analyze_results', folder)
    assert finished.code == 2 and 'a result without confusion matrix' in finished.err
    assert 'test.sh' in finished.err
