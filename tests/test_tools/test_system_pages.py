"""Every system has a page: its tables are those of their sources, its figure is legible."""

import re
import sys
from pathlib import Path

import pytest

from avsbench.registry import SYSTEMS
from avsbench.utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / 'docs' / 'systems'
FIGURES = ROOT / 'docs' / 'images' / 'systems'
SYSTEMS.import_from_location()
NAMES = sorted(SYSTEMS.module_dict)
MODELS = '\n'.join(
    path.read_text()
    for folder in ('config/_base_/models', 'config/s4', 'config/avss', 'avsbench/systems')
    for path in sorted((ROOT / folder).rglob('*.py'))
)


@pytest.fixture(scope='module')
def tools():
    sys.path.insert(0, str(ROOT / 'tools'))
    import system_pages
    from documents import figure, tables

    yield system_pages, figure, tables
    sys.path.remove(str(ROOT / 'tools'))


def test_pages_and_figures_are_those_of_the_registered_systems() -> None:
    assert sorted(path.stem for path in PAGES.glob('*.md')) == NAMES
    assert sorted(path.stem for path in FIGURES.glob('*.yaml')) == NAMES
    index = (ROOT / 'docs' / 'systems.md').read_text()
    menu = (ROOT / 'mkdocs.yml').read_text()
    assert all(f'(systems/{name}.md)' in index and f'systems/{name}.md' in menu for name in NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_tables_and_figure_are_current(tools, name: str) -> None:
    """After a change of a source: python tools/system_pages.py."""
    pages, figure, _ = tools
    page = PAGES / f'{name}.md'
    system = SYSTEMS.module_dict[name]
    assert page.read_text() == pages.page_text(page, name, system), 'python tools/system_pages.py'
    assert (FIGURES / f'{name}.svg').read_text() == figure.draw(FIGURES / f'{name}.yaml')


def test_every_config_is_on_a_page(tools) -> None:
    listed = {path for name in NAMES for path in tools[2].system_configs(name)}
    folders = {path.parent for path in listed}
    missing = [path for folder in folders for path in folder.glob('*.py') if path not in listed]
    assert missing == [] and len(folders) > 6


@pytest.mark.parametrize('name', NAMES)
def test_every_option_that_a_page_names_exists(name: str) -> None:
    text = (PAGES / f'{name}.md').read_text()
    section = text.split('## Differences')[1].split('\n## ')[0]
    rows = [row.split(' | ') for row in section.splitlines() if row.startswith('| ')]
    options = [option for row in rows for option in re.findall(r'`([a-z_.]+)`', row[1])]
    assert rows and options
    unknown = [option for option in options if not re.search(rf'\b{option.split(".")[-1]}', MODELS)]
    assert [option for option in unknown if option not in ('load_from', 'train_cfg')] == []


@pytest.mark.parametrize('name', NAMES)
def test_figures_are_legible(tools, name: str) -> None:
    """Texts fit into their boxes, no box covers another, no arrow runs through one."""
    figure = tools[1]
    boxes, arrows = figure.read_figure(FIGURES / f'{name}.yaml')
    assert all(box.text_width <= figure.BOX_WIDTH - 4 for box in boxes.values())
    places = [box.at for box in boxes.values()]
    assert len(set(places)) == len(places) and all(x < figure.COLUMNS for x, _ in places)
    lines = re.findall(r'<path d="M([\d. L-]+)" marker', figure.draw(FIGURES / f'{name}.yaml'))
    assert len(lines) == len(arrows)
    for line in lines:
        points = [tuple(map(float, point.split())) for point in line.split('L')]
        for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
            for box in boxes.values():
                beside = max(x0, x1) <= box.left or min(x0, x1) >= box.left + figure.BOX_WIDTH
                apart = max(y0, y1) <= box.top or min(y0, y1) >= box.top + figure.BOX_HEIGHT
                assert beside or apart, (line, box)


def test_a_page_without_a_table_is_an_error(tools, tmp_path: Path) -> None:
    page = tmp_path / 'tpavi.md'
    page.write_text((PAGES / 'tpavi.md').read_text().replace('<!-- begin cost -->', ''))
    with pytest.raises(ConfigError, match='begin cost'):
        tools[0].page_text(page, 'tpavi', SYSTEMS.module_dict['tpavi'])


def test_numbers_come_from_their_sources(tools) -> None:
    published = tools[2].published_table('TPAVI')
    assert '| PVTv2-B5 | 224 | 78.74 / 87.9 | 54.00 / 64.5 |' in published
    assert 'arXiv 2207.05042' in tools[2].citation('arXiv 2207.05042')
    assert tools[2].small_table('nothing').startswith('The small network of this system has no')
