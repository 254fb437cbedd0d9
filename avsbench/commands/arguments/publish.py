"""Strip a training checkpoint to its weights: `avsbench publish IN.pth OUT_STEM`.

Writes `OUT_STEM-<first 8 digits of its SHA-256>.pth`. The file holds tensors and plain metadata
only, so that `torch.load(..., weights_only=True)` reads it everywhere; optimizer, log, random
states and any path of the machine that trained are left out. The config is in it, as data, so that
`AVSInferencer(FILE)` and `avsbench video IN.mp4 --weights FILE` need nothing else.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench publish`."""
    parser.add_argument('source', metavar='IN.pth', help='training checkpoint')
    parser.add_argument('stem', metavar='OUT_STEM', help='e.g. weights/avsegformer_pvt2_s4')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that holds more than tensors and plain data; this runs the code in it',
    )
    parser.add_argument('--safetensors', action='store_true', help='write .safetensors')
