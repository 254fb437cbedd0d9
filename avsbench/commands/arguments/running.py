"""The arguments of `avsbench train` and `avsbench test`, of train.sh and test.sh."""

import argparse
from pathlib import Path

from avsbench.config.paths import subsets
from avsbench.utils.cli import OverrideAction


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what training and testing share, and defaults of the options that differ."""
    parser.add_argument('subset', help=f'that of the config: {", ".join(subsets())}')
    parser.add_argument('config', type=Path, help='e.g. config/s4/pvt2.py')
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
    _add_precision_arguments(parser)
    parser.add_argument(
        '--compile',
        action=argparse.BooleanOptionalAction,
        default=None,
        help='whether backbone and head go through torch.compile: slower to start, faster then; '
        'default: compile.enabled of the config',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm'],
        default='none',
        help='how several processes were started; train.sh and test.sh set it',
    )
    parser.set_defaults(resume=None, checkpoint=None, save_masks=None, overwrite=False)
    parser.set_defaults(flip=None, scales=None, crf=False, overlays=False)
    parser.set_defaults(replace=False, allow_changes=None, tensorboard=False, wandb=False)


def _add_precision_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--amp',
        nargs='?',
        const='auto',
        choices=['auto', 'bf16', 'fp16', 'off'],
        metavar='bf16|fp16|off',
        help='mixed precision; without a value bfloat16, or float16 on a GPU without it. Default: '
        'in a training bfloat16 on a GPU or CPU that computes it, in a test off',
    )
    parser.add_argument(
        '--tf32',
        action=argparse.BooleanOptionalAction,
        default=None,
        help='whether a GPU may compute float32 products in TF32, or not; default: env_cfg.tf32 of '
        'the config',
    )


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of training: what to do with a training that is there already."""
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='auto|PATH',
        help='go on from the newest checkpoint of the work dir (from the start if there is none), '
        'or from PATH',
    )
    parser.add_argument(
        '--allow-changes',
        nargs='+',
        metavar='KEY',
        help='with --resume: settings that may differ from those of the checkpoint, e.g. '
        'optim_wrapper.optimizer.lr train_cfg.max_epochs; the new values are used',
    )
    parser.add_argument(
        '--overwrite',
        dest='replace',
        action='store_true',
        help='replace the checkpoints of an earlier training in the work dir',
    )
    parser.add_argument(
        '--tensorboard',
        action='store_true',
        help='also log for TensorBoard: tensorboard --logdir WORK_DIR',
    )
    parser.add_argument(
        '--wandb', action='store_true', help='also log to Weights & Biases, project avsbench'
    )


def add_test_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of testing: what is predicted, and what is left of it."""
    parser.add_argument(
        '--flip',
        action=argparse.BooleanOptionalAction,
        default=None,
        help='join the predictions for the frames and their mirror images, or not; default: '
        'model.test_cfg.flip of the config, or not',
    )
    parser.add_argument(
        '--scales',
        type=float,
        nargs='+',
        metavar='FACTOR',
        help='join the predictions at several sizes of the frames, e.g. 0.75 1 1.25; default: '
        'model.test_cfg.scales of the config, or 1',
    )
    parser.add_argument(
        '--crf',
        action='store_true',
        help='refine the masks of davis by a dense CRF after the test, and score these, too',
    )
    parser.add_argument(
        '--save-masks', metavar='DIR', help='also write the masks as PNG files, as published'
    )
    parser.add_argument(
        '--overlays', action='store_true', help='with --save-masks: also masks over the frames'
    )
    parser.add_argument(
        '--overwrite', action='store_true', help='let --save-masks replace files that are there'
    )
