"""What a network marks when the sound is not that of the clip.

found = evaluate_robustness('config/s4/pvt2.py', 'best_mIoU.pth', 'robustness')
found.value('silence', 'FPR')
print(systems_table({'A': [found, of_another_seed], 'B': [other]}))
"""

from avsbench.analysis.robustness.evaluating import evaluate_robustness
from avsbench.analysis.robustness.measuring import METRICS
from avsbench.analysis.robustness.report import Robustness, read_robustness, systems_table
from avsbench.analysis.robustness.settings import GROUPS, RobustnessSettings

__all__ = [
    'GROUPS',
    'METRICS',
    'Robustness',
    'RobustnessSettings',
    'evaluate_robustness',
    'read_robustness',
    'systems_table',
]
