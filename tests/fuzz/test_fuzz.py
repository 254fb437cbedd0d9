"""Damaged files of each format, and that the harness sees what readers must not do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

for name in ('av', 'h5py', 'safetensors'):
    pytest.importorskip(name)
pytestmark = pytest.mark.skipif(sys.platform != 'linux', reason='measures memory as Linux tells it')

from fuzz_formats import FORMATS  # noqa: E402
from fuzz_harness import damaged  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
COUNT = 60  # files of each format


@pytest.fixture(scope='module')
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict]]:
    """Cases of each format, made in one process so that the toolbox is imported once."""
    folder = tmp_path_factory.mktemp('fuzz')
    words = ['--count', str(COUNT), '--keep', folder / 'kept', '--json', folder / 'cases.json']
    done = subprocess.run(
        [sys.executable, '-m', 'tests.fuzz', *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert (folder / 'cases.json').exists(), done.stderr
    found: dict[str, list[dict]] = {name: [] for name in FORMATS}
    for case in json.loads((folder / 'cases.json').read_text()):
        found[case['form']].append(case)
    return found


@pytest.mark.parametrize('name', FORMATS)
def test_damaged_files(cases: dict[str, list[dict]], name: str) -> None:
    results = [case['result'] for case in cases[name]]
    assert [case for case in cases[name] if case['result'] == 'finding'] == []
    assert len(results) == COUNT and {'read', 'refused'} == set(results)


def test_damage_can_be_repeated(tmp_path: Path) -> None:
    form = FORMATS['csv']
    samples = sorted(form.make(tmp_path))
    first, again, other = (damaged(form, samples, 5, seed)[1] for seed in (1, 1, 2))
    assert first == again != other


MISCHIEF = {
    'raise KeyError("x")': 'KeyError',
    'os.kill(os.getpid(), 11)': 'ends the process (signal 11',
    'b"x" * (200 << 20)': 'MiB',
    'bytearray(1 << 40)': 'MemoryError',
    'open("/tmp/escaped_fuzz", "a")': 'open /tmp/escaped_fuzz',
    'open("here", "w")': 'leaves here',
    'os.system("true")': 'os.system',
    'raise DataError("broken")': 'does not name the file',
    'sum(range(10**12))': 'ends the process (signal 24',
}
SCRIPT = """
import os, sys
sys.path[:0] = PATHS
from dataclasses import replace
from pathlib import Path
import fuzz_harness
from avsbench.utils.errors import DataError

fuzz_harness.BUSY = 1
for number, code in enumerate(CODES):
    def read(path):
        if '-' in path.stem:
            exec(code)
    form = fuzz_harness.FORMATS['list']
    fuzz_harness.FORMATS['list'] = replace(form, read=read)
    for case in fuzz_harness.run(['list'], range(2), 0, Path('kept', str(number)).resolve()):
        print(f'{code} #{case.index} {case.result}: {case.text.splitlines()}')
"""


def test_the_harness_sees(tmp_path: Path) -> None:
    paths = [str(path) for path in (Path(__file__).parent, ROOT / 'tests', ROOT)]
    script = SCRIPT.replace('PATHS', repr(paths)).replace('CODES', repr(list(MISCHIEF)))
    done = subprocess.run(
        [sys.executable, '-c', script], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    for number, (code, expected) in enumerate(MISCHIEF.items()):
        for index in range(2):  # the second is read by a new process if the first ended one
            found = [x for x in done.stdout.splitlines() if x.startswith(f'{code} #{index} ')]
            assert len(found) == 1 and 'finding' in found[0], done.stdout + done.stderr
            assert expected in found[0], found
            assert list((tmp_path / f'kept/{number}/list').glob(f'*-{index}.txt'))
    Path('/tmp/escaped_fuzz').unlink(missing_ok=True)
