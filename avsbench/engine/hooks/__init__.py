"""Hooks: what happens besides the steps of a training or a test."""

from avsbench.engine.hooks.bundle_hook import BundleHook
from avsbench.engine.hooks.checkpoint_hook import SafeCheckpointHook
from avsbench.engine.hooks.cost_hook import CostHook
from avsbench.engine.hooks.crf_hook import CRFHook
from avsbench.engine.hooks.finite_loss_hook import FiniteLossHook, TrainingDivergedError
from avsbench.engine.hooks.mask_saving_hook import MaskSavingHook
from avsbench.engine.hooks.phase_hook import PhaseHook
from avsbench.engine.hooks.report_hook import ReportHook
from avsbench.engine.hooks.schedule_hooks import (
    DecayingLossHook,
    FirstRatesHook,
    FreezeBackboneHook,
    ProgressHook,
    StepSchedulersFirstHook,
)
from avsbench.engine.hooks.state_hooks import BroadcastBuffersHook, RandomStateHook
from avsbench.engine.hooks.visualization_hook import VisualizationHook

__all__ = [
    'BroadcastBuffersHook',
    'BundleHook',
    'CRFHook',
    'CostHook',
    'DecayingLossHook',
    'FiniteLossHook',
    'FirstRatesHook',
    'FreezeBackboneHook',
    'MaskSavingHook',
    'PhaseHook',
    'ProgressHook',
    'RandomStateHook',
    'ReportHook',
    'SafeCheckpointHook',
    'StepSchedulersFirstHook',
    'TrainingDivergedError',
    'VisualizationHook',
]
