import subprocess
import sys
from pathlib import Path

import pytest

from avsbench.utils import ops

ROOT = Path(__file__).resolve().parents[2]
TITLE = 's4/res50.py {}, 1 frames, 64 px, 1 thread(s), random weights, {} against '


def run_benchmark(*options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / 'tools' / 'benchmark.py'), 'model', *options]
    size = ['--config', 's4/res50.py', '--frames', '1', '--size', '64']
    small = [*size, '--threads', '1', '--rounds', '1']
    return subprocess.run([*command, *small], capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_published_form_computes_the_same() -> None:
    done = run_benchmark('--baseline', 'published')
    for mode in ('forward', 'train'):
        assert TITLE.format(mode, 'published') in done.stdout, done.stderr
    assert 'allowed 3e-05: same' in done.stdout  # the speed of so small a network says nothing


@pytest.mark.slow
def test_compiled_operator_computes_the_same() -> None:
    done = run_benchmark('--baseline', 'reference')
    if not ops.choose('cpu', 'auto').compiled:
        assert done.returncode == 2 and 'build it with: bash ops/make.sh' in done.stderr
        return
    assert done.returncode == 0, done.stdout + done.stderr
    for mode, allowed in (('forward', '3e-05'), ('train', '0.001')):
        assert TITLE.format(mode, 'reference') in done.stdout
        assert f'allowed {allowed}: same' in done.stdout
