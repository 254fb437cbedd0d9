"""Test a checkpoint: `bash test.sh SUBSET CONFIG CHECKPOINT`, or this file for one process."""

import avsbench  # noqa: F401  a missing package is reported here, not as an unknown class

import argparse  # isort: skip
from pathlib import Path

from avsbench.checkpoint.reading import check_file
from avsbench.config.build import explain_build_errors
from avsbench.config.loading import apply_overrides, check_subset, default_work_dir, load_config
from avsbench.config.schema import check_arguments
from avsbench.engine import close_distributed
from avsbench.registry import RUNNERS
from avsbench.utils.cli import add_run_arguments, run_command


def parse_args() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog='test.sh',
        description='Test a checkpoint. The results are printed as a table, and written to '
        'results/ in the work dir.',
        epilog='example: bash test.sh s4 config/s4/pvt2.py work_dir/s4/pvt2/best_mIoU.pth',
    )
    parser.add_argument('subset', help="must be the config's own: s4, ms3 or avss")
    parser.add_argument('config', type=Path, help='e.g. config/s4/pvt2.py')
    parser.add_argument('checkpoint', help='of this toolbox, or published by a supported system')
    parser.add_argument('--save-masks', metavar='DIR', help='also write the masks as PNG files')
    parser.add_argument(
        '--overwrite', action='store_true', help='let --save-masks replace files that are there'
    )
    add_run_arguments(parser)
    return parser.parse_args()


def main() -> None:
    """Build the runner of the config and test."""
    args = parse_args()
    cfg = load_config(args.config)
    check_subset(cfg, args.subset)
    apply_overrides(cfg, args.cfg_options)
    check_file(args.checkpoint)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(cfg)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.save_masks:
        hook = dict(type='MaskSavingHook', out_dir=args.save_masks, overwrite=args.overwrite)
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), hook]
    check_arguments(cfg)
    with explain_build_errors(cfg):
        runner = RUNNERS.build(cfg)
        runner.trust_checkpoint = args.trust_checkpoint
        runner.any_subset = args.any_subset
        runner.test()
    close_distributed()


if __name__ == '__main__':
    run_command(main)
