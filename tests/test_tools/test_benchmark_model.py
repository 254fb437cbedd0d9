import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.parametrize('mode', ['forward', 'train'])
def test_published_form_computes_the_same(mode: str) -> None:
    command = [sys.executable, str(ROOT / 'tools' / 'benchmark.py'), 'model', '--mode', mode]
    options = ['--config', 's4/res50.py', '--frames', '1', '--size', '64']
    small = [*options, '--threads', '1', '--rounds', '1']
    done = subprocess.run([*command, *small], capture_output=True, text=True, timeout=300)
    assert f's4/res50.py {mode}, 1 frames, 64 px, 1 thread(s)' in done.stdout, done.stderr
    assert 'ratio' in done.stdout
    if mode == 'forward':  # the speed of so small a network says nothing
        assert 'allowed 3e-05: same' in done.stdout
