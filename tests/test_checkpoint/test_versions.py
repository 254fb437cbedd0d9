"""Checkpoints of other versions of the toolbox."""

from pathlib import Path

import pytest
import torch
from torch import nn

from avsbench.checkpoint import loading
from avsbench.checkpoint.loading import load_weights
from avsbench.utils.errors import CheckpointError
from avsbench.version import __version__


@pytest.fixture
def printed(monkeypatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(loading, 'print_log', lambda text, *_, **__: texts.append(text))
    return texts


def saved(folder: Path, version: str, **weights: torch.Tensor) -> Path:
    state = {'weight': torch.ones(2, 2), 'bias': torch.zeros(2)} | weights
    torch.save({'state_dict': state, 'meta': {'avsbench_version': version}}, folder / 'x.pth')
    return folder / 'x.pth'


def test_another_version_loads_with_a_note(tmp_path, printed) -> None:
    model = nn.Linear(2, 2)
    load_weights(model, saved(tmp_path, '0.0.3'))
    assert (model.weight == 1).all()
    assert printed == [f'{tmp_path / "x.pth"}: saved by avsbench 0.0.3, this is {__version__}']
    load_weights(model, saved(tmp_path, __version__))
    assert len(printed) == 1


def test_another_version_that_does_not_fit_is_named(tmp_path, printed) -> None:
    words = f'not in the model: gate.*saved by avsbench 0.0.3, this is {__version__}: try that'
    with pytest.raises(CheckpointError, match=f'(?s){words}'):
        load_weights(nn.Linear(2, 2), saved(tmp_path, '0.0.3', gate=torch.ones(1)))
    with pytest.raises(CheckpointError, match='not in the model: gate') as caught:
        load_weights(nn.Linear(2, 2), saved(tmp_path, __version__, gate=torch.ones(1)))
    assert 'avsbench' not in str(caught.value).replace(str(tmp_path), '')
