"""Train a network: `bash train.sh SUBSET CONFIG`, or this file directly for one process."""

import functools

from avsbench.commands.main import run_verb
from avsbench.utils.cli import run_command

if __name__ == '__main__':
    run_command(functools.partial(run_verb, 'train', prog='train.sh'))
