"""What a run says on the console, in which order, and what is left to its log file."""

import json
import logging

import pytest

from avsbench.engine import loaders
from avsbench.engine.console import ConsoleFilter, quiet_console, release_warnings

NOISE = ('Exp name', 'Saving checkpoint', 'FileClient', 'HardDiskBackend', 'GPU number', 'SyncBN')


@pytest.fixture
def said(build_toy, tmp_path, capsys):
    """Console and log file of a training whose construction warns of something."""
    runner = build_toy(log_level='INFO')
    runner.logger.warning('something about the data')
    runner.train()
    return capsys.readouterr().out, next(tmp_path.glob('run/*/*.log')).read_text()


def test_a_training_says_what_it_is_and_no_more(said) -> None:
    console, log = said
    assert not [noise for noise in (*NOISE, 'Hooks will be', 'default_hooks =') if noise in console]
    assert 'Exp name' in log and 'parameters in millions' in log and 'IoU' in log
    screen = console[console.index('training ToyHead') : console.index('something about the data')]
    for fact in (
        'data, train  8 clips',
        'data, val    6 clips',
        'weights      random; no file pretrained/toy.pth',
        'length       3 epochs, each of 4 steps of 2 clips',
        'M of them trained',
        'precision    float32',
        'device       CPU; threads ',
        'config.py, env.json and log in ',
    ):
        assert fact in screen, screen
    assert console.count('something about the data') == 1 and 'Epoch(train)' not in screen
    assert console.count('validation: mIoU ') == 3 and 'protocol' not in console


def test_a_test_prints_its_table_once(build_toy, tmp_path, capsys) -> None:
    build_toy().train()
    capsys.readouterr()
    path = tmp_path / 'run/best_mIoU.pth'
    build_toy('test', load_from=str(path), log_level='INFO').test()
    console = capsys.readouterr().out
    assert 'testing ToyHead' in console and 'best_mIoU.pth, epoch ' in console
    table = console[console.index('results in ') :]
    assert table.count('mIoU') == 1 and 'Epoch(test)' not in table
    result = json.loads((tmp_path / 'test/results/test.json').read_text())
    assert result['epoch'] in (1, 2, 3) and result['iteration'] == 4 * result['epoch']


def test_warnings_before_an_error_are_shown() -> None:
    """Those of a construction that fails, or of a process that ends, may tell why."""
    shown = []

    class Console(logging.StreamHandler):
        def emit(self, record: logging.LogRecord) -> None:
            shown.append(record.getMessage())

    logger = logging.Logger('run')
    logger.addHandler(Console())
    quiet_console(logger)
    assert isinstance(logger.handlers[0].filters[0], ConsoleFilter)
    logger.warning('first')
    logger.info('loaded')
    assert shown == ['loaded']
    release_warnings()
    logger.warning('second')
    assert shown == ['loaded', 'first', 'second']


@pytest.mark.parametrize(('wanted', 'processes', 'expected'), [(8, 1, 3), (2, 1, 2), (8, 2, 1)])
def test_no_more_workers_than_cores(wanted, processes, expected, monkeypatch) -> None:
    monkeypatch.setattr(loaders, 'usable_cores', lambda: 3)
    monkeypatch.setenv('LOCAL_WORLD_SIZE', str(processes))
    assert loaders.with_fitting_workers({'num_workers': wanted})['num_workers'] == expected
    assert loaders.with_fitting_workers({'batch_size': 4}) == {'batch_size': 4, 'num_workers': 0}
