"""Images of what was predicted for a video: its clips, a contact sheet, plots over time."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from avsbench.apis.prediction import MaskPrediction
from avsbench.apis.summary import VideoSummary
from avsbench.media.front_ends import FRONT_ENDS
from avsbench.structures import AVSDataSample
from avsbench.visualization import AVSLocalVisualizer, ClipView
from avsbench.visualization.gallery import centred, stacked
from avsbench.visualization.local_visualizer import MARGINS
from avsbench.visualization.video_sheet import PlotStyle, draw_areas, draw_log_mel

FRAME_HEIGHT = 160  # pixels of the frames in a view; their aspect ratio is that of the video
FRAME_WIDTH = 1.8  # inches of a frame in an image
SHEET_FRAMES = 8
MIN_WIDTH = 400  # pixels of the plots in a sheet
PAGE = PlotStyle(560, font=14)  # legible at half its size


def clip_view(
    predictions: Sequence[MaskPrediction], title: str, *, with_audio: bool = True
) -> ClipView:
    """Frames, masks and audio, if any, of some masks, for `AVSLocalVisualizer.draw`."""
    height, width = predictions[0].size
    size = (FRAME_HEIGHT, max(1, round(FRAME_HEIGHT * width / height)))
    masks = [prediction.masked(size)[0] for prediction in predictions]
    frames = [
        np.asarray(Image.fromarray(prediction.frame).resize(size[::-1], Image.Resampling.BICUBIC))
        for prediction in predictions
    ]
    log_mel, metainfo = None, {}
    if with_audio and predictions[0].log_mel is not None:
        log_mel = np.stack([prediction.log_mel for prediction in predictions])[:, None]
        metainfo = {'front_end': predictions[0].front_end}
    return ClipView(
        np.stack(frames),
        AVSDataSample(
            pred_masks=torch.from_numpy(np.stack(masks)),
            metainfo=metainfo,
        ),
        log_mel,
        title,
        [prediction.label for prediction in predictions],
    )


def draw_sheet(visualizer: AVSLocalVisualizer, summary: VideoSummary, title: str) -> np.ndarray:
    """Frames with their masks, log-mel if there is sound, and areas: (h, w, 3) uint8, RGB.

    The time axes are as wide as the row of frames, each of which is the middle of its share.
    """
    frames = centred(summary.frames, SHEET_FRAMES)
    strip = visualizer.draw([clip_view(frames, title, with_audio=False)])
    style = PlotStyle(max(strip.shape[1], MIN_WIDTH), MARGINS)
    return stacked([strip, *draw_plots(visualizer, summary, style)])


def draw_plots(
    visualizer: AVSLocalVisualizer,
    summary: VideoSummary,
    style: PlotStyle = PAGE,
) -> list[np.ndarray]:
    """Log-mel, if there is sound, and areas over the time of the video.

    Returns:
        One or two images (h, w, 3) uint8, RGB.
    """
    plots = []
    if summary.log_mel is not None:
        front_end = FRONT_ENDS[summary.frames[0].front_end]
        plots.append(draw_log_mel(*summary.log_mel, summary.end, front_end=front_end, style=style))
    colours = visualizer.class_colours
    plots.append(
        draw_areas(summary.starts, summary.areas, summary.end, colours=colours, style=style)
    )
    return plots
