"""What all commands share: how an error is shown, and how overrides are parsed."""

import argparse
import errno
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

from avsbench.processes.signals import Interrupted, handled, raise_interrupted
from avsbench.utils.errors import AVSBenchError, ConfigError
from avsbench.utils.exits import is_launched, leave, report_error
from avsbench.utils.words import Word

EXIT_BUG = 1
EXIT_ERROR = 2
DEBUG_FLAG = 'AVSBENCH_DEBUG'
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FILE_PROBLEMS = (
    *_NO_ROOM,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOENT,
    errno.EEXIST,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.EIO,
)


_CPU_MEMORY = re.compile(r"can't allocate memory|not enough memory")  # of PyTorch


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and leave the interpreter with its exit code.

    An error that the user can fix is printed as `error: ...` without a traceback and exits with
    2, and so do a file that can't be read or written and an empty argument; with AVSBENCH_DEBUG=1
    in the environment the traceback is shown as well. A signal exits with 128 + signal. Anything
    else is a bug and keeps its traceback.

    Args:
        main: Parses the command line and does the work; returns the exit code, None for 0.
    """
    debug = bool(os.environ.get(DEBUG_FLAG))
    try:
        _refuse_empty_words(sys.argv[1:])
        with handled(raise_interrupted):
            code = main() or 0
    except AVSBenchError as error:
        if debug:
            raise
        report_error(message_of(error))
        code = EXIT_ERROR
    except KeyboardInterrupt as error:
        interrupted = error if isinstance(error, Interrupted) else Interrupted(signal.SIGINT)
        if not is_launched():
            print(interrupted, file=sys.stderr)
        code = interrupted.exit_code
    except Exception as error:
        problems = (file_problem, memory_problem, package_problem)
        message = (
            None if debug else next(filter(None, (problem(error) for problem in problems)), None)
        )
        if message is None and not is_launched():
            raise
        report_error(message or f'{type(error).__name__}: {error}', None if message else error)
        code = EXIT_BUG if message is None else EXIT_ERROR
    leave(code)


def _refuse_empty_words(words: list[str]) -> None:
    """An empty folder would be the current one: most often a shell's variable is not set."""
    for number, word in enumerate(words, start=1):
        if word and not re.fullmatch(r'--[\w-]+=', word):
            continue
        place = word or f'after {words[number - 2] if number > 1 else "the command"}'
        raise ConfigError(
            f'argument {number} ({place}) is empty; is a variable of the shell not set?'
        )


def file_problem(error: BaseException) -> str | None:
    """What is wrong with a file, if that is what the error says."""
    if not isinstance(error, OSError) or error.errno not in _FILE_PROBLEMS:
        return None
    name = error.filename2 or error.filename
    if name is None and error.errno not in _NO_ROOM:
        return None
    text = error.strerror if name is None else f'{name}: {error.strerror}'
    return text


def package_problem(error: BaseException) -> str | None:
    """Which package a part of the config needs, if it is not installed and the part says so."""
    if not isinstance(error, ImportError) or 'pip install' not in str(error):
        return None
    return f'a package is missing that this command or its config needs: {error}'


def lacks_memory(error: BaseException) -> str | None:
    """'out of memory: ...' with the first line of the error, if that is what it is about."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    is_gpu = type(error).__name__ == 'OutOfMemoryError'  # torch's, which need not be loaded here
    if not (is_gpu or isinstance(error, MemoryError) or _CPU_MEMORY.search(text)):
        return None
    return f'out of memory: {text}'


def memory_problem(error: BaseException) -> str | None:
    """Which settings need less memory, if that is what there was too little of."""
    text = lacks_memory(error)
    if text is None:
        return None
    return (
        f'{text}\n'
        '  In a training lower train_dataloader.batch_size (with optim_wrapper.accumulative_counts '
        'the steps stay as large), set model.backbone.with_cp=True, or try --amp; in a test lower '
        'test_dataloader.batch_size; or choose a config with smaller frames'
    )


def message_of(error: AVSBenchError) -> str:
    """The text of an error, without what PyTorch wraps around one from a loader's worker."""
    text = str(error)
    if not re.match(r'Caught \w+ in DataLoader worker process', text):
        return text
    kind = type(error)
    marker = f'\n{kind.__module__}.{kind.__qualname__}: '
    return text[text.rindex(marker) + len(marker) :].rstrip() if marker in text else text


class OverrideAction(argparse.Action):
    """Parses `--cfg-options key=value ...` into a dict; the config decides what a value is."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Add `key=value` words to the namespace's dict, each value as a `Word`."""
        options = dict(getattr(namespace, self.dest, None) or {})
        for word in values:
            if '=' not in word or word.startswith('='):
                raise ConfigError(
                    f'--cfg-options {word}: expected key=value, e.g. train_cfg.max_epochs=5'
                )
            key, value = word.split('=', maxsplit=1)
            options[key] = Word(value)
        setattr(namespace, self.dest, options)
