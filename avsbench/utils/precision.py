"""Types of mixed precision: their names, and where they are faster than float32."""

import functools
from pathlib import Path

import torch

DTYPES = {'bf16': torch.bfloat16, 'fp16': torch.float16}
"""Types of mixed precision by the names that options and configs have for them."""

# Instructions for products of bfloat16; a CPU without them emulates these, slower than float32.
_INSTRUCTIONS = ('amx_bf16', 'avx512_bf16')


@functools.cache
def cpu_computes_bf16() -> bool:
    """Whether this CPU multiplies bfloat16 by itself, about twice as fast as float32."""
    known = getattr(torch.cpu, 'get_capabilities', None)  # not in older versions
    if known is not None:
        capabilities = known()
        return any(capabilities.get(name, False) for name in _INSTRUCTIONS)
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.is_file() else []
    flags = next((line.split() for line in lines if line.startswith('flags')), [])
    return any(name in flags for name in _INSTRUCTIONS)
