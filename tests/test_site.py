"""The documentation builds as a site: every page is in its menu, every link has its target."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='module')
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('site')
    words = ['-m', 'mkdocs', 'build', '--strict', '--site-dir', str(folder)]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_every_document_is_a_page(site: Path) -> None:
    pages = [path.relative_to(ROOT / 'docs') for path in ROOT.glob('docs/**/*.md')]
    pages = [page for page in pages if page.parts[0] not in ('leaderboard', 'reference')]
    assert len(pages) > 20
    for page in pages:
        place = page.parent if page.stem in ('index', 'README') else page.with_suffix('')
        assert (site / place / 'index.html').is_file(), page
    assert (site / 'leaderboard.html').is_file()  # the sortable table


@pytest.mark.slow
def test_the_reference_has_docstrings_and_the_search_finds_them(site: Path) -> None:
    text = (site / 'api/index.html').read_text()
    assert 'class="doc doc-heading"' in text and 'fps' in text
    assert 'AVSInferencer' in (site / 'search/search_index.json').read_text()


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """A page works without a network."""
    for page in site.rglob('*.html'):
        loaded = re.findall(r'<(?:script|img)[^>]+src="(https?://[^"]+)"', page.read_text())
        sheets = re.findall(
            r'<link[^>]+rel="stylesheet"[^>]+href="(https?://[^"]+)"', page.read_text()
        )
        assert not loaded and not sheets, page


def test_links_of_documents_outside_the_site_exist() -> None:
    for name in ('README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'ops/README.md'):
        for link in re.findall(r'\]\(([^)#\s]+)', (ROOT / name).read_text()):
            if not link.startswith('http'):
                assert (ROOT / name).parent.joinpath(link).exists(), f'{name}: {link}'
