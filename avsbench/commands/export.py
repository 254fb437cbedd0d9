"""The work of `avsbench export`."""

import argparse

from avsbench.apis.model import open_network_config
from avsbench.commands.network import config_of_arguments
from avsbench.export.writing import CHECKED_CLIPS, export_network


def run(args: argparse.Namespace) -> None:
    """Run `avsbench export`."""
    cfg = open_network_config(config_of_arguments(args), args.cfg_options)
    report = export_network(
        cfg,
        args.checkpoint,
        args.out,
        file_format=args.format,
        size=None if args.size is None else tuple(args.size),
        waveform=args.front_end,
        tolerance=args.tolerance,
        trust=args.trust_checkpoint,
        overwrite=args.overwrite,
    )
    batches = ' and '.join(map(str, CHECKED_CLIPS))
    print(
        f'{args.out}: {args.out.stat().st_size / 1e6:.1f} MB; on batches of {batches} clips it '
        f'differs from PyTorch by at most {report.difference:.2g} of {report.scale:.3g}, in the '
        f'class of {report.pixels:.2%} of the pixels'
    )
