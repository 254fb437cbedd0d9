import math

import pandas as pd
import pytest

from avsbench.analysis.curves import Curves, compare_curves, curves_of
from avsbench.analysis.run_logs import RunLog
from avsbench.utils.errors import DataError


def run_log(by_epoch=True):
    train = pd.DataFrame(
        {'loss': [4.0, 2.0, 1.0, 0.5], 'lr': 0.1, 'epoch': [1, 1, 2, 2]}, index=[10, 20, 30, 40]
    )
    val = pd.DataFrame({'mIoU': [0.3, 0.4], 'time': 1.0}, index=[1, 2] if by_epoch else [20, 40])
    return RunLog('run', train if by_epoch else train.drop(columns='epoch'), val, by_epoch)


def test_curves_by_epoch_and_by_validation():
    curves = curves_of(run_log())
    assert curves.unit == 'epoch'
    assert curves.curves == {'loss': {1: 3.0, 2: 0.75}, 'mIoU': {1: 0.3, 2: 0.4}}
    curves = curves_of(run_log(by_epoch=False))
    assert curves.unit == 'iteration'
    assert curves.curves == {'loss': {20: 3.0, 40: 0.75}, 'mIoU': {20: 0.3, 40: 0.4}}


def test_curves_as_json():
    curves = curves_of(run_log())
    assert Curves.from_json(curves.to_json(), 'x') == curves
    for broken in (
        [],
        {'unit': 'epoch'},
        {'unit': 'epoch', 'curves': {'loss': {'at': [1], 'values': []}}},
        {'unit': 'epoch', 'curves': {'loss': {'at': [1], 'values': ['a']}}},
    ):
        with pytest.raises(DataError, match='x: no curves'):
            Curves.from_json(broken, 'x')


class TestComparison:
    first = Curves('epoch', {'loss': {1: 10.0, 2: 5.0, 3: 2.0}, 'mIoU': {3: 0.5}})

    def compare(self, loss=None, metric=None, tolerance=0.02):
        curves = {
            'loss': {**self.first.curves['loss'], **(loss or {})},
            'mIoU': metric or {3: 0.5},
        }
        return compare_curves(self.first, Curves('epoch', curves), ('loss', 'mIoU'), tolerance)

    def test_equal(self):
        assert all(found.same and found.largest == 0 for found in self.compare(tolerance=0))

    def test_the_loss_as_a_share_the_metric_as_it_is(self):
        loss, metric = self.compare({1: 10.15}, {3: 0.515})
        assert loss.same and loss.largest == pytest.approx(0.015) and loss.largest_at == 1
        assert metric.same and metric.largest == pytest.approx(0.015)
        loss, metric = self.compare({2: 5.15, 3: 3.0}, {3: 0.53})
        assert not loss.same and loss.left_at == 2 and loss.largest_at == 3
        assert not metric.same and metric.left_at == 3

    def test_missing_and_undefined_points(self):
        assert self.compare(metric={2: 0.5})[1].missing == 1
        assert not self.compare(metric={2: 0.5})[1].same
        assert not self.compare({2: math.nan})[0].same

    def test_nothing_to_compare(self):
        with pytest.raises(DataError, match='no curve F to compare; there are loss, mIoU'):
            compare_curves(self.first, self.first, ('F',), 0.1)
        with pytest.raises(DataError, match='one training counts epochs, the other iterations'):
            compare_curves(self.first, Curves('iteration', {}), ('loss',), 0.1)
