"""How one of several processes, started by `launch`, reports an error and ends."""

import json
import logging
import multiprocessing
import os
import sys
import time

LAUNCHED = 'AVSBENCH_LAUNCHER'  # environment variable that `launch` sets for its processes


def is_launched() -> bool:
    """Whether this process is one of several that `launch` has started."""
    return bool(os.environ.get(LAUNCHED))


def report_error(message: str) -> None:
    """Print an error, or leave it to the launcher, which prints the one of the first failure."""
    record = os.environ.get('TORCHELASTIC_ERROR_FILE')
    if is_launched() and record:
        extra = {'py_callstack': '', 'timestamp': str(int(time.time()))}
        with open(record, 'w', encoding='utf-8') as file:
            json.dump({'message': {'message': message, 'extraInfo': extra}}, file)
    else:
        print(f'error: {message}', file=sys.stderr)


def leave(code: int) -> None:
    """End this process; one of several that has succeeded skips the interpreter's tear-down.

    With gloo, about one in ten of them aborts there on a busy machine ("terminate called without
    an active exception", no Python frame left), and torchrun takes the whole run for a failure.
    """
    if code != 0 or not is_launched():
        sys.exit(code)
    for worker in multiprocessing.active_children():  # of data loaders
        worker.terminate()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
