"""Checkpoints: safe strict loading, and the key names of published code bases."""

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, find_adapter
from avsbench.checkpoint.avsegformer import AVSEGFORMER
from avsbench.checkpoint.vggish import VGGISH

ADAPTERS = (AVSEGFORMER, VGGISH)

__all__ = ['ADAPTERS', 'CheckpointAdapter', 'KeyRule', 'find_adapter']
