"""The build: its switches, what it says when it can't, and the sanitizers' build."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from cases import OPS, REASON, avsbench_ops


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources, with nothing built."""
    folder = tmp_path / 'ops'
    ignored = shutil.ignore_patterns('build', '*.so', '*.egg-info', '__pycache__', 'tests')
    shutil.copytree(OPS, folder, ignore=ignored)
    return folder


@pytest.fixture
def setup(monkeypatch):
    """The module setup.py."""
    for name in ('CUDA_HOME', 'CUDA_PATH', 'CFLAGS'):
        monkeypatch.delenv(name, raising=False)
    spec = importlib.util.spec_from_file_location('ops_setup', OPS / 'setup.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(folder: Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ['bash', str(folder / 'make.sh')],
        env={**os.environ, 'PYTHON': sys.executable, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def not_progress(text: str) -> list[str]:
    """The lines that do more than name a file and how many there are; each file is named once."""
    lines = text.splitlines()
    assert len(lines) == len(set(lines))
    return [line for line in lines if not re.fullmatch(r'(\[\d+/\d+\] )?\w+\.(cpp|cu)', line)]


def test_no_compiler_is_an_error(copy: Path) -> None:
    done = make(copy, CXX='/no/such/compiler', CC='/no/such/compiler', AVSBENCH_OPS_CUDA='0')
    assert done.returncode == 1
    assert '/no/such/compiler' in done.stderr
    assert not list((copy / 'avsbench_ops').glob('*.so'))


def test_no_compiler_is_one_line_where_the_build_is_optional(copy: Path) -> None:
    done = make(
        copy,
        CXX='/no/such/compiler',
        CC='/no/such/compiler',
        AVSBENCH_OPS_CUDA='0',
        AVSBENCH_OPS_OPTIONAL='1',
    )
    assert (done.returncode, not_progress(done.stderr)) == (0, [])
    (line,) = done.stdout.splitlines()
    assert line.startswith('avsbench_ops is not built, PyTorch operators run instead: ')


def test_no_pytorch_is_one_line_where_the_build_is_optional(copy: Path) -> None:
    (copy / 'torch.py').write_text('raise ModuleNotFoundError("No module named \'torch\'")')
    done = make(copy, AVSBENCH_OPS_OPTIONAL='1')
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout.endswith("PyTorch operators run instead: No module named 'torch'\n")


def test_broken_source_is_one_line_where_the_build_is_optional(copy: Path) -> None:
    for file in copy.glob('csrc/**/*.cpp'):
        file.write_text('#error broken')
    done = make(copy, AVSBENCH_OPS_CUDA='0', AVSBENCH_OPS_OPTIONAL='1')
    assert (done.returncode, not_progress(done.stderr)) == (0, [])
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith('avsbench_ops is not built')
    done = make(copy, AVSBENCH_OPS_CUDA='0')
    assert done.returncode == 1
    assert '#error broken' in done.stderr


def test_unknown_value_of_a_switch(copy: Path) -> None:
    done = make(copy, AVSBENCH_OPS_CUDA='yes')
    assert done.returncode == 1
    assert "error: AVSBENCH_OPS_CUDA='yes', expected one of: auto, 0, 1" in done.stderr


def toolkit(folder: Path, version: str) -> Path:
    """Something that looks like a CUDA toolkit."""
    (folder / 'bin').mkdir(parents=True)
    (folder / 'include').mkdir()
    (folder / 'include' / 'cuda_runtime.h').touch()
    compiler = folder / 'bin' / 'nvcc'
    compiler.write_text(f'#!/bin/sh\necho "Cuda compilation tools, release {version}, V{version}"')
    compiler.chmod(0o755)
    return folder


def test_toolkit_must_fit_pytorch(setup, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(torch.version, 'cuda', '13.2')
    fits = toolkit(tmp_path / 'fits', '13.0')
    old = toolkit(tmp_path / 'old', '12.8')
    monkeypatch.setenv('CUDA_HOME', str(fits))
    assert setup.find_toolkit('auto') == fits
    assert setup.find_toolkit('1') == fits
    assert setup.find_toolkit('0') is None
    monkeypatch.setenv('CUDA_HOME', str(old))
    assert setup.find_toolkit('auto') is None
    assert f'PyTorch is built for CUDA 13.2, {old} is 12.8' in capsys.readouterr().out
    with pytest.raises(RuntimeError, match='AVSBENCH_OPS_CUDA=1, but PyTorch is built for'):
        setup.find_toolkit('1')
    monkeypatch.setattr(torch.version, 'cuda', None)
    with pytest.raises(RuntimeError, match='built without CUDA'):
        setup.find_toolkit('1')


def test_toolkit_behind_a_script_on_the_path(setup, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(torch.version, 'cuda', '13.2')
    real = toolkit(tmp_path / 'real', '13.1')
    script = tmp_path / 'bin' / 'nvcc'
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\necho "#\\$ TOP={real}" >&2')
    script.chmod(0o755)
    monkeypatch.setenv('PATH', f'{script.parent}:/usr/bin:/bin')
    assert real in setup.toolkits()


def test_cuda_that_does_not_build_leaves_the_cpu_kernels(setup, monkeypatch, capsys) -> None:
    tried = []

    def compile_extension(folder: Path | None) -> None:
        tried.append(folder)
        if folder:
            raise RuntimeError('nvcc does not know your compiler\nand much more')

    monkeypatch.setattr(setup, 'compile_extension', compile_extension)
    monkeypatch.setattr(setup, 'find_toolkit', lambda wanted: Path('/cuda'))
    monkeypatch.delenv('AVSBENCH_OPS_CUDA', raising=False)
    setup.build()
    assert tried == [Path('/cuda'), None]
    said = capsys.readouterr().out
    assert 'the CUDA kernels do not build with /cuda: nvcc does not know your compiler\n' in said
    monkeypatch.setenv('AVSBENCH_OPS_CUDA', '1')
    with pytest.raises(RuntimeError, match='nvcc does not know'):
        setup.build()
    assert tried == [Path('/cuda'), None, Path('/cuda')]


def test_optimisation_of_cflags_wins(setup, monkeypatch) -> None:
    assert setup.optimisation() == ['-O3']
    monkeypatch.setenv('CFLAGS', '-g -O1')
    assert setup.optimisation() == []


def test_standard_is_stated(setup, monkeypatch) -> None:
    """Older PyTorch adds C++17 where the flags state no standard; the sources are C++20."""
    made = {}
    monkeypatch.chdir(OPS)
    monkeypatch.setattr(setup, 'setup', lambda **options: made.update(options))
    setup.compile_extension(None)
    (extension,) = made['ext_modules']
    for flags in extension.extra_compile_args.values():
        assert [flag for flag in flags if flag.startswith('-std=')] == ['-std=c++20']
    assert set(extension.extra_compile_args) == {'cxx', 'nvcc'}


@pytest.mark.slow
@pytest.mark.skipif(bool(REASON), reason=REASON or 'built')
def test_address_sanitizer() -> None:
    done = subprocess.run(
        ['bash', str(OPS / 'asan.sh')],
        env={**os.environ, 'PYTHON': sys.executable},
        capture_output=True,
        text=True,
    )
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    assert ' passed' in done.stdout.splitlines()[-1]
    with avsbench_ops.limit_cpu_capability('avx512') as used:
        everything = used == 'avx512'  # otherwise this processor has to leave some out
    assert everything == (' skipped' not in done.stdout.splitlines()[-1])
