"""A training that a signal or an error ends goes on as if nothing had happened."""

import signal
from pathlib import Path

import pytest
import torch
from toy import At, equal

from avsbench.engine.checkpoint_files import newest_checkpoint
from avsbench.engine.hooks import TrainingDivergedError
from avsbench.engine.work_dir import INTERRUPTED
from avsbench.processes.signals import Interrupted, SignalWatch
from avsbench.utils.errors import CheckpointError, DataError

COMPARED = ('state_dict', 'optimizer', 'param_schedulers', 'rng_states')
MIXED = {
    'train_dataloader.num_workers': 2,
    'optim_wrapper.accumulative_counts': 3,  # epochs of 4 steps end between two steps of Adam
    'optim_wrapper.type': 'BFloat16OptimWrapper',
}
BY_ITERATION = {
    'train_dataloader.sampler.type': 'SeededInfiniteSampler',
    'default_hooks.checkpoint.by_epoch': False,
    'default_hooks.checkpoint.interval': 5,
    'log_processor.by_epoch': False,
}
LOOP = dict(by_epoch=False, max_iters=11, val_interval=4)


def send(name: str = 'SIGTERM'):
    return lambda: signal.raise_signal(signal.Signals[name])


def fail() -> None:
    raise ValueError('a bug in a hook')


def last(folder: Path) -> dict:
    path, _ = newest_checkpoint(folder)
    return torch.load(path, weights_only=True)


def assert_same_end(one: Path, other: Path) -> None:
    ends = [last(folder) for folder in (one, other)]
    for key in COMPARED:
        assert equal(ends[0][key], ends[1][key]), key
    losses = [end['message_hub']['log_scalars']['train/loss']['history'] for end in ends]
    assert torch.equal(*losses)
    assert ends[0]['meta']['iter'] == ends[1]['meta']['iter']


class TestSignals:
    @pytest.mark.parametrize('name', ['SIGTERM', 'SIGINT', 'SIGUSR1'])
    def test_saves_at_the_next_step_boundary(self, build_toy, tmp_path, name, capfd):
        runner = build_toy()
        runner.register_hook(At('before_train_iter', 6, send(name)))
        with pytest.raises(Interrupted, match=f'interrupted by {name}: .*--resume') as caught:
            runner.train()
        assert caught.value.exit_code == 128 + signal.Signals[name]
        assert f'{name}: saving a checkpoint after this step' in capfd.readouterr().err
        path, _ = newest_checkpoint(tmp_path / 'run')
        assert path.name == INTERRUPTED
        meta = torch.load(path, weights_only=True)['meta']
        assert (meta['epoch'], meta['iter']) == (1, 6)
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    @pytest.mark.parametrize(
        ('options', 'step'),
        [
            pytest.param({}, 6, id='mid-epoch'),
            pytest.param({}, 8, id='last step of an epoch'),
            pytest.param(MIXED, 6, id='workers, accumulation and AMP'),
            pytest.param(MIXED, 5, id='between two steps of the optimizer'),
        ],
    )
    def test_resumed_equals_uninterrupted(self, build_toy, tmp_path, options, step):
        build_toy('whole', options).train()
        runner = build_toy('parts', options)
        runner.register_hook(At('before_train_iter', step, send()))
        with pytest.raises(Interrupted):
            runner.train()
        torch.manual_seed(99)
        build_toy('parts', options, resume=True).train()
        assert_same_end(tmp_path / 'whole', tmp_path / 'parts')
        assert not (tmp_path / 'parts' / INTERRUPTED).exists()

    @pytest.mark.parametrize('step', [6, 8])  # 8: a validation is due, which is not lost
    def test_by_iteration(self, build_toy, tmp_path, step):
        build_toy('whole', BY_ITERATION, whole=dict(train_cfg=LOOP)).train()
        runner = build_toy('parts', BY_ITERATION, whole=dict(train_cfg=LOOP))
        runner.register_hook(At('before_train_iter', step, send()))
        with pytest.raises(Interrupted):
            runner.train()
        meta = last(tmp_path / 'parts')['meta']
        assert meta['iter'] == step and meta['validation_pending'] == (step == 8)
        resumed = build_toy('parts', BY_ITERATION, whole=dict(train_cfg=LOOP), resume=True)
        validated: list[int] = []
        resumed.register_hook(At('before_val', 1, lambda: validated.append(resumed.iter)))
        resumed.train()
        assert validated == [8]
        assert_same_end(tmp_path / 'whole', tmp_path / 'parts')

    def test_epoch_checkpoint_between_two_steps_of_the_optimizer(self, build_toy, tmp_path):
        """The gradients that wait for the next step are not lost in a kill either."""
        build_toy('whole', MIXED).train()
        runner = build_toy('parts', MIXED)
        runner.register_hook(At('before_train_epoch', 2, lambda: (_ for _ in ()).throw(SystemExit)))
        with pytest.raises(SystemExit):
            runner.train()
        assert last(tmp_path / 'parts')['gradients'][0]
        build_toy('parts', MIXED, resume=True).train()
        assert_same_end(tmp_path / 'whole', tmp_path / 'parts')

    def test_in_a_validation(self, build_toy, tmp_path):
        """It is done again from its beginning, and the training is the same."""
        build_toy('whole').train()
        runner = build_toy('parts')
        runner.register_hook(At('before_val_iter', 8, send()))  # the second of the second epoch
        with pytest.raises(Interrupted):
            runner.train()
        meta = last(tmp_path / 'parts')['meta']
        assert (meta['epoch'], meta['iter'], meta['validation_pending']) == (2, 8, True)
        resumed = build_toy('parts', resume=True)
        resumed.train()
        assert len(resumed.message_hub.get_scalar('val/mIoU').data[0]) == 3
        assert_same_end(tmp_path / 'whole', tmp_path / 'parts')

    def test_in_the_last_validation(self, build_toy, tmp_path):
        runner = build_toy()
        runner.register_hook(At('before_val', 3, send()))
        with pytest.raises(Interrupted):
            runner.train()
        resumed = build_toy(resume=True)
        messages: list[str] = []
        resumed.logger.info = lambda text, **_: messages.append(text)
        resumed.train()
        assert any('only a validation is left' in text for text in messages)
        assert len(resumed.message_hub.get_scalar('val/mIoU').data[0]) == 3

    def test_second_ctrl_c_ends_at_once(self, monkeypatch):
        monkeypatch.setattr('avsbench.processes.signals.IMPATIENCE', 0.0)
        watch = SignalWatch()
        with watch.watching():
            signal.raise_signal(signal.SIGINT)
            assert watch.agreed() == signal.SIGINT
            with pytest.raises(Interrupted, match='nothing was saved since'):
                signal.raise_signal(signal.SIGINT)

    def test_ignored_signals_stay_ignored(self):
        """As SIGHUP under nohup."""
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with SignalWatch().watching():
                assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        finally:
            signal.signal(signal.SIGHUP, before)


class TestErrors:
    """The state is saved under a name that `--resume` finds; the error is shown as it is."""

    @pytest.mark.parametrize(
        ('method', 'count', 'priority'),
        [
            ('before_train_iter', 6, 'NORMAL'),
            ('after_train_iter', 6, 'NORMAL'),  # before the schedule has stepped
            ('after_train_iter', 6, 'LOWEST'),  # and after
            ('after_train_epoch', 1, 'NORMAL'),
            ('after_train_epoch', 1, 'LOWEST'),
            ('after_val_epoch', 1, 'NORMAL'),
        ],
    )
    @pytest.mark.parametrize('by_epoch', [True, False])
    def test_hook(self, build_toy, tmp_path, method, count, priority, by_epoch):
        schedule = dict(type='PolyLR', eta_min=0.0, by_epoch=by_epoch)
        build_toy('whole', whole=dict(param_scheduler=[schedule])).train()
        runner = build_toy('parts', whole=dict(param_scheduler=[schedule]))
        runner.register_hook(At(method, count, fail, priority))
        with pytest.raises(ValueError, match='a bug in a hook'):
            runner.train()
        assert newest_checkpoint(tmp_path / 'parts')[0].name == INTERRUPTED
        resumed = build_toy('parts', whole=dict(param_scheduler=[schedule]), resume=True)
        resumed.train()
        assert_same_end(tmp_path / 'whole', tmp_path / 'parts')
        repeated = method == 'after_val_epoch'  # it fails when the numbers have been logged
        assert len(resumed.message_hub.get_scalar('val/mIoU').data[0]) == 3 + repeated

    def test_metric(self, build_toy, tmp_path):
        build_toy('whole').train()
        runner = build_toy('parts')
        runner.val_evaluator.metrics[0].compute_metrics = lambda results: 1 / 0
        with pytest.raises(ZeroDivisionError):
            runner.train()
        build_toy('parts', resume=True).train()
        assert_same_end(tmp_path / 'whole', tmp_path / 'parts')

    def test_broken_sample(self, build_toy, tmp_path):
        runner = build_toy(options={'train_dataloader.dataset.broken': 3})
        with pytest.raises(DataError, match='clip_3.png: truncated'):
            runner.train()
        saved = tmp_path / 'run' / INTERRUPTED
        # Nothing is saved by a training that took no step.
        assert saved.exists() == (runner.iter > 0)

    @pytest.mark.parametrize('error', [TrainingDivergedError('nan'), CheckpointError('full')])
    def test_not_where_the_state_is_to_blame(self, build_toy, tmp_path, error):
        def throw() -> None:
            raise error

        runner = build_toy()
        runner.register_hook(At('after_train_iter', 6, throw))
        with pytest.raises(type(error)):
            runner.train()
        assert newest_checkpoint(tmp_path / 'run')[0].name == 'epoch_1.pth'

    def test_a_failing_rescue_hides_nothing(self, build_toy, monkeypatch):
        def full(*args):
            raise CheckpointError('the disk is full')

        runner = build_toy()
        runner.register_hook(At('after_train_iter', 2, fail))
        monkeypatch.setattr('avsbench.engine.saving_runner.save_atomically', full)
        with pytest.raises(ValueError, match='a bug in a hook'):
            runner.train()
