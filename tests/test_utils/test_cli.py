"""How commands show errors and parse overrides."""

import argparse
import errno
import json
import signal
import sys
import time

import pytest
import torch
from torch.utils.data import DataLoader

from avsbench.utils.cli import OverrideAction, message_of, run_command
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.words import Word


def _exit(error: BaseException | None, code: int | None = None) -> int:
    def main():
        if error is not None:
            raise error
        return code

    with pytest.raises(SystemExit) as caught:
        run_command(main)
    return caught.value.code


def test_exit_codes(capsys):
    assert _exit(None) == 0
    assert _exit(None, 3) == 3
    assert _exit(ConfigError('a.py: no such file')) == 2
    assert capsys.readouterr().err == 'error: a.py: no such file\n'
    assert _exit(KeyboardInterrupt()) == 130


def test_a_package_that_a_part_asks_for(capsys):
    assert _exit(ImportError('Please run "pip install wandb" to install wandb')) == 2
    assert 'a package is missing' in capsys.readouterr().err
    with pytest.raises(ImportError):  # a mistake of the toolbox
        run_command(lambda: (_ for _ in ()).throw(ImportError('cannot import name x')))


def test_bugs_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 // 0)


def test_traceback_on_demand(monkeypatch):
    monkeypatch.setenv('AVSBENCH_DEBUG', '1')
    with pytest.raises(ConfigError):
        run_command(lambda: (_ for _ in ()).throw(ConfigError('x')))


class _Broken:
    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        raise DataError(f'clip_{index}.png: truncated\n  copy it again')


@pytest.mark.parametrize(
    'error',
    [
        torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB.\nMore lines'),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_too_little_memory_names_settings(error, capsys):
    assert _exit(error) == 2
    shown = capsys.readouterr().err
    assert shown.startswith('error: out of memory: ') and 'More lines' not in shown
    assert 'train_dataloader.batch_size' in shown and 'with_cp' in shown


@pytest.mark.parametrize(
    ('words', 'place'),
    [
        (['clips', '--out', ''], 'argument 3 (after --out)'),
        (['--out=', 'clips'], 'argument 1 (--out=)'),
        ([''], 'argument 1 (after the command)'),
    ],
)
def test_empty_arguments_are_refused(words, place, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['command', *words])
    assert _exit(None) == 2
    message = f'error: {place} is empty; is a variable of the shell not set?\n'
    assert capsys.readouterr().err == message
    monkeypatch.setattr('sys.argv', ['command', '--out', 'a', '--cfg-options', 'load_from='])
    assert _exit(None) == 0


def test_error_of_a_worker():
    with pytest.raises(DataError) as caught:
        list(DataLoader(_Broken(), num_workers=1))
    assert 'Traceback' in str(caught.value)
    assert message_of(caught.value) == 'clip_0.png: truncated\n  copy it again'


def test_launcher_gets_the_message(monkeypatch, tmp_path, capsys):
    record = tmp_path / 'error.json'
    monkeypatch.setenv('AVSBENCH_ERROR_RECORD', str(record))
    monkeypatch.setattr('os._exit', sys.exit)
    # Not really: it would close the log files of every runner that this process has built.
    closed = []
    monkeypatch.setattr('logging.shutdown', lambda: closed.append(True))
    assert _exit(ConfigError('alone')) == 2
    assert capsys.readouterr().err == 'error: alone\n' and not record.exists()
    assert not closed
    monkeypatch.setenv('AVSBENCH_LAUNCHER', '1')
    assert _exit(ConfigError('with others')) == 2
    assert json.loads(record.read_text())['message'] == 'with others'
    assert _exit(ValueError('a bug')) == 1
    content = json.loads(record.read_text())
    assert content['message'] == 'ValueError: a bug' and 'Traceback' in content['traceback']
    assert capsys.readouterr().err == '' and len(closed) == 2


@pytest.mark.parametrize('name', ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGHUP'])
def test_signals_end_a_command(name, capsys):
    number = signal.Signals[name]
    with pytest.raises(SystemExit) as caught:
        run_command(lambda: signal.raise_signal(number) or time.sleep(10))
    assert caught.value.code == 128 + number
    assert capsys.readouterr().err == f'interrupted by {name}\n'


def test_files_that_can_not_be_written(tmp_path, capsys):
    (tmp_path / 'file').write_text('')
    for path, reason in (
        (tmp_path / 'file' / 'a.txt', 'Not a directory'),
        (tmp_path / ('x' * 300), 'File name too long'),
        (tmp_path, 'Is a directory'),
    ):
        with pytest.raises(SystemExit) as caught:
            run_command(lambda path=path: open(path, 'w'))
        assert caught.value.code == 2
        assert capsys.readouterr().err == f'error: {path}: {reason}\n'
    assert _exit(OSError(errno.ENOSPC, 'No space left on device')) == 2
    with pytest.raises(OSError):  # not about a file: a bug
        run_command(lambda: (_ for _ in ()).throw(OSError(errno.EBADF, 'Bad file descriptor')))


class TestOverrides:
    def _parse(self, *words: str) -> dict:
        parser = argparse.ArgumentParser()
        parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={})
        return parser.parse_args(['--cfg-options', *words]).cfg_options

    def test_values_stay_words_until_the_config_is_known(self):
        given = self._parse('a.b=1', 'c= x, "y"', 'f=x=y')
        assert given == {'a.b': '1', 'c': ' x, "y"', 'f': 'x=y'}
        assert all(type(value) is Word for value in given.values())

    @pytest.mark.parametrize('word', ['train_cfg.max_epochs', '=3'])
    def test_no_key_and_value(self, word):
        with pytest.raises(ConfigError, match='expected key=value'):
            self._parse(word)
