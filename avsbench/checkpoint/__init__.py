"""Checkpoints: safe strict loading, and the key names of published code bases."""

from collections.abc import Iterable

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule
from avsbench.checkpoint.avsegformer import AVSEGFORMER
from avsbench.checkpoint.catr import CATR
from avsbench.checkpoint.combo import COMBO
from avsbench.checkpoint.medvt import MEDVT
from avsbench.checkpoint.modat import MODAT
from avsbench.checkpoint.tpavi import TPAVI
from avsbench.checkpoint.vggish import VGGISH

ADAPTERS = (AVSEGFORMER, CATR, COMBO, MEDVT, MODAT, TPAVI, VGGISH)


def find_adapter(keys: Iterable[str]) -> CheckpointAdapter | None:
    """The adapter of the code base that a state dict with these keys comes from, or None."""
    keys = set(keys)
    return next((adapter for adapter in ADAPTERS if adapter.matches(keys)), None)


__all__ = ['ADAPTERS', 'CheckpointAdapter', 'KeyRule', 'find_adapter']
