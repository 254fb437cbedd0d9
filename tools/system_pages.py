"""Draw the figures of the systems, and write the tables of their pages, docs/systems/<name>.md.

    python tools/system_pages.py

A figure is described in docs/images/systems/<name>.yaml. On a page, what stands between the
comments `begin <table>` and `end <table>` is replaced; everything else is written by hand.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'tools')]

from documents import tables
from documents.figure import draw

from avsbench.registry import SYSTEMS
from avsbench.systems import System
from avsbench.utils.cli import run_command
from avsbench.utils.errors import ConfigError
from avsbench.utils.files import write_text

FIGURES = ROOT / 'docs' / 'images' / 'systems'
PAGES = ROOT / 'docs' / 'systems'


def page_text(page: Path, name: str, system: type[System]) -> str:
    """A page with its tables written anew.

    Raises:
        ConfigError: A table has no place there.
    """
    text = page.read_text()
    blocks = {
        'published': tables.published_table(system.title),
        'small': tables.small_table(system.title),
        'configs': tables.configs_table(name),
        'cost': tables.cost_table(name),
        'parity': tables.parity_list(name),
        'citation': tables.citation(system.paper),
    }
    for block, table in blocks.items():
        begin, end = f'<!-- begin {block} -->', f'<!-- end {block} -->'
        pattern = re.compile(f'{re.escape(begin)}.*?{re.escape(end)}', re.DOTALL)
        if not pattern.search(text):
            raise ConfigError(f'{page}: expected the comments {begin} and {end}')
        new = f'{begin}\n\n{table}\n\n{end}'
        text = pattern.sub(lambda _, new=new: new, text, count=1)
    return text


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    SYSTEMS.import_from_location()
    for name, system in sorted(SYSTEMS.module_dict.items()):
        write_text(FIGURES / f'{name}.svg', draw(FIGURES / f'{name}.yaml'))
        page = PAGES / f'{name}.md'
        write_text(page, page_text(page, name, system))
        print(f'written: {page.relative_to(ROOT)}')


if __name__ == '__main__':
    run_command(main)
