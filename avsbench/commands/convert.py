"""The work of `avsbench convert`."""

import argparse

from avsbench.checkpoint.convert import convert
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.weights.locating import find_checkpoint


def run(args: argparse.Namespace) -> None:
    """Run `avsbench convert`."""
    if args.config:
        load_config(config_file(args.config))  # runs its custom_imports
    source = find_checkpoint(args.source, trust=args.trust_checkpoint)
    done = convert(source, args.target, args.to, audio=args.audio, trust=args.trust_checkpoint)
    print(done)
