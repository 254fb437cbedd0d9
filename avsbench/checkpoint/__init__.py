"""Checkpoints: safe strict loading, and the key names of published code bases."""

from collections.abc import Iterable

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule
from avsbench.checkpoint.vggish import VGGISH
from avsbench.registry import SYSTEMS


def adapters() -> dict[str, CheckpointAdapter]:
    """The adapters of the registered systems by the layout's name, and that of VGGish's file.

    A layout is called like its system, or like its system and `CheckpointAdapter.layout`.
    """
    SYSTEMS.import_from_location()
    layouts = {
        '_'.join(filter(None, (name, adapter.layout))): adapter
        for name, system in SYSTEMS.module_dict.items()
        for adapter in system.adapters
    }
    return {**layouts, 'vggish': VGGISH}


def find_adapter(keys: Iterable[str]) -> CheckpointAdapter | None:
    """The adapter of the code base that a state dict with these keys comes from, or None."""
    keys = set(keys)
    return next((adapter for adapter in adapters().values() if adapter.matches(keys)), None)


__all__ = ['CheckpointAdapter', 'KeyRule', 'adapters', 'find_adapter']
