"""Where a ratio of areas has no value, the metric has a defined one, and no mean is NaN."""

import math

import pytest
import torch
from metric_samples import make_sample

from avsbench.registry import METRICS

EMPTY, FULL = torch.zeros(2, 4, 6), torch.ones(2, 4, 6)
HALF = FULL * (torch.arange(6) < 3)
BINARY = dict(type='AVSMetric', task='binary')
SEMANTIC = dict(type='AVSMetric', task='semantic', num_classes=4)


def evaluate(config: dict, target: torch.Tensor, predicted: torch.Tensor) -> dict:
    metric = METRICS.build(config)
    classes = config.get('num_classes', 1)
    logits = torch.nn.functional.one_hot(predicted.long(), max(2, classes)).permute(0, 3, 1, 2)
    logits = 20.0 * logits - 10 if classes > 1 else 20.0 * logits[:, 1:] - 10
    metric.process({}, [make_sample(0, target, logits=logits, pred=predicted).to_dict()])
    found = metric.evaluate(1)
    assert all(math.isfinite(value) for value in found.values()), found
    return found


@pytest.mark.parametrize(
    ('target', 'predicted', 'miou', 'pooled', 'f'),
    [
        (EMPTY, EMPTY, 1, 1, 0),
        (EMPTY, HALF, 0.5, 0, 0),
        (EMPTY, FULL, 0, 0, 0),
        (HALF, EMPTY, 0, 0, 1.3 * 0.5 / (0.3 * 0.5 + 1)),  # the lowest threshold marks everything
        (FULL, FULL, 1, 1, 1),
    ],
)
def test_binary(target, predicted, miou, pooled, f) -> None:
    found = evaluate(BINARY, target, predicted)
    assert found['mIoU'] == pytest.approx(miou, abs=1e-6)
    assert found['IoU_dataset'] == pytest.approx(pooled)
    assert found['F_b1'] == pytest.approx(f, abs=1e-6)


def test_classes_that_never_occur_count_as_published_and_are_counted() -> None:
    """Their IoU is 0 in the published mean; the mean of those present leaves them out."""
    found = evaluate(SEMANTIC, 2 * FULL, 2 * FULL)
    assert (found['classes_present'], found['classes_absent']) == (1, 3)
    assert found['mIoU'] == pytest.approx(1 / 4) and found['mIoU_present'] == pytest.approx(1)
    assert found['mIoU_dataset'] == pytest.approx(1)
    wrong = evaluate(SEMANTIC, 2 * FULL, 3 * FULL)
    assert (wrong['mIoU'], wrong['mIoU_present'], wrong['classes_present']) == (0, 0, 2)
    alone = evaluate(SEMANTIC, EMPTY, EMPTY)  # background alone
    assert alone['mIoU_no_bg'] == 0 and alone['frames_empty'] == 2
