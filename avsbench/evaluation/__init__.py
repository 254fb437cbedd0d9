from avsbench.evaluation.avs_metric import AVSMetric
from avsbench.evaluation.table import format_table

__all__ = ['AVSMetric', 'format_table']
