"""Workers that hang or die end a run with an error that names the sample."""

import multiprocessing
import os
import signal
import time

import pytest
from toy import ToyDataset

from avsbench.engine.loaders import TIMEOUT, watched_loaders, with_timeout
from avsbench.registry import DATASETS
from avsbench.utils.errors import DataError

FAULTS = {
    'hang': lambda: time.sleep(60),
    'kill': lambda: os.kill(os.getpid(), signal.SIGKILL),
    'exit': lambda: os._exit(3),
}


@DATASETS.register_module()
class FatalDataset(ToyDataset):
    """Clip 5 does to its worker what `fault` says."""

    def __init__(self, size: int = 8, fault: str = 'hang', noise: float = 0.0) -> None:
        super().__init__(size, noise)
        self.fault = fault

    def __getitem__(self, index: int) -> dict:
        if index == 5:
            FAULTS[self.fault]()
        return super().__getitem__(index)

    def get_data_info(self, index: int) -> dict:
        return dict(clip_id=f'clip_{index}')


@pytest.fixture
def no_workers_left():
    """End those that hang, as `leave` does at the end of a command."""
    yield
    handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PyTorch's raises
    for worker in multiprocessing.active_children():
        worker.kill()
        worker.join()
    signal.signal(signal.SIGCHLD, handler)


@pytest.mark.usefixtures('no_workers_left')
@pytest.mark.parametrize(
    ('fault', 'message'),
    [
        (
            'hang',
            r'no batch within 2 s: worker \d at sample 5 .clip clip_5., for .* s. .*timeout',
        ),
        ('kill', r'a worker (was killed .*|has died): worker \d at sample 5 .clip clip_5.'),
        ('exit', r'a worker has died: worker \d at sample 5 .clip clip_5.'),
    ],
)
@pytest.mark.parametrize(
    ('part', 'workers', 'persistent'),
    [('train', 2, False), ('train', 1, True), ('val', 1, False)],
)
def test_error_names_the_sample(build_toy, fault, message, part, workers, persistent):
    key = f'{part}_dataloader'
    options = {
        'train_cfg.max_epochs': 1,
        f'{key}.dataset.type': 'FatalDataset',
        f'{key}.dataset.fault': fault,
        f'{key}.num_workers': workers,
        f'{key}.persistent_workers': persistent,
        f'{key}.timeout': 2,
    }
    runner = build_toy('run', options)
    start = time.monotonic()
    with pytest.raises(DataError, match=f'{key}: {message}'):
        runner.train()
    assert time.monotonic() - start < 50  # of the minute that the worker hangs


def test_a_limit_unless_the_config_has_one():
    assert with_timeout({'num_workers': 2})['timeout'] == TIMEOUT
    assert with_timeout({'num_workers': 2, 'timeout': 5})['timeout'] == 5
    assert 'timeout' not in with_timeout({'num_workers': 0, 'timeout': 5})  # PyTorch refuses it


@pytest.mark.parametrize('busy', [True, False])
def test_worker_that_dies_while_a_batch_is_read(build_toy, busy):
    """The memory of a batch is asked for from its worker, which may be gone."""
    runner = build_toy('run', {'train_dataloader.num_workers': 1})
    loader = runner.build_train_loop(runner._train_loop).dataloader
    table = loader.dataset.workers
    table.begin(0, 3)  # by this process, which is no child of itself: a worker that is gone
    if not busy:
        table.end(0)  # it ended as it should, and the connection broke for another reason
    error, message = (DataError, 'has died: worker 0 at sample 3') if busy else (OSError, 'reset')
    with pytest.raises(error, match=message), watched_loaders(lambda: {'train_dataloader': loader}):
        raise ConnectionResetError('reset by peer')


def test_worker_that_dies_between_two_samples(build_toy):
    runner = build_toy('run', {'train_dataloader.num_workers': 1})
    loader = runner.build_train_loop(runner._train_loop).dataloader
    reader, writer = multiprocessing.Pipe()
    writer.close()
    message = r'died between two samples \(EOFError\(\)\).*lower train_dataloader.num_workers'
    with (
        pytest.raises(DataError, match=message),
        watched_loaders(lambda: {'train_dataloader': loader}),
    ):
        reader.recv()
