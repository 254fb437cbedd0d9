"""What train.py and test.py share: their common options, and the runner that they ask for."""

import argparse

from mmengine.runner import Runner

from avsbench.checkpoint.reading import check_file
from avsbench.config.build import building
from avsbench.config.loading import check_subset, default_work_dir, open_config
from avsbench.engine.amp import use_amp
from avsbench.registry import RUNNERS
from avsbench.utils.cli import OverrideAction


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share, and defaults of those that differ."""
    parser.add_argument('--work-dir', metavar='DIR', help='default: work_dir/SUBSET/CONFIG_NAME')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=OverrideAction,
        default={},
        metavar='KEY=VALUE',
        help='change keys of the config, e.g. train_dataloader.batch_size=2 data_root=data/mine; '
        'lists as key=[1,2], list items as key.0.name=value',
    )
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='load a checkpoint that holds more than tensors and plain data; this runs the code '
        'in it, so only for files whose origin you trust',
    )
    parser.add_argument(
        '--any-subset',
        action='store_true',
        help='accept weights that were trained on another subset',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm'],
        default='none',
        help='how several processes were started; train.sh and test.sh set it',
    )
    parser.set_defaults(amp=False, resume=None, checkpoint=None, save_masks=None, overwrite=False)


def build_runner(args: argparse.Namespace) -> Runner:
    """Build the runner that the command line of train.py or test.py asks for.

    Args:
        args: `subset`, `config`, and the options of `add_run_arguments`; of training `amp` and
            `resume` ('auto' or a path); of testing `checkpoint`, `save_masks` and `overwrite`.

    Raises:
        ConfigError: The config has an error, or is one for another subset.
        CheckpointError: The checkpoint is no file of weights.
    """
    cfg = open_config(args.config, args.cfg_options)
    check_subset(cfg, args.subset)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(cfg)
    cfg.trust_checkpoint, cfg.any_subset = args.trust_checkpoint, args.any_subset
    if args.amp:
        use_amp(cfg)
    if args.resume is not None:
        cfg.resume, cfg.load_from = True, None if args.resume == 'auto' else args.resume
    if args.checkpoint is not None:
        cfg.resume, cfg.load_from = False, args.checkpoint
    if args.save_masks:
        hook = dict(type='MaskSavingHook', out_dir=args.save_masks, overwrite=args.overwrite)
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), hook]
    if cfg.get('load_from') is not None:
        check_file(cfg.load_from)
    with building(cfg):
        return RUNNERS.build(cfg)
