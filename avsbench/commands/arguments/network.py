"""The arguments of commands that use a trained network."""

import argparse

from avsbench.options import PRECISIONS
from avsbench.utils.cli import OverrideAction


def add_config_and_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add CONFIG and CHECKPOINT, which may be given as options, too; see `join_names`."""
    for name, text in (('config', 'e.g. s4/pvt2'), ('checkpoint', 'weights for that config')):
        parser.add_argument(name, nargs='?', metavar=name.upper(), help=text)
        parser.add_argument(
            f'--{name}', dest=f'{name}_option', metavar=name.upper(), help='the same as an option'
        )
    parser.add_argument(
        '--weights',
        metavar='FILE|NAME|hf:USER/REPO',
        help='in place of both: a checkpoint of this toolbox, which holds its config, or published '
        'weights by their name (avsbench list weights)',
    )


def join_names(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Take config and checkpoint from wherever they were given; stop where one is missing."""
    if args.weights is not None:
        given = (args.config, args.config_option, args.checkpoint, args.checkpoint_option)
        if any(name is not None for name in given):
            parser.error('--weights FILE stands for CONFIG and CHECKPOINT: leave these out')
        args.checkpoint = args.weights
        return
    for name in ('config', 'checkpoint'):
        option = getattr(args, f'{name}_option')
        given = getattr(args, name)
        if option is not None and given is not None:
            parser.error(f'{name.upper()} {given} and --{name} {option}: give one of them')
        if option is None and given is None:
            parser.error(f'the following arguments are required: {name.upper()} (or --weights)')
        setattr(args, name, given if option is None else option)


def add_amp_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--amp` to a command that predicts videos of any origin."""
    parser.add_argument(
        '--amp',
        choices=[*PRECISIONS, 'off'],
        help='mixed precision; default: bfloat16 on a CPU that computes it, float32 elsewhere',
    )


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--device`, `--trust-checkpoint`, `--augment` and `--cfg-options` to a command."""
    parser.add_argument('--device', help='default: cuda where there is one, else cpu')
    parser.add_argument('--trust-checkpoint', action='store_true', help='see `bash test.sh --help`')
    parser.add_argument(
        '--augment',
        action='store_true',
        help='predict with the test-time augmentation of the config, model.test_cfg, as its test '
        'does: once for each scale and its mirror image',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
