"""From video files to the frames, audio and log-mel that data sets read."""

from avsbench.datasets.preparation.clip import ClipTask, Outcome, prepare, prepare_clip

__all__ = ['ClipTask', 'Outcome', 'prepare', 'prepare_clip']
