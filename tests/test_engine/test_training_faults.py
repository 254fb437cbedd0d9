"""What a training does about a full disk, gradients that are no numbers, no step, seeds."""

import resource
from collections.abc import Iterator

import pytest
import torch
from toy import At, equal

from avsbench.engine import saving_runner
from avsbench.engine.checkpoint_files import newest_checkpoint, save_atomically
from avsbench.engine.hooks import TrainingDivergedError, finite_loss_hook
from avsbench.utils.errors import CheckpointError, ConfigError


class TestFullDisk:
    """A limit on the size of files fails in the system call, as a full disk does."""

    @pytest.fixture
    def full(self, monkeypatch):
        """The second checkpoint of a training meets a disk with room for a part of it."""

        def save(checkpoint, path):
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            if checkpoint['meta']['epoch'] == 2:
                resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
            try:
                save_atomically(checkpoint, path)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        monkeypatch.setattr(saving_runner, 'save_atomically', save)

    def test_ends_with_the_older_checkpoint_whole(self, build_toy, tmp_path, full, monkeypatch):
        with pytest.raises(CheckpointError) as caught:
            build_toy('run').train()
        message = str(caught.value)
        assert 'epoch_2.pth: could not be saved (File too large); it needs about ' in message
        needed, free = (int(word) for word in message.split() if word.isdigit())
        assert 2000 < needed < 100_000 < free
        assert newest_checkpoint(tmp_path / 'run')[0].name == 'epoch_1.pth'
        assert not list((tmp_path / 'run').glob('*.tmp'))
        monkeypatch.undo()
        build_toy('whole').train()
        resumed = build_toy('run', resume=True)
        resumed.train()
        ends = [
            torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True)['state_dict']
            for name in ('whole', 'run')
        ]
        assert equal(*ends)


class TestGradients:
    """Of a loss that is finite."""

    @staticmethod
    def poison(runner, step: int, value: float) -> dict[str, torch.Tensor]:
        """Let gradients of a step be no numbers; returns the weights before it."""
        weight = runner.model.decode_head.layers[1].weight
        before: dict[str, torch.Tensor] = {}

        def hook(gradient: torch.Tensor) -> torch.Tensor:
            if runner.iter != step:
                return gradient
            state = runner.model.named_parameters()
            before.update({key: entry.detach().clone() for key, entry in state})
            return gradient * value

        weight.register_hook(hook)
        return before

    @pytest.mark.parametrize('value', [float('nan'), float('inf')])
    def test_end_the_training_before_the_weights_change(self, build_toy, tmp_path, value):
        runner = build_toy('run')
        before = self.poison(runner, 5, value)
        message = (
            'gradient of 1 parameters is not finite at epoch 2, iteration 6: loss .*samples '
            r'of the step: clip_\d, clip_\d; seed 0'
        )
        with pytest.raises(TrainingDivergedError, match=message):
            runner.train()
        assert equal(before, dict(runner.model.named_parameters()))
        assert newest_checkpoint(tmp_path / 'run')[0].name == 'epoch_1.pth'

    @pytest.mark.parametrize('value', [1.0, float('nan')])
    def test_are_read_once_where_they_are_clipped(self, build_toy, monkeypatch, value):
        looks, whole = [], finite_loss_hook._finite_norm
        monkeypatch.setattr(
            finite_loss_hook, '_finite_norm', lambda values: looks.append(1) or whole(values)
        )
        options = {'train_cfg.max_epochs': 2, 'optim_wrapper.clip_grad': dict(max_norm=1.0)}
        runner = build_toy('run', options)
        before = self.poison(runner, 5, value)
        if value == 1.0:
            runner.train()
            assert not looks
            return
        with pytest.raises(TrainingDivergedError, match='gradient of .* epoch 2, iteration 6'):
            runner.train()
        assert len(looks) == 1 and equal(before, dict(runner.model.named_parameters()))

    def test_may_be_left_out_up_to_a_limit(self, build_toy):
        options = {'default_hooks.finite_loss.max_skipped': 1}
        runner, remarks = build_toy('run', options), []
        before = self.poison(runner, 5, float('nan'))
        runner.logger.warning = remarks.append
        after: dict[str, torch.Tensor] = {}

        def note() -> None:
            state = runner.model.named_parameters()
            after.update({key: entry.detach().clone() for key, entry in state})

        runner.register_hook(At('before_train_iter', 7, note))
        runner.train()
        assert any(text.startswith('step left out (1 of at most 1)') for text in remarks)
        assert equal(before, after) and runner.iter == 12

        runner = build_toy('twice', options)
        for step in (5, 6):
            self.poison(runner, step, float('nan'))
        with pytest.raises(TrainingDivergedError, match='iteration 7'):
            runner.train()


class TestNoStep:
    """Nothing is saved, and nothing is "best"."""

    @pytest.mark.parametrize(
        ('options', 'message'),
        [
            (
                {'train_dataloader.batch_size': 100, 'train_dataloader.drop_last': True},
                'train_dataloader: 0 steps in an epoch: 8 clips in batches of 100, drop_last=True',
            ),
            (
                {'train_cfg.max_epochs': 0},
                'train_cfg.max_epochs=0: the training would take no step',
            ),
        ],
    )
    def test_is_refused(self, build_toy, tmp_path, options, message):
        with pytest.raises(ConfigError, match=message):
            build_toy('run', options).train()
        assert not list((tmp_path / 'run').rglob('*.pth'))

    def test_by_iterations(self, build_toy, tmp_path):
        loop = dict(by_epoch=False, max_iters=0)
        options = {'train_dataloader.sampler.type': 'SeededInfiniteSampler'}
        with pytest.raises(ConfigError, match='train_cfg.max_iters=0: the training would take no'):
            build_toy('run', options, whole=dict(train_cfg=loop)).train()
        assert not list((tmp_path / 'run').rglob('*.pth'))


class TestSeeds:
    @pytest.mark.parametrize('seed', [-1, 2**32, 1.5])
    def test_outside_of_the_range(self, build_toy, seed):
        with pytest.raises(ConfigError, match=f'randomness.seed={seed}, expected a whole number'):
            build_toy('run', randomness=dict(seed=seed))

    def test_largest_and_none(self, build_toy):
        assert build_toy('run', randomness=dict(seed=2**32 - 1)).seed == 2**32 - 1
        drawn = {build_toy(str(n), randomness=dict(seed=None)).seed for n in range(2)}
        assert len(drawn) == 2

    def test_same_seed_gives_the_same_bits(self, build_toy, tmp_path):
        """Whatever the number of workers."""
        ends = []
        for name, workers in (('a', 0), ('b', 0), ('c', 2)):
            build_toy(name, {'train_dataloader.num_workers': workers}).train()
            ends.append(torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True))
        for end in ends[1:]:
            assert equal(ends[0]['state_dict'], end['state_dict'])
            losses = [
                e['message_hub']['log_scalars']['train/loss']['history'] for e in (ends[0], end)
            ]
            assert torch.equal(*losses)

    @pytest.fixture
    def algorithms(self) -> Iterator[None]:
        """Any again afterwards."""
        yield
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.deterministic = False

    @pytest.mark.usefixtures('algorithms')
    def test_deterministic_refuses_what_is_not(self, build_toy):
        def scatter() -> None:
            torch.zeros(4).put_(torch.tensor([1, 1]), torch.tensor([1.0, 2.0]))

        for deterministic in (False, True):
            randomness = dict(seed=0, deterministic=deterministic)
            runner = build_toy(f'run{deterministic}', randomness=randomness)
            runner.register_hook(At('before_train_iter', 1, scatter))
            if deterministic:
                with pytest.raises(RuntimeError, match='does not have a deterministic implement'):
                    runner.train()
            else:
                runner.train()
