"""operators.cpp, which takes tensors to the CUDA kernels, over the emulator; no GPU needed.

It is compiled against stand-ins for CUDA's headers and loaded into a process of its own.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.cpp_extension import include_paths

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent / 'csrc'
TORCH = Path(torch.__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != 'linux' or shutil.which('g++') is None, reason='no g++ on Linux'
)
def test_operators_over_the_emulator(tmp_path):
    library = tmp_path / 'operators.so'
    sources = ('library.cpp', 'checks.cpp', 'cuda/operators.cpp')
    folders = (HERE / 'emulator', SOURCES / 'cuda', *include_paths())
    subprocess.run(
        ['g++', '-std=c++20', '-O1', '-g0', '-fPIC', '-shared', '-Wno-unknown-pragmas']
        + [f'-I{folder}' for folder in folders]
        + [str(SOURCES / source) for source in sources]
        + [str(HERE / 'emulator' / 'launches.cpp'), '-o', str(library)]
        + [f'-L{TORCH / "lib"}', '-lc10', '-ltorch', '-ltorch_cpu'],
        check=True,
        timeout=600,
    )
    script = HERE / 'emulator' / 'operators.py'
    done = subprocess.run(
        [sys.executable, str(script), str(library)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == [
        line.split('(')[0].removeprefix('def ')
        for line in script.read_text().splitlines()
        if line.startswith('def check_')
    ]
