"""The work of `avsbench publish`."""

import argparse
from pathlib import Path

from avsbench.checkpoint.publish import publish


def run(args: argparse.Namespace) -> None:
    """Run `avsbench publish`."""
    target = publish(
        args.source, args.stem, trust=args.trust_checkpoint, safetensors=args.safetensors
    )
    before, after = Path(args.source).stat().st_size, target.stat().st_size
    print(f'{target}: {after / 1e6:.1f} MB (from {before / 1e6:.1f} MB)')
