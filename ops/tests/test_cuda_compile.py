"""The CUDA sources compile for the GPUs they are meant for; needs nvcc, but no GPU."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from torch.utils.cpp_extension import COMMON_NVCC_FLAGS, include_paths

SOURCES = Path(__file__).resolve().parents[1] / 'csrc' / 'cuda'

pytestmark = [
    pytest.mark.skipif(shutil.which('nvcc') is None, reason='no nvcc'),
    pytest.mark.skipif(torch.version.cuda is None, reason='PyTorch is built without CUDA'),
]


def nvcc(*arguments: str) -> str:
    """What the compiler says, with the flags that the build uses."""
    includes = [f'-I{folder}' for folder in include_paths()]
    command = ['nvcc', '-std=c++20', '-O3', *COMMON_NVCC_FLAGS, *includes, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize('source', sorted(SOURCES.glob('*.cu')), ids=lambda path: path.name)
def test_kernels_compile(source, tmp_path):
    """For both ends of the list of GPUs, without a warning and without large spills."""
    architectures = [f'-gencode=arch=compute_{sm},code=sm_{sm}' for sm in (80, 90)]
    target = tmp_path / 'kernels.o'
    said = nvcc('-c', str(source), '-o', str(target), '-Xptxas=-v', *architectures)
    assert target.stat().st_size > 0
    assert 'warning' not in said
    symbols = subprocess.run(['nm', '-u', str(target)], capture_output=True, text=True, check=True)
    assert 'c10_cuda_check_implementation' in symbols.stdout  # a launch's error is PyTorch's own
    # What nvcc makes, without a word, of a call from the host to a function of the device.
    assert not re.search(r'\bU exit$', symbols.stdout, re.MULTILINE)
    for architecture in ('sm_80', 'sm_90'):
        assert f"for '{architecture}'" in said
    assert max(int(spilled) for spilled in re.findall(r'(\d+) bytes spill stores', said)) <= 64


@pytest.mark.slow
def test_operators_compile(tmp_path):
    target = tmp_path / 'operators.o'
    nvcc('-c', str(SOURCES / 'operators.cpp'), '-o', str(target))
    assert target.stat().st_size > 0


@pytest.mark.slow
def test_accesses_and_atomics(tmp_path):
    """Channels move by 16 bytes; no result is added up by atomics, whose order is by chance."""
    for name in ('forward', 'backward'):
        target = tmp_path / f'{name}.ptx'
        nvcc('-ptx', str(SOURCES / f'{name}.cu'), '-o', str(target), '-arch=compute_80')
        code = target.read_text()
        assert not re.search(r'\b(atom|red)\.', code)
        seen = 0
        for entry in re.split(r'\.entry ', code)[1:]:
            kernel = re.match(
                r'\w+(forward|query|gather)_kernelI(f|d|N3c10\w+?E)Li(\d+)ELi(\d+)', entry
            )
            if kernel and kernel[3] != '1':
                seen += 1
                assert re.search(r'ld\.global\.v[24]\.\w(32|64)', entry), kernel[0]
                assert kernel[1] == 'query' or re.search(r'st\.global\.v[24]', entry), kernel[0]
        # float32 and the 16-bit types on 4, 8 or 16 lanes, float64 on 8 or 16; forward and query
        # kernels for three levels of four points, and for any.
        assert seen == (22 if name == 'forward' else 22 + 11)
