"""The work of `avsbench completion`."""

import argparse
from pathlib import Path

from avsbench.commands.main import add_help, arguments_of
from avsbench.commands.verbs import FAMILIES, VERBS
from avsbench.utils.extras import require


def run(args: argparse.Namespace) -> None:
    """Run `avsbench completion`."""
    shtab = require('shtab', 'completion')
    parser = whole_parser()
    mark_files(parser, shtab.FILE)
    print(shtab.complete(parser, args.shell))


def whole_parser() -> argparse.ArgumentParser:
    """One parser of all verbs."""
    parser = argparse.ArgumentParser(prog='avsbench')
    verbs = parser.add_subparsers(dest='verb')
    families = {
        name: verbs.add_parser(name, help=text).add_subparsers(dest='member')
        for name, text in FAMILIES.items()
    }
    for name, text in VERBS.items():
        family, _, member = name.rpartition(' ')
        within = families[family] if family else verbs
        add_help(within.add_parser(member, help=text), arguments_of(name))
    return parser


def mark_files(parser: argparse.ArgumentParser, kind: dict[str, str]) -> None:
    """Complete the arguments that take a path, or a config or checkpoint, by names of files."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for other in action.choices.values():
                mark_files(other, kind)
        elif action.type is Path or action.dest in ('config', 'other', 'checkpoint', 'target'):
            action.complete = kind
