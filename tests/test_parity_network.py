"""What the runs of all systems on their fixtures share."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from avsbench.parity import Computed, Fixture, NetworkRun, write_fixture
from avsbench.parity.network import recording, targets
from avsbench.registry import SYSTEMS
from avsbench.systems import System
from avsbench.utils.errors import DataError

FOLDER = Path(__file__).parent / 'parity'


@pytest.fixture
def write(tmp_path: Path):
    """Writes a fixture of a subset with so many targets."""
    shutil.copy(FOLDER / 'seeded.py', tmp_path)

    def make(subset: str = 'ms3', masks: int = 6) -> Fixture:
        content = {
            'system': 'toy',
            'variant': f'pvt2_{subset}',
            'checkpoint': [],
            'inputs': {
                'mask': {'function': 'mask', 'args': ['toy', [masks, 4, 5]]},
                'flags': {'values': [1, 0]},
            },
            'losses': {'a': torch.tensor(2.0)},
            'grad_norms': {'w': 3, 'unused': None},
        }
        outputs = {'small': torch.arange(6.0).view(2, 3), 'large': torch.arange(70.0)}
        return write_fixture(tmp_path / 'toy.json', content, outputs, most=10)

    return make


def test_a_written_fixture_is_read_as_it_was(write, tmp_path: Path) -> None:
    fixture = write()
    assert fixture.subset == 'ms3' and fixture.input('flags').tolist() == [1, 0]
    assert fixture.content['outputs']['large'] == {'shape': [70], 'stride': 7}
    assert fixture.stored['large'].tolist() == list(range(0, 70, 7))
    assert fixture.whole('large') is None
    assert torch.equal(fixture.whole('small'), torch.arange(6.0).view(2, 3))
    content = json.loads((tmp_path / 'toy.json').read_text())
    assert content['losses'] == {'a': 2.0}
    assert content['grad_norms'] == {'w': 3.0, 'unused': None}


def test_targets_of_all_frames_or_of_the_first_ones(write) -> None:
    lengths = (2, 4)
    found = targets(write('ms3'), lengths, 'mask')
    assert found.masks.shape == (6, 4, 5) and found.annotated.all()
    assert targets(write('s4'), lengths, 'mask').annotated.tolist() == [1, 0, 1, 0, 0, 0]
    fixture = write('s4', masks=2)
    found = targets(fixture, lengths, 'mask')
    assert found.annotated.tolist() == [1, 0, 1, 0, 0, 0]
    assert torch.equal(found.masks[[0, 2]], torch.from_numpy(fixture.input('mask')).long())
    with pytest.raises(DataError, match="3 targets 'mask' for 6 frames of 2 clips"):
        targets(write('ms3', masks=3), lengths, 'mask')


def test_taps_record_every_call() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
    record: dict = {}
    with recording(model, {'in': ('1', lambda args, out: args[0])}, record):
        model(torch.ones(1, 1))
        model(torch.ones(2, 1))
    model(torch.ones(3, 1))
    assert [len(value) for value in record['in']] == [1, 2]


class ToyRun(NetworkRun):
    """A layer whose weight is its output, and whose gradients have the norms 3 and 5."""

    num_roundings = 2

    def __init__(self, model: nn.Module, fixture: Fixture) -> None:
        self.model, self.fixture, self.with_gradients = model, fixture, True
        self.our_name = {'w': 'weight', 'v': 'bias', 'unused': None}.__getitem__
        self.runs: list[set[str]] = []  # the gradients of each

    def compute(self) -> Computed:
        self.model.zero_grad()
        with torch.set_grad_enabled(self.with_gradients):
            total = 3 * self.model.weight[0, 0] + 5 * self.model.bias[0]
        norms = {}
        if self.with_gradients:
            total.backward()
            norms = self.gradient_norms()
        self.runs.append({name for name, norm in norms.items() if norm == norm})
        return Computed({'w': self.model.weight.detach().clone()}, {'a': 2.0}, grad_norms=norms)

    def settled(self, computed: Computed) -> Computed:
        noise = computed.noise.get(('output', 'w'), 0.0)
        return replace(computed, outputs=computed.outputs | {'decided by': torch.tensor(noise)})


@pytest.fixture
def toy(write) -> ToyRun:
    """A run whose fixture stores what it computes."""
    model, fixture = nn.Linear(3, 2), write()
    fixture.stored = {'w': model.weight.detach().numpy().reshape(-1).copy()}
    fixture.content['outputs'] = {'w': {'shape': [2, 3], 'stride': 1}}
    fixture.content['grad_norms'] = {'w': 3.0, 'v': 5.0, 'unused': None}
    return ToyRun(model, fixture)


def test_nothing_runs_again_where_all_meet_the_usual_tolerance(toy: ToyRun) -> None:
    computed = toy.run()
    assert all(row.passed for row in toy.fixture.compare(computed))
    assert toy.runs == [{'w', 'v'}] and not computed.noise
    assert computed.outputs['decided by'] == 0


def test_weights_are_put_back_after_other_roundings(toy: ToyRun) -> None:
    weight = toy.model.weight
    before = weight.detach().clone()
    toy.fixture.stored['w'] += 1
    computed = toy.run()
    assert torch.equal(weight, before)
    step = float((before.abs() * torch.finfo(torch.float32).eps).max())
    assert 0 < computed.noise['output', 'w'] <= 4 * step
    assert computed.outputs['decided by'] == torch.tensor(computed.noise['output', 'w'])


def test_only_gradients_beyond_their_tolerance_are_computed_again(toy: ToyRun) -> None:
    toy.fixture.stored['w'] += 1
    computed = toy.run()
    assert toy.runs == [{'w', 'v'}, set(), set()]
    assert set(computed.noise) == {('output', 'w'), ('loss', 'a')}
    assert computed.grad_norms['w'] == 3.0
    toy.model.requires_grad_()
    again = ToyRun(toy.model, toy.fixture)
    toy.fixture.content['grad_norms']['v'] = 4.0
    assert ('gradient', 'v') in again.run().noise and again.runs == [{'w', 'v'}, {'v'}, {'v'}]


def test_a_system_says_everything_that_is_read_of_it() -> None:
    known = SYSTEMS.get('catr')
    with pytest.raises(
        TypeError, match='Half: a System must set paper, frame_context, adapters, pa'
    ):
        type('Half', (System,), {'title': 'Half'})
    with pytest.raises(TypeError, match="frame_context='all', expected one of .*'unordered'"):
        type('Odd', (known,), {'frame_context': 'all'})
