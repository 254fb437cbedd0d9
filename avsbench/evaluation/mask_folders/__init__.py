"""Scores of masks in a folder, whoever made them: names, contents, and the metric over both."""

from avsbench.evaluation.mask_folders.names import MaskFiles, find_masks
from avsbench.evaluation.mask_folders.reading import ScoringOptions
from avsbench.evaluation.mask_folders.scoring import FolderScores, score_folder

__all__ = ['FolderScores', 'MaskFiles', 'ScoringOptions', 'find_masks', 'score_folder']
