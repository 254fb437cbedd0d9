"""What all commands share: how an error is shown, and how overrides are parsed."""

import argparse
import json
import logging
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

from mmengine.config import DictAction

from avsbench.utils.errors import AVSBenchError, ConfigError

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
LAUNCHER_FLAG = 'AVSBENCH_LAUNCHER'  # set by avsbench.utils.launch for the processes it starts
DEBUG_FLAG = 'AVSBENCH_DEBUG'


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and leave the interpreter with its exit code.

    An error that the user can mend is printed as `error: ...` without a traceback and exits with
    2; with AVSBENCH_DEBUG=1 in the environment the traceback is shown as well. Ctrl-C exits with
    130. Anything else is a bug and keeps its traceback.

    Args:
        main: parses the command line and does the work; returns the exit code, None for 0.
    """
    try:
        code = main() or 0
    except AVSBenchError as error:
        if os.environ.get(DEBUG_FLAG):
            raise
        _report(message_of(error))
        code = EXIT_ERROR
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        code = EXIT_INTERRUPTED
    if os.environ.get(LAUNCHER_FLAG) and code == 0:
        _leave()
    sys.exit(code)


def _leave() -> None:
    """End one of several processes whose work is done, without the interpreter's tear-down.

    With gloo, about one in ten of them aborts there on a busy machine ("terminate called without
    an active exception", no Python frame left), and torchrun takes the whole run for a failure.
    """
    for worker in multiprocessing.active_children():  # of data loaders
        worker.terminate()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def message_of(error: AVSBenchError) -> str:
    """The text of an error, without what PyTorch wraps around one from a loader's worker."""
    text = str(error)
    if not re.match(r'Caught \w+ in DataLoader worker process', text):
        return text
    kind = type(error)
    marker = f'\n{kind.__module__}.{kind.__qualname__}: '
    return text[text.rindex(marker) + len(marker) :].rstrip() if marker in text else text


class OverrideAction(DictAction):
    """mmengine's `--cfg-options` parser, with an error for a word that is no `key=value`."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Parse `key=value` words into the namespace's dict."""
        for word in values:
            if '=' not in word or word.startswith('='):
                raise ConfigError(
                    f'--cfg-options {word}: expected key=value, e.g. train_cfg.max_epochs=5'
                )
        super().__call__(parser, namespace, values, option_string)


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments that training and testing share."""
    parser.add_argument('--work-dir', metavar='DIR', help='default: work_dir/SUBSET/CONFIG_NAME')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OverrideAction,
        default={},
        metavar='KEY=VALUE',
        help='change keys of the config, e.g. train_dataloader.batch_size=2 data_root=data/mine; '
        'lists as key=[1,2], list items as key.0.name=value',
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load a checkpoint that holds more than tensors and plain data; this runs the code '
        'in it, so only for files whose origin you trust',
    )
    parser.add_argument(
        '--any-subset',
        action='store_true',
        help='accept weights that were trained on another subset',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm'],
        default='none',
        help='how several processes were started; train.sh and test.sh set it',
    )


def _report(message: str) -> None:
    """Print an error, or leave it to the launcher, which prints the one of the first failure."""
    record = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if os.environ.get(LAUNCHER_FLAG) and record:
        extra = {'py_callstack': '', 'timestamp': str(int(time.time()))}
        with open(record, 'w', encoding='utf-8') as file:
            json.dump({'message': {'message': message, 'extraInfo': extra}}, file)
    else:
        print(f'error: {message}', file=sys.stderr)
