"""Compiled operators of avsbench: multi-scale deformable attention on CPU and CUDA.

Importing the package registers `torch.ops.avsbench.ms_deform_attn`,
`torch.ops.avsbench.ms_deform_attn_fused` and their backward operators; README.md describes them.

Raises:
    ImportError: The library is not built, or was built for another PyTorch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from avsbench_ops import _vmap
from avsbench_ops.version import __version__

__all__ = ['LIBRARY', '__version__', 'cpu_capability', 'limit_cpu_capability']


def _load() -> Path:
    """Load the shared library beside this file."""
    found = sorted(Path(__file__).parent.glob('_library*.so'))
    if not found:
        raise ImportError(
            f'the operators of avsbench are not built: there is no {__package__}/_library*.so in '
            f'{Path(__file__).parents[1]}; build it with: bash ops/make.sh'
        )
    try:
        torch.ops.load_library(found[0])
    except OSError as error:
        raise ImportError(
            f'{found[0]} can not be loaded with PyTorch {torch.__version__}, build it again with: '
            f'bash ops/make.sh ({error})'
        ) from error
    return found[0]


def cpu_capability() -> str:
    """The instruction set that the CPU kernels use: 'avx512', 'avx2' or 'portable'.

    The best one of this processor, unless the environment variable AVSBENCH_OPS_ISA names a lesser
    one when an operator is first called.
    """
    return torch.ops.avsbench.cpu_capability()


@contextmanager
def limit_cpu_capability(name: str) -> Iterator[str]:
    """Use no better instruction set than this one within the block, in all threads.

    Args:
        name: 'avx512', 'avx2' or 'portable'.

    Yields:
        What is used: Less than `name` where the processor doesn't have it.

    Raises:
        ValueError: There is no such instruction set.
    """
    before = cpu_capability()
    torch.ops.avsbench.set_cpu_capability(name)
    try:
        yield cpu_capability()
    finally:
        torch.ops.avsbench.set_cpu_capability(before)


LIBRARY = _load()
_vmap.register()
