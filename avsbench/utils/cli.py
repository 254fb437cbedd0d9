"""What all commands share: how an error is shown, and how overrides are parsed."""

import argparse
import os
import re
import sys
from collections.abc import Callable
from typing import Any

from avsbench.utils.errors import AVSBenchError, ConfigError
from avsbench.utils.exits import leave, report_error
from avsbench.utils.words import Word

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
DEBUG_FLAG = 'AVSBENCH_DEBUG'


def run_command(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and leave the interpreter with its exit code.

    An error that the user can fix is printed as `error: ...` without a traceback and exits with
    2; with AVSBENCH_DEBUG=1 in the environment the traceback is shown as well. Ctrl-C exits with
    130. Anything else is a bug and keeps its traceback.

    Args:
        main: Parses the command line and does the work; returns the exit code, None for 0.
    """
    try:
        code = main() or 0
    except AVSBenchError as error:
        if os.environ.get(DEBUG_FLAG):
            raise
        report_error(message_of(error))
        code = EXIT_ERROR
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        code = EXIT_INTERRUPTED
    leave(code)


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
