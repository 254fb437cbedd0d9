"""Export the whole network to one file that runs without this toolbox.

    avsbench export s4/pvt2 CHECKPOINT --out avsegformer_s4.onnx
    avsbench export best_mIoU.pth --format torch --out avsegformer_s4.pt2

The graph takes the frames of clips as uint8 (B, T, 3, H, W), RGB, and what else the network reads:
the log-mel of each second, or with --front-end the waveform of T seconds. It gives logits or
probabilities (B, T, K, H, W), and masks (B, T, H, W). B is free, T and the size are fixed. The file
says all of this itself, with the names of the classes, in its metadata (docs/export.md).

What was written is run beside PyTorch; if it computes something else, no file is left.
"""

import argparse
from pathlib import Path

from avsbench.commands.arguments.network import add_config_and_checkpoint, join_names
from avsbench.options import EXPORT_FORMATS
from avsbench.utils.cli import OverrideAction

CHECKPOINT_SUFFIXES = ('.pth', '.pt', '.safetensors')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench export`."""
    add_config_and_checkpoint(parser)
    parser.add_argument('--out', type=Path, required=True, metavar='FILE', help='.onnx or .pt2')
    parser.add_argument(
        '--format',
        choices=EXPORT_FORMATS,
        default=EXPORT_FORMATS[0],
        help='onnx, for onnxruntime and others (default), or torch, for torch.export.load',
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        metavar=('H', 'W'),
        help='of the frames; default: that of the test, for videos without one that of 16:9',
    )
    parser.add_argument(
        '--front-end',
        action='store_true',
        help='compute the log-mel in the graph, from waveforms at 16 kHz (VGGish only)',
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        default=1e-3,
        metavar='SHARE',
        help='largest difference from PyTorch, as a share of the largest value (default: 0.001)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an existing file')
    parser.add_argument('--trust-checkpoint', action='store_true', help='see `bash test.sh --help`')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Take a checkpoint alone for one that holds its config; stop where a name is missing."""
    alone = args.checkpoint is None and args.checkpoint_option is None and args.weights is None
    if alone and args.config is not None and args.config.endswith(CHECKPOINT_SUFFIXES):
        args.weights, args.config = args.config, None
    join_names(parser, args)
