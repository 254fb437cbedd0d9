"""Freezing, stopping at a diverged loss, the best checkpoint, the records of a run."""

import json
import re
from types import SimpleNamespace

import pytest
import torch
from mmengine.evaluator import Evaluator

from avsbench.checkpoint.reading import sha256_of
from avsbench.config.loading import load_config
from avsbench.engine.hooks import FreezeBackboneHook, ReportHook, TrainingDivergedError
from avsbench.evaluation import AVSMetric, DAVISMetric
from avsbench.utils.errors import ConfigError


def _weights_by_epoch(runner, part: str) -> list[torch.Tensor]:
    """Train; the weights of a part before the training and after each epoch."""
    module = runner.model.get_submodule(part)
    states = [module.weight.detach().clone()]
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    run_epoch = loop.run_epoch

    def spy():
        run_epoch()
        states.append(module.weight.detach().clone())

    loop.run_epoch = spy
    runner.train()
    return states


class TestFreezeBackboneHook:
    HOOK = dict(type='FreezeBackboneHook', until_epoch=2)

    def test_weights_move_from_that_epoch_on(self, build_toy):
        runner = build_toy(custom_hooks=[self.HOOK])
        states = _weights_by_epoch(runner, 'backbone.0')
        assert torch.equal(states[0], states[1]) and torch.equal(states[0], states[2])
        assert not torch.equal(states[2], states[3])
        # The published quirk: the frozen part stays in training mode.
        assert int(runner.model.backbone[1].num_batches_tracked) == 12

    def test_other_parts_are_trained_meanwhile(self, build_toy):
        states = _weights_by_epoch(build_toy(custom_hooks=[self.HOOK]), 'decode_head.layers.1')
        assert not torch.equal(states[0], states[1])

    def test_after_a_resume(self, build_toy, tmp_path):
        constant = {'param_scheduler.0.eta_min': 0.05}
        hooks = dict(custom_hooks=[self.HOOK])
        build_toy('run', {'train_cfg.max_epochs': 1, **constant}, **hooks).train()
        first = torch.load(tmp_path / 'run' / 'epoch_1.pth', weights_only=True)['state_dict']
        allowed = ['train_cfg.max_epochs']
        runner = build_toy('run', constant, resume=True, allow_changes=allowed, **hooks)
        built, second, third = _weights_by_epoch(runner, 'backbone.0')
        assert torch.equal(second, first['backbone.0.weight'])
        assert not torch.equal(second, third)

    def test_parameters_frozen_for_good_stay_frozen(self, build_toy):
        runner = build_toy(custom_hooks=[dict(self.HOOK, until_epoch=1)])
        runner.model.backbone[0].weight.requires_grad_(False)
        states = _weights_by_epoch(runner, 'backbone.0')
        assert torch.equal(states[0], states[3])

    def test_no_such_part(self, build_toy):
        runner = build_toy(custom_hooks=[dict(self.HOOK, module='backbon')])
        with pytest.raises(ConfigError, match="'backbon'.*did you mean 'backbone'"):
            runner.train()

    def test_negative_epoch(self):
        with pytest.raises(ConfigError, match='until_epoch=-1'):
            FreezeBackboneHook(until_epoch=-1)


def test_diverged_loss_names_step_and_samples(build_toy, tmp_path):
    runner = build_toy('run', {'model.diverge_at': 5})
    with pytest.raises(TrainingDivergedError) as caught:
        runner.train()
    message = str(caught.value)
    assert 'epoch 2, iteration 6' in message and 'seed 0' in message and 'loss_mask nan' in message
    assert re.search(r'samples of the step: clip_\d, clip_\d; seed', message)
    saved = torch.load(tmp_path / 'run' / 'epoch_1.pth', weights_only=True)
    assert all(torch.isfinite(v).all() for v in saved['state_dict'].values())


class TestCheckpoints:
    def test_best_has_a_stable_name(self, build_toy, tmp_path):
        build_toy('run').train()
        best = tmp_path / 'run' / 'best_mIoU.pth'
        assert best.is_symlink()
        epoch = torch.load(best, weights_only=True)['meta']['epoch']
        scores = json.loads((tmp_path / 'run' / 'results' / 'val.json').read_text())
        values = [entry['metrics']['mIoU'] for entry in scores]
        assert values[epoch - 1] == max(values) and values.index(max(values)) == epoch - 1

    def test_metric_that_is_not_computed(self, build_toy):
        runner = build_toy('run', {'default_hooks.checkpoint.save_best': 'miou'})
        with pytest.raises(ConfigError, match="save_best='miou'.*did you mean 'mIoU'"):
            runner.train()

    def test_several_best_checkpoints(self, build_toy, tmp_path):
        best = ['mIoU', 'clips']
        runner = build_toy('run')
        hook = next(h for h in runner.hooks if type(h).__name__ == 'SafeCheckpointHook')
        hook.__init__(save_best=best, rule=['greater', 'less'])
        metric = runner.val_evaluator.metrics[0]
        compute = metric.compute_metrics
        metric.compute_metrics = lambda results: compute(results) | dict(clips=len(results))
        runner.train()
        for key in best:
            assert (tmp_path / 'run' / f'best_{key}.pth').resolve().is_file()


class TestReport:
    def test_training(self, build_toy, tmp_path, toy_config):
        build_toy('run').train()
        folder = tmp_path / 'run'
        assert load_config(folder / 'config.py').model == load_config(toy_config).model
        assert json.loads((folder / 'env.json').read_text())['torch'] == str(torch.__version__)
        entries = json.loads((folder / 'results' / 'val.json').read_text())
        assert [entry['epoch'] for entry in entries] == [1, 2, 3]
        assert entries[0]['checkpoint'] is None
        assert entries[0]['missing_pretrained'] == ['pretrained/toy.pth']

    def test_test(self, build_toy, tmp_path):
        build_toy('run').train()
        best = str(tmp_path / 'run' / 'best_mIoU.pth')
        metrics = build_toy('run', load_from=best).test()
        entry = json.loads((tmp_path / 'run' / 'results' / 'test.json').read_text())
        assert entry['metrics'] == metrics
        assert entry['checkpoint'] == best and entry['checkpoint_sha256'] == sha256_of(best)
        assert entry['data'] == {'clips': 6} and entry['subset'] == 's4'
        assert entry['num_processes'] == 1 and entry['seed'] == 0
        stamped = list((tmp_path / 'run' / 'results').glob('test_*.json'))
        assert len(stamped) == 1 and json.loads(stamped[0].read_text()) == entry


@pytest.mark.parametrize(
    'metric',
    [
        AVSMetric(task='semantic', num_classes=3, class_table='results/classes.csv'),
        DAVISMetric(result_file='davis_results.csv'),
    ],
)
def test_report_hook_places_files_of_metrics_in_the_work_dir(metric, tmp_path):
    loop = SimpleNamespace(evaluator=Evaluator(metric))
    runner = SimpleNamespace(val_loop=loop, test_loop=loop, work_dir=str(tmp_path))
    for place in (ReportHook().before_val, ReportHook().before_test):
        metric.out_dir = None
        place(runner)
        assert metric.out_dir == str(tmp_path)
