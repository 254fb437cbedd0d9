"""The program `avsbench`, and its verbs as programs of a checkout."""

import argparse
import functools
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from avsbench.commands.verbs import FAMILIES, VERBS, members
from avsbench.utils.cli import run_command
from avsbench.utils.errors import ConfigError, nearest
from avsbench.version import __version__

SEE_ALSO = '`avsbench VERB --help` describes each.'


def main() -> None:
    """Run `avsbench VERB ...`."""
    run_command(run_avsbench)


def run_avsbench() -> int | None:
    """Find the verb, parse its command line, and do its work."""
    words = sys.argv[1:]
    if not words or words[0] in ('-h', '--help'):
        print(overview())
        return None if words else 2
    if words[0] == '--version':
        print(f'avsbench {__version__}')
        return None
    name, rest = find_verb(words)
    return run_verb(name, rest, f'avsbench {name}', launch=True)


def program(name: str) -> Callable[[], int | None]:
    """The `main` of a program of a checkout that is one verb, or one family of verbs."""
    if name not in FAMILIES:
        return functools.partial(run_verb, name)

    def run() -> int | None:
        verb, rest = find_verb([name, *sys.argv[1:]])
        return run_verb(verb, rest, f'{Path(sys.argv[0]).name} {verb.removeprefix(name).strip()}')

    return run


def find_verb(words: list[str]) -> tuple[str, list[str]]:
    """The verb that a command line begins with, and what follows it.

    Raises:
        ConfigError: There is no such verb.
    """
    first, *rest = words
    if first not in FAMILIES:
        known = [name for name in VERBS if ' ' not in name] + list(FAMILIES)
        if first not in known:
            raise ConfigError(_unknown(first, known, 'avsbench'))
        return first, rest
    known = list(members(first))
    if not rest or rest[0] in ('-h', '--help'):
        print(family_overview(first))
        raise SystemExit(0 if rest else 2)
    if rest[0] not in known:
        raise ConfigError(_unknown(rest[0], known, f'avsbench {first}'))
    return f'{first} {rest[0]}', rest[1:]


def run_verb(
    name: str, words: list[str] | None = None, prog: str | None = None, *, launch: bool = False
) -> int | None:
    """Parse the command line of a verb, and do its work.

    Args:
        name: A name in `VERBS`.
        words: The command line after the verb; by default that of this process.
        prog: How the help calls the program; by default its file.
        launch: Whether to start as many processes as GPUS or PARTITION ask for.
    """
    # OpenMP reads it once, when torch is imported. Threads that spin while they wait take the cores
    # from everything else that runs there, their own siblings too: docs/benchmarks/waiting.md.
    os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
    arguments = arguments_of(name)
    parser = add_help(argparse.ArgumentParser(prog=prog), arguments)
    args = parse(parser, sys.argv[1:] if words is None else words)
    if hasattr(arguments, 'check'):
        arguments.check(parser, args)
    if launch and getattr(args, 'launcher', None) == 'none':
        from avsbench.processes.launch import launch_verb

        code = launch_verb(name, words)
        if code is not None:
            return code
    return import_module(f'avsbench.commands.{_module(name)}').run(args)


def parse(parser: argparse.ArgumentParser, words: list[str]) -> argparse.Namespace:
    """Parse a command line, in which options may stand anywhere between the other words.

    Words after `--` are no options, so there is nothing to sort there, and commands of a verb sort
    their own.
    """
    commands = any(isinstance(a, argparse._SubParsersAction) for a in parser._actions)
    if commands or '--' in words:
        return parser.parse_args(words)
    return parser.parse_intermixed_args(words)


def arguments_of(name: str) -> ModuleType:
    """The module that knows the command line of a verb."""
    return import_module(f'avsbench.commands.arguments.{_module(name)}')


def add_help(parser: argparse.ArgumentParser, arguments: ModuleType) -> argparse.ArgumentParser:
    """Give a parser the description and the arguments of a verb."""
    parser.description = arguments.__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    arguments.add_arguments(parser)
    return parser


def overview() -> str:
    """All verbs."""
    single = {name: text for name, text in VERBS.items() if ' ' not in name}
    families = [
        f'  {family:11} {text}:\n{"":14}{", ".join(members(family))}'
        for family, text in FAMILIES.items()
    ]
    lines = [f'  {name:11} {text}' for name, text in single.items()]
    head = f'avsbench {__version__}: a toolbox for audio-visual segmentation'
    return '\n'.join(['usage: avsbench VERB ...', '', head, '', *lines, *families, '', SEE_ALSO])


def family_overview(family: str) -> str:
    """The verbs of a family."""
    found = members(family)
    width = max(map(len, found))
    lines = [f'  {name:{width}}  {text}' for name, text in found.items()]
    head = [f'usage: avsbench {family} COMMAND ...', '', FAMILIES[family], '']
    return '\n'.join([*head, *lines, '', f'`avsbench {family} COMMAND --help` describes each.'])


def _unknown(word: str, known: list[str], command: str) -> str:
    return f'{command}: no verb {word!r}{nearest(word, known)}\n  it has: {", ".join(known)}'


def _module(name: str) -> str:
    return name.replace(' ', '.')
