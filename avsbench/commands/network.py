"""The network of a command line."""

import argparse

from mmengine.config import Config

from avsbench.apis.standalone import parts_of


def config_of_arguments(args: argparse.Namespace) -> str | Config:
    """The config that was named, or the one that `--weights` holds or belongs to.

    The file of the latter becomes `args.checkpoint`.

    Raises:
        CheckpointError: See `parts_of`.
    """
    if args.weights is None:
        return args.config
    config, args.checkpoint = parts_of(args.weights, trust=args.trust_checkpoint)
    return config
