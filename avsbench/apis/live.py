"""From a video that is still going on to an overlay video, masks and a table that grow with it."""

import csv
import time
from collections import deque
from contextlib import ExitStack
from typing import Any, TextIO

from PIL import Image

from avsbench.apis.inferencer import AVSInferencer
from avsbench.apis.outputs import LiveOutputs
from avsbench.apis.overlap import ahead
from avsbench.apis.prediction import COLUMNS, MaskPrediction
from avsbench.apis.render import SYNTHETIC, Progress, RenderReport, painter_of, why_nothing
from avsbench.apis.selection import mask_index
from avsbench.apis.streaming import AVSStream
from avsbench.apis.timing import measure_stages, stage, timed
from avsbench.apis.views import draw_sheet
from avsbench.media.images import write_mask
from avsbench.utils.errors import DataError
from avsbench.video import DecodedFrame, LiveAudio, LiveVideo, LiveWriter
from avsbench.visualization.overlay import MaskPainter

EVENTS_AHEAD = 128  # frames and blocks of audio that wait while the network runs


def render_live(
    inferencer: AVSInferencer,
    source: LiveVideo,
    outputs: LiveOutputs,
    *,
    fps: int | None = None,
    threshold: float | None = None,
    colour: tuple[int, int, int] | None = None,
    progress: Progress | None = None,
) -> RenderReport:
    """Segment a video that is still going on, until it ends or `source.stop` is called.

    Masks, table and overlay are written as they come, `AVSStream.delay` seconds behind, in which
    the decoded frames are held. What is written stays whatever happens, and plays.

    Args:
        inferencer: The network.
        source: The video.
        outputs: Where the results go.
        fps: See `AVSInferencer.stream`.
        threshold: See `MaskPrediction`.
        colour: See `render_video`.
        progress: Called after each frame that is written.

    Raises:
        DataError: The video can't be used, or a result can't be written.
        ConfigError: A number is out of its range, or the network needs the end of a video.
    """
    painter = painter_of(inferencer, colour)
    report, start = RenderReport(), time.perf_counter()
    try:
        with ExitStack() as stack, measure_stages() as report.clock:
            stack.callback(source.close)
            stream = _stream_of(inferencer, source, fps, threshold)
            outputs.begin()  # nothing can be wrong with the settings any more
            table = outputs.temporary(outputs.table)
            file = stack.enter_context(table.open('w', newline='', encoding='utf-8'))
            rendering = _Rendering(inferencer, source, outputs, report, painter, file)
            rendering.run(stream, fps, progress)
            with stage('sheet'):
                title = f'{source.name}, network trained on {inferencer.trained_on}'
                sheet = draw_sheet(inferencer.visualizer, report.summary, title)
                Image.fromarray(sheet).save(outputs.temporary(outputs.sheet))
    except OSError as error:
        where = error.filename or outputs.video
        raise DataError(f'{where}: cannot be written ({error.strerror})') from error
    report.seconds = report.summary.end
    report.nothing = why_nothing(report, threshold, inferencer)
    report.warnings = [*([SYNTHETIC] if inferencer.synthetic else []), *source.warnings()]
    report.wall = time.perf_counter() - start
    return report


def _stream_of(
    inferencer: AVSInferencer, source: LiveVideo, fps: int | None, threshold: float | None
) -> AVSStream:
    return AVSStream(
        inferencer,
        frame_rate=source.rate,
        sample_rate=source.sample_rate if inferencer.pipeline.sound else None,
        fps=fps,
        threshold=threshold,
    )


class _Rendering:
    """Joins what comes of a source with its masks."""

    def __init__(
        self,
        inferencer: AVSInferencer,
        source: LiveVideo,
        outputs: LiveOutputs,
        report: RenderReport,
        painter: MaskPainter,
        file: TextIO,
    ) -> None:
        self.inferencer, self.source, self.outputs = inferencer, source, outputs
        self.report, self.painter, self.file = report, painter, file
        self.table: Any = csv.writer(file, lineterminator='\n')
        self.table.writerow((*COLUMNS, 'trained_on'))
        self.frames: deque[tuple[int, DecodedFrame]] = deque()  # with the number of their mask
        self.masks: deque[tuple[int, Any]] = deque()
        self.shown = -1  # number of the mask that the painter has

    def run(self, stream: AVSStream, fps: int | None, progress: Progress | None) -> None:
        """Until the source ends; the file is closed in any case, so that it plays."""
        source, sound = self.source, self.inferencer.pipeline.sound
        per_second = self.inferencer.pipeline.masks_per_second(fps)
        path, container = self.outputs.temporary(self.outputs.video), self.outputs.container
        writer = LiveWriter(path, source, container, self.outputs.video)
        self.report.audio = writer.audio
        number = 0
        try:
            with ahead(timed('decode', source.events()), EVENTS_AHEAD, 'live') as events:
                try:
                    for event in events:
                        if isinstance(event, LiveAudio):
                            with stage('encode'):
                                writer.write_audio(event)
                            found = stream.add(samples=event.samples) if sound else []
                        else:
                            index = mask_index(number, event.time, per_second)
                            self.frames.append((index, event))
                            number += 1
                            found = stream.add(event)
                        self.write(found, writer, progress)
                    self.write(stream.flush(), writer, progress)
                finally:
                    source.stop()  # or the thread would wait for what may never come
        finally:
            writer.finish()

    def write(
        self, found: list[MaskPrediction], writer: LiveWriter, progress: Progress | None
    ) -> None:
        """Masks and rows of what was found, and the frames whose masks are known by now."""
        with stage('encode'):
            for prediction in found:
                self.masks.append((prediction.span.index, self.write_mask(prediction)))
            last = self.masks[-1][0] if self.masks else self.shown
            while self.frames and self.frames[0][0] <= last:
                index, frame = self.frames.popleft()
                while self.shown < index:
                    self.shown, mask = self.masks.popleft()
                    if self.shown == index:
                        self.painter.set_mask(mask)
                writer.write(frame, self.painter.paint(frame.rgb()))
                self.report.frames += 1
                if progress is not None:
                    progress(float(frame.time), None)

    def write_mask(self, prediction: MaskPrediction) -> Any:
        """The mask (H, W) uint8 of a prediction, written with its rows."""
        mask, probability = prediction.masked()
        rows = self.inferencer.table_rows(prediction, mask, probability)
        self.table.writerows((*row.cells(), self.inferencer.trained_on) for row in rows)
        self.file.flush()
        self.report.summary.add(prediction, rows)
        self.report.masks += 1
        if self.outputs.masks is not None:
            write_mask(self.outputs.mask(prediction.number), mask, self.inferencer.palette)
        return mask
