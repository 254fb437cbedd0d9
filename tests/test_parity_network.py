"""What the runs of all systems on their fixtures share."""

import json
import shutil
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
    """A network of one weight, whose only output is it."""

    num_roundings = 2

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def compute(self) -> Computed:
        return Computed({'w': self.model.weight.detach().clone()})


def test_weights_are_put_back_after_other_roundings() -> None:
    model = nn.Linear(3, 2)
    before = model.weight.detach().clone()
    computed = ToyRun(model).run()
    assert torch.equal(model.weight, before)
    step = float((before.abs() * torch.finfo(torch.float32).eps).max())
    assert 0 < computed.noise['output', 'w'] <= 4 * step


def test_a_system_says_everything_that_is_read_of_it() -> None:
    known = SYSTEMS.get('catr')
    with pytest.raises(
        TypeError, match='Half: a System must set paper, frame_context, adapters, pa'
    ):
        type('Half', (System,), {'title': 'Half'})
    with pytest.raises(TypeError, match="frame_context='all', expected one of .*'unordered'"):
        type('Odd', (known,), {'frame_context': 'all'})
