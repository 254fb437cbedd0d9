"""From a video file to an overlay video, masks, a table and a contact sheet."""

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from avsbench.apis.clips import slot_of
from avsbench.apis.inferencer import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.prediction import COLUMNS, SlotPrediction
from avsbench.apis.summary import VideoSummary
from avsbench.utils.errors import DataError
from avsbench.utils.timing import StageClock
from avsbench.video import VideoFile, VideoWriter
from avsbench.visualization.gallery import contact_sheet, spread
from avsbench.visualization.overlay import MaskPainter
from avsbench.visualization.video_sheet import draw_areas, draw_sound

SHEET_FRAMES = 8
MIN_WIDTH = 480  # pixels of the plots


@dataclass
class Report:
    """What was done.

    Attributes:
        frames: of the overlay video.
        seconds: that were looked at, whole ones.
        masks: that were computed.
        audio: what happened to the audio track, e.g. 'copied'.
        wall: seconds that it took.
        clock: time of the stages `decode`, `audio`, `network`, `encode` and `sheet`.
        summary: for pictures.
        warnings: what was wrong with the file, one sentence each.
    """

    frames: int = 0
    seconds: float = 0.0
    masks: int = 0
    audio: str = ''
    wall: float = 0.0
    clock: StageClock = field(default_factory=StageClock)
    summary: VideoSummary = field(default_factory=VideoSummary)
    warnings: list[str] = field(default_factory=list)


def render_video(
    inferencer: AVSInferencer,
    source: VideoFile,
    outputs: Outputs,
    *,
    fps: int = 1,
    threshold: float | None = None,
    batch_size: int = 1,
    progress: Callable[[float, float | None], None] | None = None,
) -> Report:
    """Segment a video file and write all results; nothing is left behind if that fails.

    The file is walked through twice at the same time, once for the network and once for the
    overlay, so that no more than a clip at the size of the network's input is kept.

    Args:
        inferencer: the network.
        source: the video file.
        outputs: where the results go.
        fps: masks a second.
        threshold: see `SlotPrediction`.
        batch_size: clips a batch.
        progress: is told the seconds done and, where known, those of the whole video.

    Returns:
        What was done.

    Raises:
        DataError: the video can't be used, or a result can't be written.
        ConfigError: a number is out of its range.
    """
    report, start = Report(), time.perf_counter()
    try:
        with outputs.temporary(outputs.table).open('w', newline='', encoding='utf-8') as file:
            table = csv.writer(file, lineterminator='\n')
            table.writerow(COLUMNS)
            predictions = inferencer.stream(
                source,
                fps=fps,
                batch_size=batch_size,
                threshold=threshold,
                clock=report.clock,
            )
            masks = _masks(predictions, inferencer, outputs, table, report)
            _write_overlay(source, masks, inferencer, outputs, fps, report, progress)
        report.warnings = source.warnings()
        with report.clock('sheet'):
            sheet = draw_sheet(inferencer, report.summary, source.path.name)
            Image.fromarray(sheet).save(outputs.temporary(outputs.sheet))
        outputs.commit()
    except OSError as error:
        where = error.filename or outputs.video
        raise DataError(f'{where}: cannot be written ({error.strerror})') from error
    finally:
        outputs.discard()
    report.wall = time.perf_counter() - start
    return report


def draw_sheet(inferencer: AVSInferencer, summary: VideoSummary, title: str) -> np.ndarray:
    """Frames with their masks, log-mel and areas: (h, w, 3) uint8, RGB."""
    frames = spread(summary.frames, SHEET_FRAMES)
    view = inferencer.view(frames, title, with_sound=False)
    strip = inferencer.visualizer.draw([view])
    return contact_sheet([strip, *draw_plots(inferencer, summary, strip.shape[1])])


def draw_plots(
    inferencer: AVSInferencer, summary: VideoSummary, width: int = 800
) -> tuple[np.ndarray, np.ndarray]:
    """Log-mel and areas over the time of the video: two pictures (h, width, 3) uint8, RGB."""
    width = max(width, MIN_WIDTH)
    colours = {}
    if inferencer.palette is not None:
        colours = dict(zip(inferencer.classes, inferencer.palette.tolist(), strict=True))
    sound = draw_sound(*summary.sound, summary.end, width=width)
    areas = draw_areas(summary.starts, summary.areas, summary.end, colours=colours, width=width)
    return sound, areas


def _masks(
    predictions: Iterator[SlotPrediction],
    inferencer: AVSInferencer,
    outputs: Outputs,
    table: Any,
    report: Report,
) -> Iterator[tuple[int, np.ndarray]]:
    """(slot, mask at the size of the video), after writing down what is known of it."""
    palette = None if inferencer.palette is None else inferencer.palette.tobytes()
    for prediction in predictions:
        with report.clock('encode'):
            mask, probability = prediction.masked()
            rows = prediction.rows(mask, probability)
            table.writerows(row.cells() for row in rows)
            report.summary.add(prediction, rows)
            report.masks += 1
            if outputs.masks is not None:
                save_mask(mask, palette, outputs.mask(prediction.slot))
        yield prediction.slot, mask


def save_mask(mask: np.ndarray, palette: bytes | None, path: Path) -> None:
    """Write a mask as PNG: 0 and 255, or class indices with their palette."""
    if palette is None:
        image = Image.fromarray(mask * np.uint8(255))
    else:
        image = Image.fromarray(mask).convert('P')
        image.putpalette(palette)
    image.save(path, format='PNG')


def _write_overlay(
    source: VideoFile,
    masks: Iterator[tuple[int, np.ndarray]],
    inferencer: AVSInferencer,
    outputs: Outputs,
    fps: int,
    report: Report,
    progress: Callable[[float, float | None], None] | None,
) -> None:
    painter = MaskPainter(inferencer.classes, inferencer.palette)
    writer = VideoWriter(outputs.temporary(outputs.video), source, outputs.container, outputs.video)
    current = -1
    try:
        for frame in report.clock.over('decode', source.frames()):
            slot = slot_of(frame.time, fps)
            while current < slot:
                current, mask = next(masks)
                if current == slot:
                    with report.clock('encode'):
                        painter.set_mask(mask)
            with report.clock('decode'):
                rgb = frame.rgb()
            with report.clock('encode'):
                writer.write(frame, painter.paint(rgb))
            report.frames += 1
            if progress is not None:
                progress(float(frame.time), source.duration)
        with report.clock('encode'):
            writer.finish()
    except BaseException:
        writer.abort()
        raise
    report.audio, report.seconds = writer.audio, report.summary.end
