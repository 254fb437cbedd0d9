"""From a video file to an overlay video, masks, a table and a contact sheet."""

import csv
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from avsbench.apis.inferencer import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.overlap import ahead
from avsbench.apis.prediction import COLUMNS, MaskPrediction
from avsbench.apis.selection import mask_index
from avsbench.apis.summary import VideoSummary
from avsbench.apis.timing import StageClock, measure_stages, stage, timed
from avsbench.apis.views import draw_sheet
from avsbench.media.images import write_mask
from avsbench.utils.errors import ConfigError, DataError, counted
from avsbench.utils.maps import THRESHOLD
from avsbench.video import DecodedFrame, VideoFile, VideoWriter
from avsbench.visualization.local_visualizer import PREDICTION_COLOUR
from avsbench.visualization.overlay import MaskPainter

SYNTHETIC = (
    'this network was trained on generated clips and knows drawn shapes with made-up sounds; what '
    'it marks in a real video means nothing. `avsbench list weights` names published ones'
)
MASKS_AHEAD = 2  # at the size of the video, that wait for their frames
MAX_FRAMES_AHEAD = 16
BYTES_AHEAD = 64 << 20  # of the frames that wait for the encoder

Progress = Callable[[float, float | None], None]
"""Receives the seconds done and, where known, those of the whole video."""


@dataclass
class RenderReport:
    """What `render_video` did.

    Attributes:
        frames: Frames of the overlay video.
        seconds: Seconds that the masks cover.
        masks: Masks that were computed.
        audio: What happened to the audio track, e.g. 'copied', or 'none'.
        wall: Seconds that it took.
        clock: Time of the stages `decode`, `audio`, `network`, `encode` and `sheet`.
        summary: What is plotted.
        nothing: Why nothing was marked, one sentence; empty if something was.
        warnings: What was wrong with the file or is to be known of the network, one sentence each.
    """

    frames: int = 0
    seconds: float = 0.0
    masks: int = 0
    audio: str = ''
    wall: float = 0.0
    clock: StageClock = field(default_factory=StageClock)
    summary: VideoSummary = field(default_factory=VideoSummary)
    nothing: str = ''
    warnings: list[str] = field(default_factory=list)

    def done(self) -> str:
        """How much was marked in which time."""
        masks = f'{counted(self.frames, "frame")}, {counted(self.masks, "mask")}'
        return f'{masks} of {self.seconds:g} s in {self.wall:.1f} s'

    def shares(self) -> dict[str, float]:
        """Stage -> the share of the time in which it ran; last 'rest', when none did."""
        return self.clock.shares(self.wall)

    @property
    def real_time_factor(self) -> float:
        """Seconds of work per second of video."""
        return self.wall / self.seconds if self.seconds else math.inf


def render_video(
    inferencer: AVSInferencer,
    source: VideoFile,
    outputs: Outputs,
    *,
    fps: int | None = None,
    threshold: float | None = None,
    batch_size: int = 1,
    windows: str | None = None,
    colour: tuple[int, int, int] | None = None,
    progress: Progress | None = None,
) -> RenderReport:
    """Segment a video file and write all results; nothing is left behind if that fails.

    The file is read twice side by side, once for the network and once for the overlay, so that no
    more than a few clips at the size of the network's input and a few frames are held in memory.
    Both decode in a thread of their own, the network runs in a third, and the caller's encodes.

    Args:
        inferencer: The network.
        source: The video file.
        outputs: Where the results go.
        fps: See `AVSInferencer.stream`.
        threshold: See `MaskPrediction`.
        batch_size: See `AVSInferencer.stream`.
        windows: See `AVSInferencer.stream`.
        colour: RGB, 0 to 255, of the objects of a network with one class; None for orange.
        progress: Called after each frame.

    Raises:
        DataError: The video can't be used, or a result can't be written.
        ConfigError: A number is out of its range, or classes have their own colours.
    """
    painter = painter_of(inferencer, colour)
    report, start = RenderReport(), time.perf_counter()
    predictions = inferencer.stream(
        source, fps=fps, batch_size=batch_size, threshold=threshold, windows=windows
    )
    try:
        with measure_stages() as report.clock:
            with outputs.temporary(outputs.table).open('w', newline='', encoding='utf-8') as file:
                table = csv.writer(file, lineterminator='\n')
                table.writerow((*COLUMNS, 'trained_on'))
                found = _write_masks(predictions, inferencer, outputs, table, report)
                with (
                    ahead(found, MASKS_AHEAD, 'masks') as masks,
                    ahead(_decoded(source), _frames_ahead(source), 'frames') as decoded,
                ):
                    per_second = inferencer.pipeline.masks_per_second(fps)
                    frames = _painted(decoded, masks, painter, per_second)
                    _write_overlay(source, frames, outputs, report, progress)
            with stage('sheet'):
                title = f'{source.path.name}, network trained on {inferencer.trained_on}'
                sheet = draw_sheet(inferencer.visualizer, report.summary, title)
                Image.fromarray(sheet).save(outputs.temporary(outputs.sheet))
        report.seconds = report.summary.end
        report.nothing = why_nothing(report, threshold, inferencer)
        report.warnings = [*([SYNTHETIC] if inferencer.synthetic else []), *source.warnings()]
        outputs.commit()
    except OSError as error:
        where = error.filename or outputs.video
        raise DataError(f'{where}: cannot be written ({error.strerror})') from error
    finally:
        outputs.discard()
    report.wall = time.perf_counter() - start
    return report


def painter_of(inferencer: AVSInferencer, colour: tuple[int, int, int] | None) -> MaskPainter:
    """What draws the masks of a network, see `render_video`."""
    if colour is not None and inferencer.palette is not None:
        raise ConfigError(
            'a colour (--color) is for networks with one class; each class of this one has its own'
        )
    return MaskPainter(
        inferencer.classes,
        inferencer.palette,
        colour=colour or PREDICTION_COLOUR,
        background=inferencer.background,
    )


def why_nothing(report: RenderReport, threshold: float | None, inferencer: AVSInferencer) -> str:
    """Why no mask marks anything, a sentence; '' if one does."""
    if report.summary.marked:
        return ''
    if inferencer.palette is not None and threshold is None:
        return 'nothing marked: the background is the most probable class everywhere'
    limit = THRESHOLD if threshold is None else threshold
    return f'nothing marked: no pixel has a probability above {limit:g}'


def _write_masks(
    predictions: Generator[MaskPrediction],
    inferencer: AVSInferencer,
    outputs: Outputs,
    table: Any,
    report: RenderReport,
) -> Iterator[np.ndarray]:
    """The masks at the size of the video, after writing each of them and its rows."""
    with closing(predictions):  # at once, for it holds a thread
        for prediction in predictions:
            with stage('encode'):
                mask, probability = prediction.masked()
                rows = inferencer.table_rows(prediction, mask, probability)
                table.writerows((*row.cells(), inferencer.trained_on) for row in rows)
                report.summary.add(prediction, rows)
                report.masks += 1
                if outputs.masks is not None:
                    write_mask(outputs.mask(prediction.number), mask, inferencer.palette)
            yield mask


def _decoded(source: VideoFile) -> Iterator[tuple[DecodedFrame, np.ndarray]]:
    """Each frame, and its image (H, W, 3) uint8."""
    return timed('decode', ((frame, frame.rgb()) for frame in source.frames()))


def _frames_ahead(source: VideoFile) -> int:
    """How many frames may wait for the encoder."""
    height, width = source.size
    return max(1, min(MAX_FRAMES_AHEAD, BYTES_AHEAD // (3 * height * width)))


def _painted(
    decoded: Iterator[tuple[DecodedFrame, np.ndarray]],
    masks: Iterator[np.ndarray],
    painter: MaskPainter,
    fps: int | None,
) -> Iterator[tuple[DecodedFrame, np.ndarray]]:
    """Each frame, and its image (H, W, 3) uint8 under the mask that covers its time."""
    current = -1
    for number, (frame, rgb) in enumerate(decoded):
        wanted = mask_index(number, frame.time, fps)
        while current < wanted:
            mask = next(masks)
            current += 1
            if current == wanted:
                with stage('encode'):
                    painter.set_mask(mask)
        with stage('encode'):
            painted = painter.paint(rgb)
        yield frame, painted


def _write_overlay(
    source: VideoFile,
    frames: Iterator[tuple[DecodedFrame, np.ndarray]],
    outputs: Outputs,
    report: RenderReport,
    progress: Progress | None,
) -> None:
    """Encode the frames of `_painted`."""
    writer = VideoWriter(outputs.temporary(outputs.video), source, outputs.container, outputs.video)
    try:
        for frame, painted in frames:
            with stage('encode'):
                writer.write(frame, painted)
            report.frames += 1
            if progress is not None:
                progress(float(frame.time), source.duration)
        with stage('encode'):
            writer.finish()
    except BaseException:
        writer.abort()
        raise
    report.audio = writer.audio
