"""What happens when a video is chosen, the button pressed, the threshold or colour changed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from avsbench.apis import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.render import Progress, render_video
from avsbench.apis.views import draw_plots
from avsbench.page import texts
from avsbench.page.recording import Recording
from avsbench.utils.cli import lacks_memory
from avsbench.utils.colours import parse_colour
from avsbench.utils.errors import AVSBenchError
from avsbench.video import VideoError, VideoFile

DOWNLOADS = {
    'table': 'Table (csv)',
    'masks': 'Masks (zip)',
    'sheet': 'Sheet (png)',
    'marked': 'Video (mp4)',
}
"""Names of the files that a result has, and what their buttons say."""

Result = tuple[Any, ...]
"""Error, marked video, legend, status, plots, downloads, `Recording`. All but the video and the
recording are updates that hide what is empty."""


class Marker:
    """A network behind the page.

    Args:
        gradio: The package.
        inferencer: The network.
        max_seconds: Length of the longest video that it takes.
    """

    def __init__(self, gradio: Any, inferencer: AVSInferencer, max_seconds: float) -> None:
        self._gradio = gradio
        self._inferencer = inferencer
        self._limit = max_seconds
        self.plots = ('audio', 'areas') if inferencer.pipeline.sound else ('areas',)

    def choose(self, video: str | None, recording: Recording | None) -> tuple[Any, None]:
        """Forget the video before, and say what is wrong with the new one."""
        _close(recording)
        try:
            if video is not None:
                self._open(video)
        except AVSBenchError as error:
            return self._html(texts.fault(_named(error, video))), None
        return self._html(''), None

    def mark(
        self,
        video: str | None,
        threshold: float,
        fps: float,
        windows: str | None,
        colour: str | None,
        recording: Recording | None,
        progress: Progress,
    ) -> Iterator[Result]:
        """Run the network on a video, and draw what it finds."""
        _close(recording)
        if video is None:
            yield self._failed('Choose a video first.')
            return
        settings = dict(fps=int(fps) or None, windows=windows)
        recording = Recording(self._inferencer, video, settings)
        try:
            with tempfile.TemporaryDirectory() as folder:
                yield self._draw(recording, threshold, colour, Path(folder), progress)
        except AVSBenchError as error:
            recording.close()
            yield self._failed(_named(error, video))
        except Exception as error:
            recording.close()
            problem = lacks_memory(error)
            if problem is None:
                raise
            yield self._failed(
                f'{problem}. Mark a video with smaller frames, or start the page with --amp bf16, '
                'or with --device cpu.'
            )

    def redraw(
        self, recording: Recording | None, threshold: float, colour: str | None
    ) -> Iterator[Result]:
        """Draw the video again with another threshold or colour.

        Nothing happens while the network runs on a video: this is called again afterwards. What
        can't be drawn leaves the result before: another value may be drawn in its place.
        """
        if recording is None or recording.closed:
            yield self._gradio.skip()
            return
        others = [self._gradio.skip()] * (4 + len(self.plots) + len(DOWNLOADS))
        if recording.drawn == (threshold, colour):
            yield self._html(''), *others
            return
        try:
            with tempfile.TemporaryDirectory() as folder:
                yield self._draw(recording, threshold, colour, Path(folder), lambda *_: None)
        except FileNotFoundError:
            if not recording.closed:  # by another run
                raise
            yield self._gradio.skip()
        except AVSBenchError as error:
            text = texts.fault(_named(error, recording.video))
            yield self._html(text), *others

    def _open(self, video: str) -> VideoFile:
        source = VideoFile(video, need_audio=self._inferencer.pipeline.sound)
        check_length(video, source.duration or 0, self._limit)
        return source

    def _draw(
        self,
        recording: Recording,
        threshold: float,
        colour: str | None,
        folder: Path,
        progress: Progress,
    ) -> Result:
        """Results in a folder, which the page copies before it is removed."""
        video, redrawn = recording.video, recording.complete
        rgb = None if colour is None else parse_colour(colour)  # None where classes have their own
        source = self._open(video)
        name = f'{source.path.stem}_marked'
        outputs = Outputs(folder / f'{name}.mp4', folder / f'{name}_masks', source=video)
        several = self._inferencer.palette is not None
        used = None if several and threshold == 0 else threshold

        def update(done: float, total: float | None) -> None:
            check_length(video, done, self._limit)  # a header may say less than there is
            progress(done, total)

        report = render_video(
            recording,
            source,
            outputs,
            threshold=used,
            colour=rgb,
            progress=update,
            **recording.settings,
        )
        if not redrawn:
            recording.finish(report.summary)
        recording.drawn = (threshold, colour)
        status = texts.status(report, used, redrawn=redrawn).replace(video, Path(video).name)
        plots = draw_plots(self._inferencer.visualizer, report.summary)
        archive = shutil.make_archive(str(outputs.masks), 'zip', outputs.masks)
        files = (outputs.table, archive, outputs.sheet, outputs.video)
        return (
            self._html(''),
            str(outputs.video),
            self._html(texts.legend(self._inferencer, list(report.summary.areas))),
            self._gradio.Textbox(value=status, visible=True),
            *(self._gradio.Image(value=plot, visible=True) for plot in plots),
            *(self._gradio.DownloadButton(value=str(path), visible=True) for path in files),
            recording,
        )

    def _failed(self, text: str) -> Result:
        hidden = dict(value=None, visible=False)
        return (
            self._html(texts.fault(text)),
            None,
            self._html(''),
            self._gradio.Textbox(**hidden),
            *(self._gradio.Image(**hidden) for _ in self.plots),
            *(self._gradio.DownloadButton(**hidden) for _ in DOWNLOADS),
            None,
        )

    def _html(self, text: str) -> Any:
        return self._gradio.HTML(value=text, visible=bool(text))


def check_length(video: str, seconds: float, limit: float) -> None:
    """Check that a video is not longer than the page takes.

    Raises:
        VideoError: It is.
    """
    if seconds > limit:
        raise VideoError(
            f'{video}: longer than {limit:g} s, which is the limit of this page (--max-seconds); '
            'cut it'
        )


def _named(error: Exception, video: str) -> str:
    """The user knows the file by its name, not by where the page has put it."""
    return str(error).replace(video, Path(video).name)


def _close(recording: Recording | None) -> None:
    if recording is not None:
        recording.close()
