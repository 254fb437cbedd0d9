"""Strip a training checkpoint to its weights, and push them: `avsbench publish IN.pth OUT_STEM`.

    avsbench publish work_dir/s4/pvt2/best_mIoU.pth weights/avsegformer_pvt2_s4
    avsbench publish work_dir/s4/pvt2/best_mIoU.pth --push user/repo --licence apache-2.0

Writes `OUT_STEM-<first 8 digits of its SHA-256>.pth`. The file holds tensors and plain metadata
only, so that `torch.load(..., weights_only=True)` reads it everywhere; optimizer, log, random
states and any path of the machine that trained are left out. The config is in it, as data, so that
`AVSInferencer(FILE)` and `avsbench video IN.mp4 --weights FILE` need nothing else.

With --push the file goes to huggingface.co, as safetensors and with a model card, and
`AVSInferencer('hf:USER/REPO')` loads it from there. OUT_STEM keeps it on this machine as well.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench publish`."""
    parser.add_argument('source', metavar='IN.pth', help='training checkpoint')
    parser.add_argument(
        'stem', nargs='?', metavar='OUT_STEM', help='e.g. weights/avsegformer_pvt2_s4'
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that holds more than tensors and plain data; this runs the code in it',
    )
    parser.add_argument('--safetensors', action='store_true', help='write .safetensors')
    parser.add_argument(
        '--push', metavar='USER/REPO', help='push to huggingface.co (extra hub), as safetensors'
    )
    parser.add_argument(
        '--licence', metavar='NAME', help='with --push: of the weights, e.g. apache-2.0'
    )
    parser.add_argument(
        '--results',
        metavar='DIR',
        help='with --push: the test of this checkpoint, a work dir or its results/test.json, for '
        'the model card',
    )
    parser.add_argument(
        '--private', action='store_true', help='with --push: a new repository is private'
    )


def check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Stop where arguments are missing, or belong to another one that is."""
    if args.push is None:
        if args.licence or args.results or args.private:
            parser.error('--licence, --results and --private belong to --push USER/REPO')
        if args.stem is None:
            parser.error('the following arguments are required: OUT_STEM (or --push)')
    elif not args.licence:
        parser.error('--push: say under which licence, e.g. --licence apache-2.0')
