"""The runner that the command line of train.py or test.py asks for."""

import argparse

from mmengine.config import Config
from mmengine.runner import Runner

from avsbench.config.build import building
from avsbench.config.loading import check_subset, default_work_dir, open_config
from avsbench.engine.amp import resolve_precision, use_amp
from avsbench.engine.compiling import use_compile
from avsbench.engine.tracking import use_tensorboard, use_wandb
from avsbench.registry import RUNNERS
from avsbench.utils.errors import ConfigError
from avsbench.weights.locating import find_checkpoint


def build_runner(args: argparse.Namespace) -> Runner:
    """Build the runner that the command line of train.py or test.py asks for.

    Args:
        args: What `avsbench.commands.arguments.train` or `.test` has parsed.

    Raises:
        ConfigError: The config has an error, or is one for another subset.
        CheckpointError: The checkpoint is no file of weights.
    """
    cfg = open_config(args.config, args.cfg_options)
    check_subset(cfg, args.subset)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or default_work_dir(cfg)
    cfg.trust_checkpoint, cfg.any_subset = args.trust_checkpoint, args.any_subset
    apply_precision(cfg, args)
    if args.compile is not None:
        use_compile(cfg, args.compile)
    apply_train_arguments(cfg, args)
    if args.checkpoint is not None:
        cfg.resume, cfg.load_from = False, args.checkpoint
    apply_test_arguments(cfg, args)
    if cfg.get('load_from') is not None:
        cfg.load_from = str(find_checkpoint(cfg.load_from, trust=args.trust_checkpoint))
    with building(cfg):
        return RUNNERS.build(cfg)


def apply_precision(cfg: Config, args: argparse.Namespace) -> None:
    """Change the config as `--amp` and `--tf32` say.

    Raises:
        ConfigError: The machine has not got the precision.
    """
    if args.checkpoint is None:
        use_amp(cfg, args.amp)
    elif args.amp is not None:
        cfg.merge_from_dict({'env_cfg': {'eval_amp': resolve_precision(args.amp)}})
    if args.tf32 is not None:
        cfg.merge_from_dict({'env_cfg': {'tf32': args.tf32}})


def apply_train_arguments(cfg: Config, args: argparse.Namespace) -> None:
    """Change the config as the options of a training say.

    Raises:
        ConfigError: Two of them contradict one another, or a package is missing.
    """
    if args.resume is not None:
        cfg.resume, cfg.load_from = True, None if args.resume == 'auto' else args.resume
    if args.allow_changes and not cfg.get('resume'):
        raise ConfigError('--allow-changes belongs to --resume')
    if args.replace and cfg.get('resume') and not cfg.get('load_from'):
        raise ConfigError('--resume goes on from a training that --overwrite removes: choose one')
    cfg.overwrite, cfg.allow_changes = args.replace, args.allow_changes
    if args.tensorboard:
        use_tensorboard(cfg)
    if args.wandb:
        use_wandb(cfg)


def apply_test_arguments(cfg: Config, args: argparse.Namespace) -> None:
    """Change the config as the options of a test say.

    Raises:
        ConfigError: An option has no effect without another.
    """
    changed = {'flip': args.flip, 'scales': args.scales}
    changed = {name: value for name, value in changed.items() if value is not None}
    if changed:
        cfg.model.test_cfg = {**(cfg.model.get('test_cfg') or {}), **changed}
    hooks = []
    if args.save_masks:
        hook = dict(type='MaskSavingHook', out_dir=args.save_masks)
        hooks.append(hook | dict(overwrite=args.overwrite, overlays=args.overlays))
    elif args.overwrite or args.overlays:
        raise ConfigError('--overwrite and --overlays belong to --save-masks DIR')
    if args.crf:
        hooks.append(dict(type='CRFHook', out_dir=args.save_masks))
    if hooks:
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), *hooks]
