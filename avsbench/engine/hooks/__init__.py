"""Hooks: what happens besides the steps of a training or a test."""

from avsbench.engine.hooks.broadcast_hook import BroadcastBuffersHook
from avsbench.engine.hooks.checkpoint_hook import SafeCheckpointHook
from avsbench.engine.hooks.finite_loss_hook import FiniteLossHook, TrainingDivergedError
from avsbench.engine.hooks.freeze_hook import FreezeBackboneHook
from avsbench.engine.hooks.mask_saving_hook import MaskSavingHook
from avsbench.engine.hooks.random_state_hook import RandomStateHook
from avsbench.engine.hooks.report_hook import ReportHook
from avsbench.engine.hooks.scheduler_hook import StepSchedulersFirstHook
from avsbench.engine.hooks.visualization_hook import VisualizationHook

__all__ = [
    'BroadcastBuffersHook',
    'FiniteLossHook',
    'FreezeBackboneHook',
    'MaskSavingHook',
    'RandomStateHook',
    'ReportHook',
    'SafeCheckpointHook',
    'StepSchedulersFirstHook',
    'TrainingDivergedError',
    'VisualizationHook',
]
