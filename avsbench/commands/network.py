"""The network of a command line."""

import argparse

from mmengine.config import Config

from avsbench.apis.standalone import config_of


def config_of_arguments(args: argparse.Namespace) -> str | Config:
    """The config that was named, or the one that `--weights` holds.

    Raises:
        CheckpointError: See `config_of`.
    """
    if args.weights is None:
        return args.config
    return config_of(args.weights, trust=args.trust_checkpoint)
