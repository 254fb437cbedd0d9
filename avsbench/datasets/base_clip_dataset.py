"""What all data sets have in common: clips, the check of their files, counts."""

import functools
import gc
import shlex
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from mmengine.dataset import BaseDataset

from avsbench.datasets.clip_info import ClipInfo
from avsbench.datasets.transforms.loading import LoadFrames
from avsbench.datasets.validation import CHECK_LEVELS, ChecksFiles, check_clips
from avsbench.layouts import GENERATOR_RECORD
from avsbench.media.faults import ClipCheck, describe
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError


class BaseClipDataset(BaseDataset):
    """Clips of one split; a subclass lists them.

    The files are checked when the data set is made. One that turns out broken in spite of that
    stops the run: a clip is never replaced by another.

    Args:
        data_root: Folder that the data are in.
        split: Name of the split.
        pipeline: Transforms, or their configs.
        ann_file: What lists the clips, relative to `data_root`.
        check: 'fast' looks at the header and end of every file, 'full' decodes every file, 'off'
            looks at none.
        metainfo: Replaces `classes` or `palette` of the class.
        test_mode: Whether this is a data set to test on, as mmengine understands it.
        indices: Only these clips, or the first so many (the last, if negative).

    Attributes:
        checks: What was found about each clip, empty if nothing was checked.

    Raises:
        DataError: Files are missing or malformed.
    """

    METAINFO = {'classes': ('background', 'object'), 'palette': [[0, 0, 0], [255, 255, 255]]}
    subset: str
    clip_frames: int  # T of the longest clips
    load_step: type[ChecksFiles] = LoadFrames  # checks the files if the pipeline has no such step
    checked_units = 'clips'  # what each of `check_files` is about

    def __init__(
        self,
        data_root: str,
        split: str,
        *,
        pipeline: Sequence[dict | Callable] = (),
        ann_file: str = '',
        check: str = 'fast',
        metainfo: dict | None = None,
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        self.split = split
        self.check = check_choice(f'{type(self).__name__}: check', check, CHECK_LEVELS)
        self.checks: list[ClipCheck] = []
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=str(data_root),
            data_prefix={},
            indices=indices,
            pipeline=list(pipeline),
            test_mode=test_mode,
            max_refetch=0,  # mmengine would replace a clip that can't be read by a random one
        )

    @abstractmethod
    def load_data_list(self) -> list[dict]:
        """List the clips in a fixed order, for `get_data_info`; mmengine calls it.

        Raises:
            DataError: What lists them is missing or malformed.
        """

    def full_init(self) -> None:
        """List the clips and check their files, once; mmengine calls this.

        Raises:
            DataError: Files are missing or malformed.
        """
        if self._fully_initialized:
            return
        super().full_init()
        if self.check != 'off':
            self.checks = list(self.check_files(self.check))
            broken = [check for check in self.checks if check.faults]
            if broken:
                raise DataError(self._report(broken))

    def _serialize_data(self) -> tuple[np.ndarray, np.ndarray]:
        """The list as bytes; mmengine calls this, and collects what garbage the list has left.

        Looking through all objects that importing PyTorch has made takes half a second. They are
        not looked at, unless they are frozen already, by somebody who does not want that undone.
        """
        untouched = not gc.get_freeze_count()
        if untouched:
            gc.freeze()
        try:
            return super()._serialize_data()
        finally:
            if untouched:
                gc.unfreeze()

    def _get_unserialized_subset(self, indices: int | Sequence[int]) -> list[ClipInfo]:
        """Those of the list that `indices` names; mmengine calls this."""
        count = len(self.data_list)
        listed = indices if isinstance(indices, Sequence) else range(min(abs(indices), count))
        wrong = [index for index in listed if not -count <= index < count]
        if wrong or not listed:
            raise ConfigError(
                f'{type(self).__name__}: indices={indices}, expected the positions of some of the '
                f'{count} items of split {self.split!r}, from 0 to {count - 1}, or how many of the '
                'first (negative: the last) ones to take'
            )
        return super()._get_unserialized_subset(indices)

    def check_files(self, level: str) -> Iterator[ClipCheck]:
        """Check all clips, in their order.

        Args:
            level: 'fast' or 'full', as the argument `check` of the class.
        """
        steps = [step for step in self.pipeline.transforms if isinstance(step, ChecksFiles)]
        check = functools.partial(
            self.check_clip, steps=steps or [self.load_step()], full=level == 'full'
        )
        yield from check_clips(check, self.infos_to_check(), level)

    def infos_to_check(self) -> Iterable[ClipInfo]:
        """One for each of `checked_units`, with the files that belong to it."""
        return self.clip_infos()

    def num_checked(self) -> int:
        """How many `infos_to_check` gives."""
        return len(self)

    def check_clip(self, info: ClipInfo, *, steps: Sequence[ChecksFiles], full: bool) -> ClipCheck:
        """Check one clip.

        Args:
            info: The clip.
            steps: Of the pipeline, those that check what they read.
            full: See `ChecksFiles.check`.
        """
        found = ClipCheck(info['clip_id'], info['csv_row'])
        for step in steps:
            step.check(info, found, full=full)
        return found

    def fix_commands(self, checks: Iterable[ClipCheck]) -> list[str]:
        """Commands that make what was found missing, as far as the toolbox can make it."""
        return []

    @property
    def synthetic(self) -> bool:
        """Whether the record of a generator lies in the data root."""
        return Path(self.data_root, GENERATOR_RECORD).is_file()

    def clip_infos(self) -> Iterator[ClipInfo]:
        """`data_info` of every clip."""
        return (self.get_data_info(index) for index in range(len(self)))

    def summary(self) -> dict:
        """Counts for reports.

        Returns:
            `subset`, `split`, `synthetic` (the generator's record lies in the data root), `clips`,
            `frames`, `annotated_frames`.
        """
        infos = list(self.clip_infos())
        return {
            'subset': self.subset,
            'split': self.split,
            'synthetic': self.synthetic,
            'clips': len(infos),
            'frames': sum(len(info['frame_paths']) for info in infos),
            'annotated_frames': sum(
                path is not None for info in infos for path in info['mask_paths']
            ),
        }

    def _report(self, broken: list[ClipCheck]) -> str:
        where = f'{type(self).__name__}, split {self.split!r} of {self.ann_file}'
        count = self.num_checked()
        text = f'{where}: {len(broken)} of {count} {self.checked_units} cannot be used\n'
        text += describe(broken, self.checked_units)
        commands = self.fix_commands(broken)
        for command in commands:
            text += f'\n  To make what is missing: {command}'
        if len(broken) == count and not commands:
            text += f'\n  Nothing can be used: is data_root={self.data_root!r} the right folder?'
        root = shlex.quote(str(self.data_root))
        command = f'python -m avsbench data check {self.subset} --data-root {root}'
        return f'{text}\n  To check all splits: {command}'
