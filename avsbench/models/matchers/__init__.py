"""Matchers: which query answers for which target."""

from avsbench.models.matchers.hungarian import assign

__all__ = ['assign']
