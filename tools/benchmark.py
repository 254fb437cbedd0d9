"""Compare the toolbox with the published formulations: speed, and that the values agree.

python tools/benchmark.py metric --kind fscore --frames 10 --size 224

Exit code 1 when a goal that must be met is missed or the values differ.
"""

import argparse
import ast
import importlib
import os
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
sys.path[:0] = [str(TOOLS), str(TOOLS.parent)]

TUNABLES = 'GLIBC_TUNABLES'
# `default` gives every block above 32 MB back to the kernel, `tuned` keeps them: the page
# faults alone can change a ratio by a factor of two.
ALLOCATORS = {
    'default': None,
    'tuned': 'glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296'
    ':glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456',
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--allocator',
        choices=ALLOCATORS,
        default='default',
        help="glibc's settings, which decide how much of a time is page faults",
    )
    commands = parser.add_subparsers(dest='command', required=True)
    summaries = sub_commands()
    parsers = {
        name: commands.add_parser(name, help=text, description=text)
        for name, text in summaries.items()
    }
    # Only the module that is asked for is imported, and only once the allocator is pinned.
    name = next((word for word in sys.argv[1:] if word in summaries), None)
    if name is not None:
        early, _ = parser.parse_known_args([w for w in sys.argv[1:] if w not in ('-h', '--help')])
        pin_allocator(early.allocator)
        module = importlib.import_module(f'benchmarks.{name}')
        module.add_arguments(parsers[name])
        from avsbench.utils.cli import run_command
        from avsbench.utils.folders import check_writable

        def measure() -> int:
            args = parser.parse_args()
            if getattr(args, 'json', None) is not None:
                check_writable(args.json.parent, 'folder of the figures', 'choose another --json')
            return module.run(args)

        run_command(measure)
    parser.parse_args()


def sub_commands() -> dict[str, str]:
    """{sub-command: what it does} for every module of tools/benchmarks that can `run`."""
    found = {}
    for file in sorted((TOOLS / 'benchmarks').glob('[a-z]*.py')):
        tree = ast.parse(file.read_text())
        if any(isinstance(node, ast.FunctionDef) and node.name == 'run' for node in tree.body):
            found[file.stem] = (ast.get_docstring(tree) or '').split('\n', 1)[0]
    return found


def pin_allocator(name: str) -> None:
    """Restart the command with the allocator setting `name` unless it already runs with it.

    glibc reads its tunables when a process starts, so they can't be set later.
    """
    setting = ALLOCATORS[name]
    if os.environ.get(TUNABLES) == setting:
        return
    environment = {key: value for key, value in os.environ.items() if key != TUNABLES}
    if setting is not None:
        environment[TUNABLES] = setting
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


if __name__ == '__main__':
    main()
