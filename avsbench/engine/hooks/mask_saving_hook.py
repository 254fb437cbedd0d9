"""Writes the predicted masks of a test as PNG files."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from mmengine.dist import barrier
from mmengine.hooks import Hook
from mmengine.runner import Runner

from avsbench.media.images import write_mask
from avsbench.registry import HOOKS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError, DataError, examples


@HOOKS.register_module()
class MaskSavingHook(Hook):
    """Save each predicted mask of a test at the size of its frame on disk.

    The masks of a clip go to `<out_dir>/<clip_id>/<file name of the frame>.png`. Binary masks
    hold 0 and 255; semantic ones hold the class index and the palette of the data set. Binary
    logits (or probabilities) are enlarged bilinearly before the threshold, semantic masks by
    nearest neighbour. Frames that only fill up a clip are left out.

    Args:
        out_dir: Folder of the masks.
        overwrite: Replace masks that are already there. Without it a folder that holds any PNG
            is refused before the test starts.
    """

    def __init__(self, out_dir: str, overwrite: bool = False) -> None:
        self.out_dir = Path(out_dir)
        self.overwrite = overwrite
        self._written: dict[Path, int] = {}

    def before_test(self, runner: Runner) -> None:
        """Check the folder before anything is computed.

        Raises:
            DataError: It holds masks already, or is no folder.
        """
        self._written.clear()
        if self.out_dir.exists() and not self.out_dir.is_dir():
            raise DataError(f'{self.out_dir}: is a file, expected a folder for the masks')
        if not self.overwrite:
            found = [str(p.relative_to(self.out_dir)) for p in self.out_dir.glob('**/*.png')]
            if found:
                raise DataError(
                    f'{self.out_dir}: already holds {len(found)} masks ({examples(sorted(found))}) '
                    f'and nothing is written over; choose another folder, or set overwrite=True'
                )
        barrier()  # no process may write before all have looked

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Sequence[AVSDataSample] | None = None,
    ) -> None:
        """Save the masks of the clips of one step.

        Raises:
            DataError: A clip id leads out of the folder, or two frames have one name.
            ConfigError: Semantic masks, but the data set has no palette.
        """
        for sample in outputs or ():
            names = self._names(sample)
            masks = sample.masks_at(tuple(sample.ori_shape)).cpu()[sample.frame_valid.cpu()].numpy()
            palette = None
            if sample.num_classes > 1:
                palette = _palette(runner.test_dataloader.dataset.metainfo)
            for name, mask in zip(names, masks, strict=True):
                self._save(name, mask, palette, sample.sample_idx)

    def after_test(self, runner: Runner) -> None:
        """Say where the masks are."""
        runner.logger.info(f'{len(self._written)} masks of this process are in {self.out_dir}')

    def _names(self, sample: AVSDataSample) -> list[Path]:
        clip = PurePosixPath(sample.clip_id)
        if clip.is_absolute() or '..' in clip.parts:
            raise DataError(
                f'clip id {sample.clip_id!r} leads out of {self.out_dir}: fix it in the csv'
            )
        return [self.out_dir / clip / f'{Path(path).stem}.png' for path in sample.frame_paths]

    def _save(
        self, path: Path, mask: np.ndarray, palette: np.ndarray | None, sample_idx: int
    ) -> None:
        frame_of = self._written.setdefault(path, sample_idx)
        if frame_of != sample_idx:
            raise DataError(
                f'{path}: clips {frame_of} and {sample_idx} of the data set both have this frame; '
                f'clip ids must differ'
            )
        write_mask(path, mask, palette)


def _palette(metainfo: dict) -> np.ndarray:
    if metainfo.get('palette') is None:
        raise ConfigError(
            'MaskSavingHook: the data set has no palette in its metainfo, which semantic masks '
            'are saved with; add metainfo=dict(palette=[[R, G, B], ...]) to the data set'
        )
    return np.asarray(metainfo['palette'], dtype=np.uint8)
