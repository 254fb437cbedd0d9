"""Builds avsbench_ops: the CPU kernels always, the CUDA kernels where a toolkit is.

AVSBENCH_OPS_CUDA      auto (default): the CUDA kernels, where there are a toolkit and a PyTorch
                       built for its major version, and they compile; 1: fail without them; 0: never
AVSBENCH_OPS_OPTIONAL  1: if the build fails, print one line and succeed
TORCH_CUDA_ARCH_LIST   GPUs to build for, default 8.0 8.6 8.9 9.0+PTX
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
ARCHITECTURES = '8.0 8.6 8.9 9.0+PTX'
# Stated, since older PyTorch (2.4 to 2.11 at least) adds C++17 where the flags state none.
STANDARD = '-std=c++20'
# The last one is for compilers' own headers of vector instructions.
WARNINGS = ['-Wall', '-Wno-psabi', '-Wno-maybe-uninitialized']

# pip builds in an environment of its own; the library must fit the PyTorch of the outer one.
sys.path += [sysconfig.get_path('purelib'), sysconfig.get_path('platlib')]


def main() -> None:
    """Build, install or whatever the command line says."""
    if switch('AVSBENCH_OPS_OPTIONAL', '0', '1') == '0':
        return build()
    try:
        build()
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and not error.code:
            raise
        print(f'avsbench_ops is not built, PyTorch operators run instead: {first_line(error)}')
        if 'build_ext' not in sys.argv:
            setup()  # for pip: a package that says how to build it, when it is imported


def build() -> None:
    """Run setuptools with the extension that can be built here."""
    wanted = switch('AVSBENCH_OPS_CUDA', 'auto', '0', '1')
    toolkit = find_toolkit(wanted)
    if toolkit is None or wanted == '1':
        return compile_extension(toolkit)
    try:
        compile_extension(toolkit)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and not error.code:
            raise
        print(f'avsbench_ops: the CUDA kernels do not build with {toolkit}: {first_line(error)}')
        print('avsbench_ops: the CPU kernels alone (AVSBENCH_OPS_CUDA=1 makes this an error)')
        compile_extension(None)


def compile_extension(toolkit: Path | None) -> None:
    """Run setuptools, with the CUDA kernels if there is a toolkit."""
    if toolkit:
        # Both are read as cpp_extension is imported, or later.
        os.environ['CUDA_HOME'] = str(toolkit)
        os.environ['TORCH_CUDA_ARCH_LIST'] = (
            os.environ.get('TORCH_CUDA_ARCH_LIST', '').strip() or ARCHITECTURES
        )
    from torch.utils import cpp_extension

    os.chdir(ROOT)  # sources are relative to it
    make = cpp_extension.CUDAExtension if toolkit else cpp_extension.CppExtension
    folders = ('csrc', 'csrc/cpu', *(['csrc/cuda'] if toolkit else []))
    parallel = openmp_flags()
    extension = make(
        'avsbench_ops._library',
        sorted(
            str(file)
            for folder in folders
            for kind in ('*.cpp', '*.cu')
            for file in Path(folder).glob(kind)
        ),
        depends=sorted(str(file) for folder in folders for file in Path(folder).glob('*.h')),
        extra_compile_args={
            'cxx': [STANDARD, *optimisation(), '-g0', *WARNINGS, '-fvisibility=hidden', *parallel],
            'nvcc': [STANDARD, '-O3', '--threads=2'],
        },
        extra_link_args=parallel,
    )
    command = cpp_extension.BuildExtension.with_options(no_python_abi_suffix=True)
    setup(ext_modules=[extension], cmdclass={'build_ext': command})


def first_line(error: BaseException) -> str:
    """What went wrong, without the compiler's output."""
    return str(error).strip().split('\n', 1)[0] or type(error).__name__


def switch(name: str, *values: str) -> str:
    """The environment variable, one of these values; the first one if it is not set."""
    value = os.environ.get(name, '').strip() or values[0]
    if value not in values:
        sys.exit(f'error: {name}={value!r}, expected one of: {", ".join(values)}')
    return value


def optimisation() -> list[str]:
    """The level in CFLAGS, if there is one, would be followed by ours."""
    return [] if re.search(r'(^|\s)-O', os.environ.get('CFLAGS', '')) else ['-O3']


def openmp_flags() -> list[str]:
    """What makes at::parallel_for parallel: nothing where PyTorch has threads of its own."""
    import torch

    openmp = 'USE_OPENMP=ON' in torch.__config__.show() and sys.platform == 'linux'
    return ['-fopenmp'] if openmp else []


def find_toolkit(wanted: str) -> Path | None:
    """Folder of a CUDA toolkit that fits this PyTorch; None: build for the CPU alone.

    Raises:
        RuntimeError: There is none, and it was asked for.
    """
    import torch

    if wanted == '0':
        return None
    if torch.version.cuda is None:
        trouble = f'PyTorch {torch.__version__} is built without CUDA'
    else:
        trouble = 'there is no nvcc in CUDA_HOME, /usr/local/cuda or PATH'
        for folder in toolkits():
            version = release(folder)
            if version.split('.')[0] == torch.version.cuda.split('.')[0]:
                return folder
            trouble = f'PyTorch is built for CUDA {torch.version.cuda}, {folder} is {version}'
    if wanted == '1':
        raise RuntimeError(f'AVSBENCH_OPS_CUDA=1, but {trouble}')
    print(f'avsbench_ops: building the CPU kernels alone ({trouble})')
    return None


def toolkits() -> list[Path]:
    """Folders that hold a CUDA compiler and its headers."""
    named = [os.environ.get('CUDA_HOME'), os.environ.get('CUDA_PATH')]
    found = [Path(folder) for folder in named if folder]
    if not found:
        found.append(Path('/usr/local/cuda'))
        on_path = shutil.which('nvcc')
        if on_path:
            found.append(Path(on_path).resolve().parents[1])
            # It may be a script that starts the real one, which names its folder as TOP.
            answer = run(on_path, '--dryrun', '-x', 'cu', '-c', os.devnull)
            found += [Path(top) for top in re.findall(r'TOP=(.+)', answer)]
    return [folder for folder in found if (folder / 'bin' / 'nvcc').exists() and headers(folder)]


def headers(folder: Path) -> bool:
    """Whether the toolkit's headers are where compilers look for them."""
    return any(folder.glob('include/cuda_runtime.h')) or any(
        folder.glob('targets/*/include/cuda_runtime.h')
    )


def release(folder: Path) -> str:
    """Version of a toolkit's compiler, such as 13.0; empty if it says none."""
    answer = re.search(r'release (\d+\.\d+)', run(str(folder / 'bin' / 'nvcc'), '--version'))
    return answer[1] if answer else ''


def run(*command: str) -> str:
    """What a command says; nothing if it can't be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout + done.stderr


if __name__ == '__main__':
    main()
