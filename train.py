"""Train a network: `bash train.sh SUBSET CONFIG`, or this file directly for one process."""

import avsbench  # noqa: F401  a missing package is reported here, not as an unknown class

import argparse  # isort: skip
from pathlib import Path

from avsbench.checkpoint.reading import check_file
from avsbench.config.build import explain_build_errors
from avsbench.config.loading import apply_overrides, check_subset, default_work_dir, load_config
from avsbench.config.schema import check_arguments
from avsbench.engine import close_distributed, use_amp
from avsbench.registry import RUNNERS
from avsbench.utils.cli import add_run_arguments, run_command


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='train.sh',
        description='Train a network. Checkpoints, logs and results go to the work dir.',
        epilog='example: GPUS=2 bash train.sh s4 config/s4/pvt2.py --resume',
    )
    parser.add_argument('subset', help="must be the config's own: s4, ms3 or avss")
    parser.add_argument('config', type=Path, help='e.g. config/s4/pvt2.py')
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='auto|PATH',
        help='go on from the newest checkpoint of the work dir (from the start if there is none), '
        'or from PATH',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: float16 on a GPU, bfloat16 on the CPU',
    )
    add_run_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Build the runner of the config and train."""
    args = parse_args()
    cfg = load_config(args.config)
    check_subset(cfg, args.subset)
    apply_overrides(cfg, args.cfg_options)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(cfg)
    if args.amp:
        use_amp(cfg)
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == 'auto' else args.resume
    if cfg.get('load_from') is not None:
        check_file(cfg.load_from)
    check_arguments(cfg)
    with explain_build_errors(cfg):
        runner = RUNNERS.build(cfg)
        runner.trust_checkpoint = args.trust_checkpoint
        runner.any_subset = args.any_subset
        runner.train()
    close_distributed()


if __name__ == '__main__':
    run_command(main)
