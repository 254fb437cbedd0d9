"""What the data sets of clips with audio have in common."""

import shlex
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable

from avsbench.datasets.base_clip_dataset import BaseClipDataset
from avsbench.datasets.clip_info import AudioClipInfo, check_info
from avsbench.datasets.transforms.loading import LoadClip
from avsbench.media.faults import ClipCheck


class BaseAVSDataset(BaseClipDataset):
    """Clips of one split with their audio; a subclass lists them.

    Arguments are those of `BaseClipDataset`.
    """

    METAINFO = {'classes': ('background', 'sounding'), 'palette': [[0, 0, 0], [255, 255, 255]]}
    short_audio: str  # see `AudioClipInfo`
    maskige_size: tuple[int, int] | None = None  # see `Layout`
    load_step = LoadClip

    @abstractmethod
    def load_clips(self) -> list[AudioClipInfo]:
        """The clips of the split, in a fixed order.

        Raises:
            DataError: What lists them is missing or malformed.
        """

    def load_data_list(self) -> list[AudioClipInfo]:
        """See `BaseClipDataset.load_data_list`."""
        name = type(self).__name__
        return [check_info(info, AudioClipInfo, name) for info in self.load_clips()]

    def fix_commands(self, checks: Iterable[ClipCheck]) -> list[str]:
        """See `BaseClipDataset.fix_commands`; Maskiges can be made."""
        kinds = {fault.kind for check in checks for fault in check.faults}
        if not kinds & {'missing Maskige', 'broken Maskige'}:
            return []
        root = shlex.quote(str(self.data_root))
        command = f'python -m avsbench data maskiges {self.subset} --data-root {root}'
        return [f'{command} --source superpixels']

    def summary(self) -> dict:
        """See `BaseClipDataset.summary`; with counts of the audio.

        They are `audio`, clips by the source of their log-mel; `padded_audio` and `cut_audio`,
        clips whose audio file gives fewer or more patches than the clip has frames, None if the
        files were not checked.
        """
        infos = list(self.clip_infos())
        patches = {c.clip_id: c.patches for c in self.checks if c.patches is not None}
        missing = [
            len(info['frame_paths']) - patches[info['clip_id']]
            for info in infos
            if info['clip_id'] in patches
        ]
        audio = Counter('wav' if info['log_mel_path'] is None else 'log_mel' for info in infos)
        return super().summary() | {
            'audio': dict(audio),
            'padded_audio': sum(n > 0 for n in missing) if self.checks else None,
            'cut_audio': sum(n < 0 for n in missing) if self.checks else None,
        }
