"""The notebooks run from the first to the last cell, as plain Python."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / 'docs' / 'notebooks').glob('*.ipynb'))
EPOCHS = 'epochs = 12'


def code_of(path: Path) -> list[str]:
    cells = json.loads(path.read_text())['cells']
    return [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_plain_python_without_outputs(path: Path) -> None:
    for code in code_of(path):
        ast.parse(code)
    cells = json.loads(path.read_text())['cells']
    assert all(not cell.get('outputs') and not cell.get('execution_count') for cell in cells)
    assert cells[0]['source'][0].startswith('# ') and len({cell['id'] for cell in cells}) > 5


@pytest.mark.slow
def test_quickstart_runs(tmp_path: Path) -> None:
    """One epoch instead of twelve: a minute of the test is worth more than a better mask."""
    code = '\n\n'.join(code_of(ROOT / 'docs' / 'notebooks' / 'quickstart.ipynb'))
    assert EPOCHS in code
    done = subprocess.run(
        [sys.executable, '-c', code.replace(EPOCHS, 'epochs = 1')],
        cwd=tmp_path,
        env=os.environ | {'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with Image.open(tmp_path / 'quickstart' / 'overlay.png') as overlay:
        assert overlay.size == (800, 160)
