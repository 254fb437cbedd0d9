"""Too little memory: the error names the batch and what needs less."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from avsbench.engine.memory import MemoryLackError, batch_named

LACK = torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.\nMore lines')


def runner_of(**cfg: object) -> SimpleNamespace:
    model = nn.Module()
    model.data_preprocessor = nn.Identity()
    return SimpleNamespace(cfg=ConfigDict(cfg), model=model)


def fail(runner: SimpleNamespace, loader: str, error: Exception, clips: int = 0) -> str:
    """The message of an error in a step with so many clips of 5 frames."""
    frames = [torch.zeros(5, 3, 32, 48) for _ in range(clips)]
    with pytest.raises(MemoryLackError) as caught, batch_named(runner, loader):
        if clips:
            runner.model.data_preprocessor({'inputs': {'frames': frames}})
        raise error
    return str(caught.value)


def test_training_names_batch_size_and_a_smaller_setting() -> None:
    runner = runner_of(train_dataloader={'batch_size': 4}, optim_wrapper={'type': 'OptimWrapper'})
    text = fail(runner, 'train_dataloader', LACK, clips=4)
    assert text.startswith('out of memory: CUDA out of memory. Tried to allocate 2.00 GiB.\n')
    assert 'The batch has 4 clips, 20 frames of 32 x 48 pixels' in text
    assert 'train_dataloader.batch_size=2 optim_wrapper.accumulative_counts=2, which keeps' in text
    assert '--amp' in text and 'More lines' not in text


def test_accumulation_goes_on_and_odd_batches_are_told() -> None:
    wrapper = {'accumulative_counts': 3}
    runner = runner_of(train_dataloader={'batch_size': 5}, optim_wrapper=wrapper)
    text = fail(runner, 'train_dataloader', MemoryError(), clips=1)
    assert 'The batch has 1 clip, 5 frames' in text
    assert 'batch_size=2 optim_wrapper.accumulative_counts=9, which keeps about' in text


@pytest.mark.parametrize('loader', ['val_dataloader', 'test_dataloader'])
def test_tests_name_their_own_loader(loader: str) -> None:
    runner = runner_of(**{loader: {'batch_size': 3}})
    assert f'Set {loader}.batch_size=1, or' in fail(runner, loader, LACK)
    runner = runner_of(**{loader: {'batch_size': 1}})
    assert f'{loader}.batch_size is 1 already' in fail(runner, loader, LACK)


def test_validation_in_a_training_names_its_loader() -> None:
    runner = runner_of(train_dataloader={'batch_size': 4}, val_dataloader={'batch_size': 2})
    runner.model.eval()
    assert 'Set val_dataloader.batch_size=1' in fail(runner, 'train_dataloader', LACK, clips=2)


def test_other_errors_stay_what_they_are() -> None:
    runner = runner_of()
    with pytest.raises(RuntimeError, match='another'), batch_named(runner, 'test_dataloader'):
        raise RuntimeError('another')
    assert not runner.model.data_preprocessor._forward_pre_hooks


def test_a_training_says_it(build_toy, monkeypatch) -> None:
    runner = build_toy()

    def fails(*_: object) -> None:
        raise LACK

    monkeypatch.setattr(type(runner.model.decode_head), 'forward', fails)
    with pytest.raises(MemoryLackError, match='train_dataloader.batch_size=1 optim_wrapper'):
        runner.train()
    with pytest.raises(MemoryLackError, match='test_dataloader.batch_size is 1 already'):
        runner.test()
