"""How a process ends, and how one of several, started by `launch`, reports an error."""

import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback

LAUNCHED = 'AVSBENCH_LAUNCHER'  # environment variable that `launch` sets for its processes
RECORD = 'AVSBENCH_ERROR_RECORD'  # and the file in which each of them leaves its error


def is_launched() -> bool:
    """Whether this process is one of several that `launch` has started."""
    return bool(os.environ.get(LAUNCHED))


def report_error(message: str, error: BaseException | None = None) -> None:
    """Print an error, or leave it to the launcher, which prints that of the first failure.

    Args:
        message: What the user reads.
        error: Where it is a bug; its traceback is shown as well.
    """
    lines = '' if error is None else ''.join(traceback.format_exception(error))
    if is_launched() and os.environ.get(RECORD):
        content = {'message': message, 'traceback': lines, 'time': time.time()}
        with open(os.environ[RECORD], 'w', encoding='utf-8') as file:
            json.dump(content, file)
    else:
        print(f'{lines}error: {message}', file=sys.stderr)


def leave(code: int) -> None:
    """End this process and the workers of its data loaders, which may hang.

    One of several processes skips the interpreter's tear-down: with gloo, about one in ten of them
    aborts there on a busy machine ("terminate called without an active exception", no Python frame
    left), and its exit code is lost.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # PyTorch's handler raises
    for worker in multiprocessing.active_children():
        worker.kill()
    if not is_launched():
        sys.exit(code)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
