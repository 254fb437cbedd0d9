"""Writes the predicted masks of a test as PNG files."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from avsbench.evaluation import AVSMetric
from avsbench.media.images import write_png
from avsbench.processes.agreement import on_main_process
from avsbench.registry import HOOKS
from avsbench.structures import AVSDataSample
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError, counted, examples
from avsbench.utils.folders import check_writable, visible
from avsbench.utils.locks import FileLock
from avsbench.visualization.result_layouts import KINDS, LAYOUTS, SampleResults

LOCK = 'saving.lock'


@HOOKS.register_module()
class MaskSavingHook(Hook):
    """Save each predicted mask of a test, and what else the data set's layout of results has.

    By default the masks of a clip go to `<out_dir>/<clip_id>/<file name of the frame>.png`, at the
    size of the frames on disk. Data sets with results of their own kind name another layout
    (`avsbench.visualization.result_layouts`), such as DAVIS: masks and probability maps in folders
    of their own.

    Binary masks hold 0 and 255; semantic ones hold the class index and the palette of the data set.
    Binary logits (or probabilities) are enlarged bilinearly before the threshold, semantic masks by
    nearest neighbour. Frames that only fill up a clip are left out. What the test scored goes along
    inside the file (`avsbench.media.scored_masks`), so that `avsbench score` gives the same
    numbers.

    Args:
        out_dir: Folder of the masks.
        overwrite: Replace masks that are already there. Without it a folder that holds any PNG
            is refused before the test starts.
        overlays: Also draw the masks over the frames.
        layout: Name of a layout; None for that of the data set.
        kinds: Write images of these kinds only, such as 'mask'; None for all of the layout.
    """

    def __init__(
        self,
        out_dir: str,
        overwrite: bool = False,
        *,
        overlays: bool = False,
        layout: str | None = None,
        kinds: Sequence[str] | None = None,
    ) -> None:
        self.out_dir = Path(out_dir)
        self.overwrite = overwrite
        self.overlays = overlays
        self.layout = layout
        self.kinds = kinds
        self._written: dict[Path, int] = {}
        self._counts_padded = True
        self._lock = FileLock(self.out_dir / LOCK, f'{out_dir}: the folder of the masks')

    def before_test(self, runner: Runner) -> None:
        """Check the folder and the layout before anything is computed.

        Raises:
            DataError: The folder holds masks already.
            ConfigError: It can't be written to, or another test writes to it; there is no such
                layout, or it has no such images.
        """
        self._written.clear()
        self._choose(runner.test_dataloader.dataset.metainfo)
        metrics = runner.test_loop.evaluator.metrics if hasattr(runner, 'test_loop') else ()
        counting = [metric.count_padded for metric in metrics if isinstance(metric, AVSMetric)]
        self._counts_padded = all(counting)
        on_main_process(self._take_folder)  # no process writes before that

    def after_run(self, runner: Runner) -> None:
        """Let other tests have the folder."""
        self._lock.release()

    def _take_folder(self) -> None:
        check_writable(self.out_dir, 'folder of masks', 'choose another with --save-masks')
        if not self.overwrite:
            images = visible(self.out_dir.glob('**/*.png'), self.out_dir)
            found = [str(path.relative_to(self.out_dir)) for path in images]
            if found:
                raise DataError(
                    f'{self.out_dir}: already holds {counted(len(found), "mask")} '
                    f'({examples(sorted(found))}) and nothing is written '
                    'over; choose another folder, or pass --overwrite'
                )
        self._lock.acquire()

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
        metainfo = runner.test_dataloader.dataset.metainfo
        for sample in outputs or ():
            results = SampleResults(sample, self._layout, metainfo)
            for index in results.frames():
                for kind in self._chosen:
                    path = self._inside(results.path(kind, index))
                    self._check_name(path, sample.sample_idx)
                    keeps = kind == 'mask' and self._layout.keeps_scored
                    chunks = results.chunks(index, self._counts_padded) if keeps else None
                    write_png(path, KINDS[kind].draw(results, index), chunks)

    def after_test(self, runner: Runner) -> None:
        """Say where the masks are."""
        runner.logger.info(
            f'{counted(len(self._written), "image")} of this process: in {self.out_dir}'
        )

    def _choose(self, metainfo: dict) -> None:
        """Set the layout, and the kinds of images."""
        name = self.layout or metainfo.get('result_layout', 'clips')
        self._layout = LAYOUTS[check_choice('MaskSavingHook: layout', name, LAYOUTS)]
        for kind in self.kinds or ():
            if kind not in self._layout.files:
                raise ConfigError(
                    f'MaskSavingHook: the layout {name!r} has no images of the kind {kind!r}; it '
                    f'has {", ".join(self._layout.files)}'
                )
        self._chosen = self.kinds or [
            kind for kind in self._layout.files if self.overlays or not KINDS[kind].on_request
        ]

    def _inside(self, name: str) -> Path:
        path = PurePosixPath(name)
        if path.is_absolute() or '..' in path.parts:
            raise DataError(
                f'the name of a clip leads out of {self.out_dir} ({name}): fix it in the csv'
            )
        return self.out_dir / path

    def _check_name(self, path: Path, sample_idx: int) -> None:
        frame_of = self._written.setdefault(path, sample_idx)
        if frame_of != sample_idx:
            raise DataError(
                f'{path}: clips {frame_of} and {sample_idx} of the data set both have this frame; '
                f'clip ids must differ'
            )
