"""Comparison of results on the same clips: intervals, tests, and who wins where."""

from avsbench.analysis.comparison.comparing import Comparison, ComparisonSettings, compare
from avsbench.analysis.comparison.groups import group_rows
from avsbench.analysis.comparison.results import (
    Result,
    System,
    check_comparable,
    class_names,
    read_confusion,
    read_result,
)

__all__ = [
    'Comparison',
    'ComparisonSettings',
    'Result',
    'System',
    'check_comparable',
    'class_names',
    'compare',
    'group_rows',
    'read_confusion',
    'read_result',
]
