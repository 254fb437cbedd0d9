"""Interrupted and uninterrupted trainings end with the same bits."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import equal

from avsbench.engine.checkpoint_files import newest_checkpoint, save_atomically
from avsbench.engine.work_dir import training_in
from avsbench.utils.errors import CheckpointError


class _KillError(Exception):
    """Stands for a kill."""


def _stop_after(runner, epochs: int) -> None:
    """Let the training of a runner end after some epochs, as a kill would."""
    loop = runner.build_train_loop(runner._train_loop)
    runner._train_loop = loop
    run_epoch = loop.run_epoch

    def limited():
        if loop.epoch == epochs:
            raise _KillError
        run_epoch()

    loop.run_epoch = limited


OPTIONS = [
    pytest.param({}, id='plain'),
    pytest.param({'train_dataloader.num_workers': 2}, id='workers'),
    pytest.param(
        {'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True},
        id='persistent workers',
    ),
    pytest.param({'optim_wrapper.accumulative_counts': 2}, id='accumulation'),
    pytest.param({'optim_wrapper.type': 'BFloat16OptimWrapper'}, id='amp'),
]


@pytest.mark.parametrize('options', OPTIONS)
def test_resumed_equals_uninterrupted(build_toy, tmp_path, options):
    whole = build_toy('whole', options)
    whole.train()

    first = build_toy('parts', options)
    _stop_after(first, 1)
    with pytest.raises(_KillError):
        first.train()
    # What happens in between must not matter.
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    second = build_toy('parts', options, resume=True)
    second.train()

    ends = [
        torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True)
        for name in ('whole', 'parts')
    ]
    for key in ('state_dict', 'optimizer', 'param_schedulers', 'rng_states'):
        assert equal(ends[0][key], ends[1][key]), key
    losses = [end['message_hub']['log_scalars']['train/loss']['history'] for end in ends]
    assert torch.equal(*losses) and len(losses[0]) == 12


@pytest.mark.parametrize('named', [True, False])
def test_a_training_with_a_group_per_parameter_goes_on(build_toy, tmp_path, monkeypatch, named):
    """Older trainings have such groups, and the first of them no names of their parameters."""
    cosine = [dict(type='CosineAnnealingLR', T_max=12, by_epoch=False)]
    build_toy('whole', whole=dict(param_scheduler=cosine)).train()

    with monkeypatch.context() as patch:
        patch.setattr('avsbench.engine.runner.merge_groups', lambda optimizer: None)
        first = build_toy('parts', whole=dict(param_scheduler=cosine))
        _stop_after(first, 1)
        with pytest.raises(_KillError):
            first.train()
    path = tmp_path / 'parts' / 'epoch_1.pth'
    saved = torch.load(path, weights_only=True)
    assert len(saved['optimizer']['param_groups']) == 8
    if not named:
        del saved['meta']['optimized']
        torch.save(saved, path)
    second = build_toy('parts', whole=dict(param_scheduler=cosine), resume=True)
    second.train()
    assert len(second.optim_wrapper.param_groups) == 3  # backbone, the others, mmengine's own
    ends = [
        torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True)
        for name in ('whole', 'parts')
    ]
    for key in ('state_dict', 'optimizer', 'rng_states'):
        assert equal(ends[0][key], ends[1][key]), key


def test_dropout_and_noise_are_active(build_toy):
    """Guard of the test above: without random numbers it would prove nothing."""
    first, second = build_toy('a'), build_toy('b', randomness=dict(seed=1))
    states = [{k: v.clone() for k, v in r.model.state_dict().items()} for r in (first, second)]
    second.model.load_state_dict(states[0])
    first.train()
    second.train()
    assert not torch.equal(
        first.model.decode_head.layers[1].weight, second.model.decode_head.layers[1].weight
    )


def test_validation_leaves_generators_alone(build_toy):
    """A training ends the same whether it is validated after each epoch or at the end."""
    states = []
    for name, interval in (('each', 1), ('last', 3)):
        runner = build_toy(name, {'train_cfg.val_interval': interval})
        runner.train()
        states.append(runner.model.state_dict())
    assert equal(*(dict(state) for state in states))


def test_seed_of_the_checkpoint_is_kept(build_toy, tmp_path):
    """A run without a fixed seed goes on with the one that was drawn for it."""
    build_toy('whole').train()
    first = build_toy('parts')
    _stop_after(first, 1)
    with pytest.raises(_KillError):
        first.train()
    second = build_toy('parts', randomness=dict(seed=None), resume=True)
    second.train()
    assert second.seed == 0
    ends = [
        torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True)
        for name in ('whole', 'parts')
    ]
    assert equal(ends[0]['state_dict'], ends[1]['state_dict'])


def test_random_numbers_of_samples(build_toy):
    """New in every epoch, but the same whatever the number of workers."""
    options = [
        {},
        {'train_dataloader.num_workers': 1},
        {'train_dataloader.num_workers': 2, 'train_dataloader.persistent_workers': True},
    ]
    runs = [_drawn(build_toy(str(n), o)) for n, o in enumerate(options)]
    assert len(runs[0]) == 12
    values = torch.stack([value for batch in runs[0] for value in batch])
    assert len(values.unique(dim=0)) == 24  # 8 clips, 3 times each
    assert equal(runs[0], runs[1]) and equal(runs[0], runs[2])
    other_seed = _drawn(build_toy('seed', randomness=dict(seed=5)))
    assert not equal(runs[0], other_seed)


def test_training_by_iterations(build_toy):
    """Clips that come again draw new numbers, and the workers of a resumed run new ones too."""
    options = {
        'train_dataloader.num_workers': 1,
        'train_dataloader.sampler.type': 'InfiniteSampler',
        'default_hooks.checkpoint.by_epoch': False,
        'default_hooks.checkpoint.interval': 4,
        'log_processor.by_epoch': False,
    }
    loop = dict(by_epoch=False, max_iters=8, val_interval=4)

    def build(**keys):
        return build_toy('run', options, whole=dict(train_cfg=loop), **keys)

    seen = _drawn(build())
    loop['max_iters'] = 12
    resumed = build(resume=True, allow_changes=['train_cfg.max_iters'])
    seen += _drawn(resumed)
    assert resumed.iter == 12 and len(seen) == 12
    values = torch.stack([value for batch in seen for value in batch])
    assert len(values.unique(dim=0)) == 24


ITERATIONS = {
    'train_dataloader.sampler.type': 'SeededInfiniteSampler',
    'default_hooks.checkpoint.by_epoch': False,
    'default_hooks.checkpoint.interval': 3,
    'log_processor.by_epoch': False,
    'optim_wrapper.clip_grad': dict(max_norm=0.01, norm_type=2),
}


@pytest.mark.parametrize('workers', [0, 2])
def test_training_by_iterations_resumes_exactly(build_toy, tmp_path, workers):
    """Interrupted in the middle of a round through the clips, between two validations."""
    options = ITERATIONS | {'train_dataloader.num_workers': workers}
    loop = dict(by_epoch=False, max_iters=11, val_interval=4)

    def build(name, **keys):
        return build_toy(name, options, whole=dict(train_cfg=loop), **keys)

    build('whole').train()
    first = build('parts')
    train_loop = first._train_loop = first.build_train_loop(first._train_loop)
    run_iter = train_loop.run_iter

    def limited(batch):
        if train_loop.iter == 7:  # the newest checkpoint is of iteration 6
            raise _KillError
        run_iter(batch)

    train_loop.run_iter = limited
    with pytest.raises(_KillError):
        first.train()
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)
    second = build('parts', resume=True)
    second.train()
    assert second.iter == 11

    ends = [
        torch.load(tmp_path / name / 'iter_11.pth', weights_only=True)
        for name in ('whole', 'parts')
    ]
    for key in ('state_dict', 'optimizer', 'param_schedulers', 'rng_states'):
        assert equal(ends[0][key], ends[1][key]), key
    losses = [end['message_hub']['log_scalars']['train/loss']['history'] for end in ends]
    assert torch.equal(*losses) and len(losses[0]) == 11


def test_random_numbers_of_samples_by_iterations(build_toy):
    """New each time round, and the same whatever the number of workers."""
    loop = dict(by_epoch=False, max_iters=8, val_interval=8)
    runs = [
        _drawn(
            build_toy(
                str(workers),
                ITERATIONS | {'train_dataloader.num_workers': workers},
                whole=dict(train_cfg=loop),
            )
        )
        for workers in (0, 1)
    ]
    assert equal(*runs)
    values = torch.stack([value for batch in runs[0] for value in batch])
    assert len(values.unique(dim=0)) == 16  # 8 clips, twice each


def test_validations_and_best_checkpoint_by_iterations(build_toy, tmp_path):
    runner = build_toy(
        'run', ITERATIONS, whole=dict(train_cfg=dict(by_epoch=False, max_iters=9, val_interval=4))
    )
    seen = []
    scores = iter([0.1, 0.5, 0.2])

    def score(results):
        seen.append(runner.iter)
        return dict(mIoU=next(scores))

    runner.val_evaluator.metrics[0].compute_metrics = score
    runner.train()
    assert seen == [4, 8, 9]  # every fourth, and the end
    report = json.loads((tmp_path / 'run' / 'results' / 'val.json').read_text())
    assert [entry['iteration'] for entry in report] == seen
    names = {path.name for path in (tmp_path / 'run').glob('*.pth')}
    assert names == {'iter_9.pth', 'best_mIoU_iter_8.pth', 'best_mIoU.pth'}


def _drawn(runner) -> list[list[torch.Tensor]]:
    """Train; the random numbers that each step's samples were made with."""
    seen: list[list[torch.Tensor]] = []
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    run_iter = loop.run_iter

    def spy(*arguments):
        seen.append([sample.drawn for sample in arguments[-1]['data_samples']])
        run_iter(*arguments)

    loop.run_iter = spy
    runner.train()
    return seen


def test_resume_from_a_moved_directory(build_toy, tmp_path):
    first = build_toy('before')
    _stop_after(first, 2)
    first.val_evaluator.metrics[0].compute_metrics = lambda results: dict(mIoU=0.1)
    with pytest.raises(_KillError):
        first.train()
    shutil.move(tmp_path / 'before', tmp_path / 'after')
    runner = build_toy('after', resume=True)
    runner.train()
    assert runner.epoch == 3
    assert not (tmp_path / 'before').exists()
    # The best checkpoint of the first part is known under its new path, and replaced there.
    best = [p.name for p in (tmp_path / 'after').glob('best_mIoU_epoch_*.pth')]
    assert best == ['best_mIoU_epoch_3.pth']
    assert (tmp_path / 'after' / 'best_mIoU.pth').resolve().name == best[0]


def test_nothing_to_do_and_nothing_there(build_toy, tmp_path):
    messages: list[str] = []

    def listen(runner):
        runner.logger.info = lambda text, **_: messages.append(text)
        return runner

    runner = listen(build_toy('run', resume=True))
    runner.train()
    assert any('starting fresh' in text for text in messages)
    before = (tmp_path / 'run' / 'epoch_3.pth').stat().st_mtime_ns
    messages.clear()
    listen(build_toy('run', resume=True)).train()
    assert any('nothing to do' in text for text in messages)
    assert (tmp_path / 'run' / 'epoch_3.pth').stat().st_mtime_ns == before


def test_weights_alone_can_not_be_resumed(build_toy, tmp_path):
    build_toy('run').train()
    runner = build_toy('run', resume=True, load_from=str(tmp_path / 'run' / 'best_mIoU.pth'))
    with pytest.raises(CheckpointError, match='holds weights but no message_hub|optimizer'):
        runner.train()


def test_text_in_meta_is_not_executed(build_toy, tmp_path):
    """mmengine's runner would parse meta['config'] as a Python file."""
    build_toy('run').train()
    path, marker = tmp_path / 'run' / 'epoch_3.pth', tmp_path / 'marker'
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['meta']['config'] = f'open({str(marker)!r}, "w").close()'
    checkpoint['meta'].update(epoch=2, iter=8)
    torch.save(checkpoint, path)
    build_toy('run', resume=True).train()
    assert not marker.exists()


class TestKill:
    """A kill at any byte of a save costs at most the checkpoint that was being written."""

    def test_at_twenty_places(self, tmp_path, monkeypatch):
        def checkpoint(epoch):
            meta = dict(epoch=epoch, iter=epoch, saved_at=float(epoch))
            return dict(meta=meta, optimizer={}, state_dict={'w': torch.ones(1000)})

        save_atomically(checkpoint(1), tmp_path / 'epoch_1.pth')
        size = (tmp_path / 'epoch_1.pth').stat().st_size
        original = torch.save
        for position in range(0, size, size // 19):

            def killed(content, file, position=position):
                original(content, file)
                file.truncate(position)
                raise KeyboardInterrupt

            monkeypatch.setattr(torch, 'save', killed)
            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(Path, 'unlink', lambda *_, **__: None)  # a kill cleans up nothing
                save_atomically(checkpoint(2), tmp_path / 'epoch_2.pth')
            found, remarks = newest_checkpoint(tmp_path)
            assert found == tmp_path / 'epoch_1.pth'
            assert all('epoch_2.pth.' in remark for remark in remarks) and remarks
        monkeypatch.setattr(torch, 'save', original)
        save_atomically(checkpoint(2), tmp_path / 'epoch_2.pth')
        assert newest_checkpoint(tmp_path)[0] == tmp_path / 'epoch_2.pth'
        remarks = []
        with training_in(tmp_path, may_replace=False, may_extend=True, remarks=remarks):
            pass
        assert len(remarks) == 20 and 'left over from a save that was cut off' in remarks[0]
        assert newest_checkpoint(tmp_path) == (tmp_path / 'epoch_2.pth', [])

    def test_old_checkpoint_outlives_a_failing_save(self, build_toy, tmp_path, monkeypatch):
        runner = build_toy('run')
        import avsbench.engine.saving_runner as module

        def failing(checkpoint, path):
            if Path(path).name == 'epoch_2.pth':
                raise CheckpointError('disk full')
            save_atomically(checkpoint, path)

        monkeypatch.setattr(module, 'save_atomically', failing)
        with pytest.raises(CheckpointError, match='disk full'):
            runner.train()
        assert newest_checkpoint(tmp_path / 'run')[0] == tmp_path / 'run' / 'epoch_1.pth'
        monkeypatch.undo()
        resumed = build_toy('run', resume=True)
        resumed.train()
        kept = sorted(p.name for p in (tmp_path / 'run').glob('epoch_*.pth'))
        assert resumed.epoch == 3 and kept == ['epoch_3.pth']

    def test_truncated_file_is_passed_over(self, build_toy, tmp_path):
        build_toy('run', {'default_hooks.checkpoint.max_keep_ckpts': 3}).train()
        newest = tmp_path / 'run' / 'epoch_3.pth'
        newest.write_bytes(newest.read_bytes()[:-100])
        found, remarks = newest_checkpoint(tmp_path / 'run')
        assert found.name == 'epoch_2.pth' and 'truncated' in remarks[0]

    def test_only_damaged_files_stop_a_resume(self, tmp_path):
        (tmp_path / 'epoch_1.pth').write_bytes(b'PK\x03\x04')
        with pytest.raises(CheckpointError, match='move these away'):
            newest_checkpoint(tmp_path)
