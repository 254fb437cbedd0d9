"""Test a checkpoint: `bash test.sh SUBSET CONFIG CHECKPOINT`, or this file for one process."""

import functools

from avsbench.commands.main import run_verb
from avsbench.utils.cli import run_command

if __name__ == '__main__':
    run_command(functools.partial(run_verb, 'test', prog='test.sh'))
