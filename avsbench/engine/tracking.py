"""Trackers that a training also logs to, by an option of the command line."""

from typing import Any

from mmengine.config import Config

from avsbench.utils.extras import require

LOCAL = 'LocalVisBackend'  # the files of the work dir, always written


def use_tensorboard(cfg: Config) -> None:
    """Let a training write curves and images for TensorBoard, in `<work dir>/<time>/vis_data`.

    Raises:
        ConfigError: TensorBoard is not installed.
    """
    require('tensorboard', '--tensorboard')
    _add(cfg, dict(type='TensorboardVisBackend'))


def use_wandb(cfg: Config) -> None:
    """Let a training log to Weights & Biases: project avsbench, a run by the name of its work dir.

    Raises:
        ConfigError: Its package is not installed.
    """
    require('wandb', '--wandb')
    _add(cfg, dict(type='WandbVisBackend', init_kwargs=dict(project='avsbench', name=cfg.work_dir)))


def _add(cfg: Config, backend: dict[str, Any]) -> None:
    """Add a backend to the visualizer, unless the config has one of its type."""
    visualizer = cfg.setdefault('visualizer', dict(type='AVSLocalVisualizer'))
    backends = list(visualizer.get('vis_backends') or [dict(type=LOCAL)])
    if all(present.get('type') != backend['type'] for present in backends):
        visualizer.vis_backends = [*backends, backend]
