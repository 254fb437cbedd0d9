"""Take a built library of the operators into the checkout, if it runs here.

python tools/probe_operators.py _library.so

It must fit this PyTorch and this GPU: an operator is called once. Otherwise nothing is left behind,
and the exit code is not 0; `bash ops/make.sh` builds one.
"""

import argparse
import shutil
import sys
from pathlib import Path

OPS = Path(__file__).resolve().parents[1] / 'ops'


def main() -> None:
    """Copy, call, and remove it again if that fails."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('library', type=Path)
    parser.add_argument('--device', default='cuda')
    parser.add_argument('--into', type=Path, default=OPS / 'avsbench_ops', help='the package')
    args = parser.parse_args()
    target = args.into / '_library.so'
    if not (target.exists() and target.samefile(args.library)):
        target.unlink(missing_ok=True)  # a process that has loaded it keeps the old one
        shutil.copyfile(args.library, target)
    try:
        call(args.into, args.device)
    except BaseException:
        target.unlink()
        raise
    print(f'{args.library} runs on {args.device}')


def call(package: Path, device: str) -> None:
    """One value of 1 sampled at its centre is 1."""
    sys.path.insert(0, str(package.parent))
    import torch
    from avsbench_ops import LIBRARY

    if LIBRARY.parent != package:
        raise RuntimeError(f'the package of {LIBRARY} is in the way')
    value = torch.ones(1, 1, 1, 4, device=device)
    reference = torch.full((1, 1, 1, 2), 0.5, device=device)
    offsets = torch.zeros(1, 1, 1, 1, 1, 2, device=device)
    logits = torch.zeros(1, 1, 1, 1, device=device)
    output = torch.ops.avsbench.ms_deform_attn_fused(value, [1, 1], reference, offsets, logits)
    if not bool((output == 1).all()):
        raise RuntimeError(f'{LIBRARY} computes {output.tolist()}, expected ones')


if __name__ == '__main__':
    main()
