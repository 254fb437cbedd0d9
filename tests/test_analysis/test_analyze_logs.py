import json

import numpy as np
import pytest
from PIL import Image

from avsbench.analysis.run_logs import read_run
from avsbench.commands.curves import summary
from avsbench.utils.errors import DataError
from avsbench.visualization.curves import COLOURS, curve_names, draw_curves


def records(first, last, per_epoch=4, loss=1.0, metric=0.5):
    """What mmengine writes from iteration `first` to `last`, with one validation per epoch."""
    lines = []
    for step in range(first, last + 1):
        epoch = (step - 1) // per_epoch + 1
        lines.append(dict(lr=0.1 / step, loss=loss / step, loss_mask_0=0.1, time=0.1))
        lines[-1] |= dict(epoch=epoch, iter=step, step=step)
        if step % per_epoch == 0:
            lines.append(dict(mIoU=metric + epoch / 100, F_b2=0.1, clips=8, time=0.1, step=epoch))
    return lines


def write(folder, lines, end='\n'):
    path = folder / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, lines)) + end)
    return path


@pytest.fixture
def work_dir(tmp_path):
    """Twelve iterations, resumed after eight, of which the first run had done ten."""
    folder = tmp_path / 'pvt2'
    write(folder / '20260101_000000', records(1, 10, loss=1.0))
    write(folder / '20260102_000000', records(9, 12, loss=100.0))
    write(folder / '20260103_000000', [dict(mIoU=0.9, step=0)])  # a test
    return folder


def test_resumed_training_is_one_run(work_dir):
    run = read_run(work_dir)
    assert run.name == 'pvt2' and run.by_epoch
    assert list(run.train.index) == list(range(1, 13))
    assert run.train.loss[8] == 1 / 8 and run.train.loss[9] == 100 / 9
    assert list(run.val.index) == [1, 2, 3]
    assert run.val.mIoU[3] == pytest.approx(0.53)


def test_training_done_again_replaces_the_first(tmp_path):
    write(tmp_path / '1', records(1, 12, metric=0.1))
    write(tmp_path / '2', records(1, 4, metric=0.7))
    run = read_run(tmp_path)
    assert list(run.train.index) == [1, 2, 3, 4]
    assert list(run.val.mIoU) == [pytest.approx(0.71)]


def test_trainings_by_iteration(tmp_path):
    train = [dict(loss=1.0, iter=i, step=i) for i in (10, 20)]
    write(tmp_path / '1', [*train, dict(mIoU=0.5, step=20)])
    run = read_run(tmp_path)
    assert not run.by_epoch and list(run.val.index) == [20]
    write(tmp_path / '2', records(1, 4))
    with pytest.raises(DataError, match='some of its trainings count epochs'):
        read_run(tmp_path)
    assert read_run(tmp_path / '2').by_epoch
    assert read_run(tmp_path / '2' / 'vis_data' / 'scalars.json').by_epoch


def test_unfinished_last_line_is_left_out(tmp_path):
    write(tmp_path / '1', records(1, 3), end='\n{"loss": 0.')
    assert list(read_run(tmp_path).train.index) == [1, 2, 3]


@pytest.mark.parametrize(
    'content, message',
    [
        ('{"loss":\n{"step": 1}', 'line 1: not json'),
        ('[1]\n{"step": 1}', "line 1: expected an object with the key 'step'"),
        ('{"iter": 1.5, "step": 1}', "'iter' is not a whole number"),
        ('{"mIoU": 1, "step": 1}', 'has no record of a training'),
    ],
)
def test_malformed_files(tmp_path, content, message):
    path = tmp_path / 'scalars.json'
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read_run(path)


def test_missing_files(tmp_path):
    with pytest.raises(DataError, match=r'no such work dir or scalars.json'):
        read_run(tmp_path / 'x')
    with pytest.raises(DataError, match=r'no \*/vis_data/scalars.json in it'):
        read_run(tmp_path)


def test_names(work_dir):
    runs = [read_run(work_dir)]
    assert curve_names(runs) == ['loss', 'mIoU', 'lr']
    assert curve_names(runs, ['F_*', 'loss*']) == ['F_b2', 'loss', 'loss_mask_0']
    with pytest.raises(DataError, match="no run has 'mIou'; did you mean 'mIoU'"):
        curve_names(runs, ['mIou'])


def test_curves_have_the_numbers(work_dir, tmp_path):
    write(tmp_path / 'b' / '1', records(1, 4, loss=3.0))
    runs = [read_run(work_dir), read_run(tmp_path / 'b')]
    figure = draw_curves(runs, ['loss', 'mIoU', 'lr'], window=2)
    loss, metric, rate = figure.axes
    titles = ['loss (training)', 'mIoU (validation)', 'lr (training)']
    assert [ax.get_title() for ax in figure.axes] == titles
    pale, smooth, _, other = (line for line in loss.lines if len(line.get_xdata()))
    assert list(pale.get_ydata()) == list(runs[0].train.loss) and pale.get_alpha() < 0.5
    assert smooth.get_ydata()[1] == pytest.approx((1 + 1 / 2) / 2)
    assert [smooth.get_color(), other.get_color()] == list(COLOURS[:2])
    assert list(metric.lines[0].get_xdata()) == [1, 2, 3]
    assert metric.get_xlabel() == loss.get_xlabel() == 'epoch'
    assert list(smooth.get_xdata()) == [step / 4 for step in range(1, 13)]
    assert loss.get_xlim() == metric.get_xlim() == rate.get_xlim()
    assert list(rate.lines[0].get_ydata()) == list(runs[0].train.lr)
    assert [text.get_text() for text in figure.legends[0].texts] == ['pvt2', 'b']


def with_validation_loss(first, last, name='val_loss'):
    """Records whose validation loss is smallest after the second epoch."""
    lines = records(first, last)
    for line in lines:
        if 'mIoU' in line:
            line[name] = abs(line['step'] - 2) + 0.5
    return lines


@pytest.mark.parametrize('name', ['val_loss', 'val/loss', 'loss'])
def test_validation_loss_is_in_the_panel_of_the_training(tmp_path, name):
    write(tmp_path / 'a' / '1', with_validation_loss(1, 12, name))
    write(tmp_path / 'b' / '1', records(1, 12, loss=3.0))
    runs = [read_run(tmp_path / 'a'), read_run(tmp_path / 'b')]
    assert curve_names(runs) == ['loss', 'mIoU', 'lr']
    assert curve_names(runs, ['*loss']) == ['loss']
    loss, *_ = draw_curves(runs, ['loss', 'mIoU']).axes
    assert loss.get_title() == 'loss (training and validation)'
    train, val, star, other = (line for line in loss.lines if len(line.get_xdata()))
    assert list(val.get_xdata()) == [1, 2, 3] and list(val.get_ydata()) == [1.5, 0.5, 1.5]
    assert [line.get_linestyle() for line in (train, val, other)] == ['-', '--', '-']
    assert train.get_color() == val.get_color() == COLOURS[0] != other.get_color()
    assert list(star.get_xdata()) == [2]
    assert [text.get_text() for text in loss.get_legend().texts] == ['training', 'validation']
    assert '  loss in validations last 1.5, best 0.5 (epoch 2)' in summary(runs[0], ['loss'])


def test_records_stand_at_their_epoch(tmp_path):
    some = [line for line in records(1, 9) if line.get('iter', 2) % 2 == 0 or line['step'] == 9]
    write(tmp_path / '1', some)  # logged every two iterations; the third epoch was not finished
    assert list(read_run(tmp_path).epochs()) == [0.5, 1, 1.5, 2, 2.5]


def test_runs_that_count_different_things_are_not_aligned(tmp_path):
    write(tmp_path / 'a' / '1', records(1, 8))
    train = [dict(loss=1.0, iter=i, step=i) for i in (10, 20)]
    write(tmp_path / 'b' / '1', [*train, dict(mIoU=0.5, step=20)])
    runs = [read_run(tmp_path / 'a'), read_run(tmp_path / 'b')]
    loss, metric = draw_curves(runs, ['loss', 'mIoU']).axes
    assert loss.get_xlabel() == 'iteration' and metric.get_xlabel() == 'epoch or iteration'
    first, second = (line for line in loss.lines if len(line.get_xdata()))
    assert list(first.get_xdata())[-1] == 8 and list(second.get_xdata()) == [10, 20]


def test_the_best_epoch_is_marked_and_epochs_are_whole(tmp_path):
    write(tmp_path / 'a' / '1', records(1, 4))  # one validation
    (metric,) = draw_curves([read_run(tmp_path / 'a')], ['mIoU']).axes
    star = next(line for line in metric.lines if line.get_marker() == '*')
    assert list(star.get_xdata()) == [1] and list(star.get_ydata()) == [0.51]
    low, high = metric.get_xlim()
    ticks = [tick for tick in metric.get_xticks() if low <= tick <= high]
    assert ticks == [round(tick) for tick in ticks] and 1 in ticks
    smaller = records(1, 8)
    for record in smaller:
        if 'mIoU' in record:
            record['MAE'] = record.pop('mIoU')
    write(tmp_path / 'b' / '1', smaller)
    (error,) = draw_curves([read_run(tmp_path / 'b')], ['MAE']).axes
    star = next(line for line in error.lines if line.get_marker() == '*')
    assert list(star.get_xdata()) == [1]
    lines = summary(read_run(tmp_path / 'b'), ['MAE'])
    assert lines[1].split() == 'MAE last 0.52, best 0.51 (epoch 1)'.split()


def test_command(tool, work_dir, tmp_path):
    out = tmp_path / 'new' / 'curves.png'
    done = tool('analyze_logs', work_dir, '--out', out)
    assert done.code == 0, done.err
    assert 'pvt2: 12 iterations, 3 validations' in done.out
    assert 'last 0.53, best 0.53 (epoch 3)' in done.out
    image = np.asarray(Image.open(out).convert('RGB'))
    blue = [int(COLOURS[0][i : i + 2], 16) for i in (1, 3, 5)]
    assert (image == blue).all(-1).sum() > 100
    done = tool('analyze_logs', work_dir, '--out', out)
    assert done.code == 2 and 'exists; choose another name, or pass --overwrite' in done.err
    done = tool('analyze_logs', work_dir, '--out', out, '--overwrite', '--names', 'mine')
    assert done.code == 0 and 'mine: 12' in done.out
    assert tool('analyze_logs', work_dir, '--names', 'a', 'b').code == 2
    assert tool('analyze_logs', work_dir, '--out', 'a.jpg').code == 2
