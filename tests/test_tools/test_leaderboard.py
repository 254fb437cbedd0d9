import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from test_compare_results import write_result

from avsbench.analysis.leaderboard import make_pages, measured

DOCS = Path(__file__).resolve().parents[2] / 'docs'
PUBLISHED = DOCS / 'leaderboard' / 'published.csv'
BROWSER = shutil.which('chromium') or shutil.which('google-chrome')


@pytest.fixture
def data(tmp_path):
    return Path(shutil.copytree(DOCS / 'leaderboard', tmp_path / 'data'))


@pytest.fixture
def board(tool, data, tmp_path):
    return lambda *words: tool('leaderboard', '--data', data, '--out', tmp_path / 'out', *words)


@pytest.fixture
def few_clips(monkeypatch):
    """AVSBench of 30 clips."""
    monkeypatch.setitem(measured.TEST_CLIPS, 's4', 30)


ADDED = ('--system', 'Ours', '--backbone', 'Small')


def s4_result(folder, quality=0.8, clips=30, synthetic=False, split='test', **changes):
    about = dict(split=split, clips=30, synthetic=synthetic)
    write_result(folder, quality, clips=clips, split=split, **changes)
    path = folder / 'results' / 'test.json'
    entry = json.loads(path.read_text())
    entry['data'] = {key: value for key, value in about.items() if value is not None}
    entry |= {'date': '2026-01-01', 'config_file': '/somewhere/config/s4/pvt2.py', 'seed': 3}
    path.write_text(json.dumps(entry))
    return folder


def test_the_committed_pages_are_those_of_the_data():
    for name, text in make_pages(DOCS / 'leaderboard').items():
        assert (DOCS / name).read_text() == text, f'{name}: run `python tools/leaderboard.py`'


def test_every_published_number_is_shown_with_its_source():
    table = pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False)
    page = (DOCS / 'leaderboard.md').read_text()
    sections = re.split(r'^## ', page, flags=re.MULTILINE)[1:]
    for subset, section in zip(('s4', 'ms3', 'avss'), sections, strict=True):
        shown = section.split('### Measured here')[0]
        lines = [line for line in shown.splitlines() if line.startswith('| ')][2:]
        rows = table[table.subset == subset]
        assert len(lines) == len(rows) > 20
        for row in rows.itertuples():
            cells = (row.system, row.protocol, row.J or row.JF, row.source)
            assert any(all(f'| {cell} |' in line for cell in cells) for line in lines), cells
        protocols = [line.split(' | ')[3] for line in lines]
        assert sorted(protocols, key=['per frame', 'whole set', 'not stated'].index) == protocols


def test_numbers_of_the_configs():
    """What the comments of configs quote stands on the page."""
    table = pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False)
    shown = set(zip(table.subset, table.J, table.F, strict=True))
    number = r'(\d[\d.]*\d)'
    pattern = re.compile(rf'mIoU {number}, F-score {number}|mIoU / F-score {number} / {number}')
    quoted = set()
    for subset in ('s4', 'ms3', 'avss'):
        for path in (DOCS.parent / 'config' / subset).glob('*.py'):
            text = path.read_text().replace('\n# ', ' ')
            quoted |= {(subset, *filter(None, pair)) for pair in pattern.findall(text)}
    assert len(quoted) > 20 and quoted <= shown, quoted - shown


def test_a_result_is_added(board, data, tmp_path, few_clips):
    result = s4_result(tmp_path / 'run')
    finished = board('--add', result, *ADDED, '--note', 'a | b')
    assert finished.code == 0, finished.err
    (file,) = (data / 'measured').iterdir()
    assert str(tmp_path) not in file.read_text()  # nothing of this machine
    page = (tmp_path / 'out' / 'leaderboard.md').read_text()
    s4 = page.split('## MS3')[0].split('### Measured here')[1]
    mean = pd.read_csv(result / 'results' / 'scores.csv').IoU.mean()
    assert f'| Ours | Small | {100 * mean:.2f} |' in s4
    assert 'F from probabilities | s4/pvt2.py | 3 | a \\| b |' in s4
    assert 'Synthetic' not in page
    finished = board('--add', result, *ADDED)
    assert finished.code == 2 and 'there already' in finished.err


def test_synthetic_results_stand_apart(board, tmp_path):
    result = s4_result(tmp_path / 'run', synthetic=True)
    assert board('--add', result, *ADDED).code == 0
    page = (tmp_path / 'out' / 'leaderboard.md').read_text()
    real, synthetic = page.split('## Synthetic benchmark: not comparable')
    assert 'Ours' not in real and '| Ours | Small |' in synthetic


@pytest.mark.parametrize(
    ('changes', 'text'),
    [
        (dict(clips=29), "30 clips, but AVSBench's test split of s4 has 740"),
        (dict(synthetic=None), "doesn't say whether its data are synthetic"),
        (dict(audio_condition='silence'), 'with another sound (silence) than the clips'),
        (dict(split='val'), 'subset s4, split val; the leaderboard has the test splits'),
        (dict(scores=False), 'a result without scores of its frames'),
    ],
)
def test_results_that_are_refused(board, data, tmp_path, changes, text):
    finished = board('--add', s4_result(tmp_path / 'run', **changes), *ADDED)
    assert finished.code == 2 and text in finished.err
    assert not (data / 'measured').exists()


@pytest.mark.parametrize(
    ('old', 'new', 'text'),
    [
        (',README of github.com/jnjz/MoDAT,', ',,', 'no source'),
        (',per frame,82.41', ',per clip,82.41', "protocol 'per clip'"),
        (',82.41,', ',eighty,', "J 'eighty', expected a percentage"),
        (',82.41,90.3,', ',,90.3,', 'neither J nor JF'),
        ('s4,MoDAT', 's5,MoDAT', "subset 's5'"),
        ('s4,MoDAT,', 's4,MoDAT,x,', 'expected 11 cells'),
        ('subset,system', 'set,system', 'expected the columns subset, system'),
    ],
)
def test_mistakes_in_the_published_numbers(board, data, old, new, text):
    path = data / 'published.csv'
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    finished = board()
    assert finished.code == 2 and text in finished.err


def test_add_needs_names(board, tmp_path):
    finished = board('--add', tmp_path)
    assert finished.code == 2 and '--add, --system and --backbone' in finished.err


class Links(HTMLParser):
    """What a page would load, and its tables' shape."""

    def __init__(self):
        super().__init__()
        self.loaded, self.widths = [], []

    def handle_starttag(self, tag, attributes):
        self.loaded += [value for key, value in attributes if key in ('src', 'href')]
        if tag == 'tr':
            self.widths.append(0)
        elif tag in ('td', 'th'):
            self.widths[-1] += 1


def test_html_is_self_contained():
    links = Links()
    links.feed((DOCS / 'leaderboard.html').read_text())
    assert links.loaded == []
    assert len(links.widths) > 100 and set(links.widths) <= {8, 9, 10}


@pytest.mark.skipif(BROWSER is None, reason='needs a browser')
def test_columns_sort(tmp_path):
    """By number, with the highest first and empty cells last; by text; and the filter."""
    page = (DOCS / 'leaderboard.html').read_text()
    check = """<script>
    const table = document.querySelector('table');
    const column = name => [...table.tHead.rows[0].cells].find(c => c.textContent === name);
    const cells = place => [...table.tBodies[0].rows].map(r => r.cells[place].textContent);
    const found = {};
    column('F').click(); found.down = cells(column('F').cellIndex);
    column('F').click(); found.up = cells(column('F').cellIndex);
    column('system').click(); found.systems = cells(0);
    const filter = document.getElementById('filter');
    filter.value = 'combo resnet'; filter.dispatchEvent(new Event('input'));
    const left = [...table.tBodies[0].rows].filter(row => !row.hidden);
    found.left = left.map(row => row.cells[0].textContent);
    document.body.textContent = 'FOUND' + JSON.stringify(found) + 'END';
    </script>"""
    path = tmp_path / 'page.html'
    path.write_text(page.replace('</body>', f'{check}</body>'))
    words = [BROWSER, '--headless', '--no-sandbox', '--disable-gpu', '--dump-dom', path.as_uri()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    found = json.loads(re.search('FOUND(.*)END', done.stdout)[1])
    for key, turn in (('down', -1), ('up', 1)):
        numbers = [float(text) for text in found[key] if text]
        assert len(numbers) > 20 and numbers == sorted(numbers)[::turn]
        assert found[key][: len(numbers)] == [text for text in found[key] if text]
    assert found['systems'] == sorted(found['systems'], key=str.lower)
    assert found['left'] == ['COMBO']
