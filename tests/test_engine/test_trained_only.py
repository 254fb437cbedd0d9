"""Checkpoints of the trained part: small, whole again when loaded, never with another file."""

from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModule
from torch import nn
from toy import ToyNet, equal

from avsbench.checkpoint.loading import load_weights
from avsbench.checkpoint.pretrained import PretrainedPart
from avsbench.checkpoint.publish import publish
from avsbench.checkpoint.reading import read_weights
from avsbench.registry import MODELS
from avsbench.utils.errors import CheckpointError


class FrozenStem(PretrainedPart, BaseModule):
    """A frozen layer and a normalisation, both from a file."""

    def __init__(self, width: int, weights: str) -> None:
        super().__init__()
        self.weights, self.require_weights = weights, True
        self.linear = nn.Linear(4, width).requires_grad_(False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.linear(x)).relu()

    def init_weights(self) -> None:
        self.load_pretrained(self, 'stem')


class StemNet(ToyNet):
    """The toy network with that part."""

    def __init__(self, decode_head: dict, weights: str, width: int = 8) -> None:
        super().__init__(decode_head, width)
        self.backbone = FrozenStem(width, weights)


@pytest.fixture
def options(tmp_path: Path):
    MODELS.register_module(module=StemNet)
    torch.manual_seed(3)
    file = tmp_path / 'stem.pth'
    stem = FrozenStem(8, 'none')
    stem.norm.running_mean += 1
    torch.save(stem.state_dict(), file)
    yield {
        'model.type': 'StemNet',
        'model.weights': str(file),
        'default_hooks.checkpoint.trained_only': True,
    }
    MODELS.module_dict.pop('StemNet')


def state(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)['state_dict']


LEFT_OUT = {'backbone.linear.weight', 'backbone.linear.bias'}  # the statistics have changed


class TestTrainedOnly:
    def test_it_holds_what_has_changed(self, build_toy, options, tmp_path) -> None:
        runner = build_toy('run', options)
        runner.train()
        path = tmp_path / 'run' / 'epoch_3.pth'
        whole = runner.model.state_dict()
        assert whole.keys() - state(path).keys() == LEFT_OUT
        fresh = build_toy('fresh', options).model  # with random weights
        load_weights(fresh, path)
        assert equal(fresh.state_dict(), whole)
        published = publish(path, tmp_path / 'out')
        load_weights(fresh, published)
        assert equal(fresh.state_dict(), whole)

    def test_a_training_goes_on_from_it(self, build_toy, options, tmp_path) -> None:
        build_toy('whole', options).train()
        first = build_toy('parts', options)
        first.register_hook(dict(type='StopHook'))
        with pytest.raises(RuntimeError, match='stopped'):
            first.train()
        build_toy('parts', options, resume=True).train()
        ends = [tmp_path / name / 'epoch_3.pth' for name in ('whole', 'parts')]
        assert equal(*map(state, ends)) and 'backbone.linear.weight' not in state(ends[1])

    def test_another_file_is_refused(self, build_toy, options, tmp_path) -> None:
        build_toy('run', options).train()
        path, file = tmp_path / 'run' / 'epoch_3.pth', Path(options['model.weights'])
        model = build_toy('fresh', options).model
        other = torch.load(file, weights_only=True)
        other['linear.bias'] += 1
        torch.save(other, file)
        with pytest.raises(CheckpointError, match='stem.pth: is not the file that the frozen'):
            load_weights(model, path)
        file.unlink()
        with pytest.raises(CheckpointError, match='file of the rest is missing: .*stem.pth'):
            load_weights(model, path)
        with pytest.raises(CheckpointError, match='trained part of a network only'):
            read_weights(path)

    def test_the_file_may_lie_beside_it(self, build_toy, options, tmp_path) -> None:
        build_toy('run', options).train()
        model = build_toy('fresh', options).model
        Path(options['model.weights']).rename(tmp_path / 'run' / 'stem.pth')
        load_weights(model, tmp_path / 'run' / 'epoch_3.pth')

    def test_the_rest_of_a_checkpoint_that_the_training_started_from(
        self, build_toy, options, tmp_path
    ) -> None:
        whole = options | {'default_hooks.checkpoint.trained_only': False}
        build_toy('first', whole).train()
        start = tmp_path / 'first' / 'epoch_3.pth'
        saved = torch.load(start, weights_only=True)
        saved['state_dict']['backbone.linear.bias'] += 1  # no longer that of the backbone's file
        torch.save(saved, start)
        few = options | {'train_cfg.max_epochs': 1}
        build_toy('second', few, load_from=str(start)).train()
        path = tmp_path / 'second' / 'epoch_1.pth'
        assert not LEFT_OUT & state(path).keys()
        model = build_toy('fresh', options).model
        load_weights(model, path)
        assert equal(model.backbone.linear.bias.data, saved['state_dict']['backbone.linear.bias'])
        start.unlink()
        with pytest.raises(CheckpointError, match='is missing: .*epoch_3.pth'):
            load_weights(model, path)

    def test_what_a_phase_has_trained_is_saved(self, build_toy, options, tmp_path) -> None:
        phases = [dict(until=1, trained=['backbone.norm']), dict(trained=['decode_head'])]
        hooks = [dict(type='PhaseHook', phases=phases)]
        runner = build_toy('run', options, whole=dict(custom_hooks=hooks))
        runner.train()
        found = state(tmp_path / 'run' / 'epoch_3.pth')
        assert torch.equal(found['backbone.norm.weight'], runner.model.backbone.norm.weight)
        assert not LEFT_OUT & found.keys()
