"""The work of `avsbench publish`."""

import argparse
import tempfile
from pathlib import Path

from avsbench.checkpoint.publish import publish
from avsbench.checkpoint.reading import read_checkpoint
from avsbench.weights.card import model_card, read_test
from avsbench.weights.hub import push_to_hub
from avsbench.weights.locating import find_checkpoint


def run(args: argparse.Namespace) -> None:
    """Run `avsbench publish`."""
    source = find_checkpoint(args.source, trust=args.trust_checkpoint)
    if args.push is None:
        target = publish(
            source, args.stem, trust=args.trust_checkpoint, safetensors=args.safetensors
        )
        print_sizes(source, target)
        return
    result = read_test(args.results, source) if args.results else None
    with tempfile.TemporaryDirectory() as folder:
        stem = args.stem or Path(folder, args.push.rpartition('/')[2])
        target = publish(source, stem, trust=args.trust_checkpoint, safetensors=True)
        print_sizes(source, target)
        meta = read_checkpoint(target, mmap=True)['meta']
        card = model_card(
            meta, repo=args.push, file=target.name, licence=args.licence, result=result
        )
        files = {target.name: target, 'README.md': card}
        print(f'pushed: {push_to_hub(files, args.push, private=args.private)}')
        print(f'anybody who may read it loads it as hf:{args.push}')


def print_sizes(source: Path, target: Path) -> None:
    """Say what was written, and how much smaller it is."""
    before, after = source.stat().st_size, target.stat().st_size
    print(f'{target}: {after / 1e6:.1f} MB (from {before / 1e6:.1f} MB)')
