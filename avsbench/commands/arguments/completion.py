"""Print a script that lets a shell complete verbs and options; needs the extra `completion`.

    avsbench completion bash > ~/.local/share/bash-completion/completions/avsbench
    avsbench completion zsh > ~/.zfunc/_avsbench

A new shell finds it.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench completion`."""
    parser.add_argument('shell', choices=('bash', 'zsh', 'tcsh'))
