"""The leaderboard: published numbers with their sources, and results of this toolbox, apart."""

from collections.abc import Mapping
from pathlib import Path

from avsbench.analysis.leaderboard.measured import add_result, read_measured
from avsbench.analysis.leaderboard.pages import html_page, markdown_page
from avsbench.analysis.leaderboard.published import read_published
from avsbench.analysis.leaderboard.tables import leaderboard_tables


def make_pages(folder: str | Path) -> Mapping[str, str]:
    """The pages of a folder's data.

    Args:
        folder: It holds `published.csv`, `intro.md`, `template.html` and, of results of this
            toolbox, `measured/*.json` (`add_result`).

    Returns:
        {name of the file: its content}.
    """
    folder = Path(folder)
    intro = (folder / 'intro.md').read_text(encoding='utf-8')
    template = (folder / 'template.html').read_text(encoding='utf-8')
    tables = leaderboard_tables(
        read_published(folder / 'published.csv'), read_measured(folder / 'measured')
    )
    return {
        'leaderboard.md': markdown_page(intro, tables),
        'leaderboard.html': html_page(template, intro, tables),
    }


__all__ = ['add_result', 'make_pages']
