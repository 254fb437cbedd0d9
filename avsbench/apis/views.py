"""Images of what was predicted for a video: its clips, a contact sheet, plots over time."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from avsbench.apis.prediction import MaskPrediction, second_text
from avsbench.apis.summary import VideoSummary
from avsbench.media.front_ends import FRONT_ENDS
from avsbench.structures import AVSDataSample
from avsbench.visualization import AVSLocalVisualizer, ClipView
from avsbench.visualization.gallery import contact_sheet, spread
from avsbench.visualization.video_sheet import draw_areas, draw_log_mel

FRAME_HEIGHT = 160  # pixels of the frames in a view; their aspect ratio is that of the video
SHEET_FRAMES = 8
MIN_WIDTH = 480  # pixels of the plots


def clip_view(
    predictions: Sequence[MaskPrediction], title: str, *, with_audio: bool = True
) -> ClipView:
    """Frames, masks and audio, if any, of some masks, for `AVSLocalVisualizer.draw`."""
    height, width = predictions[0].size
    size = (FRAME_HEIGHT, max(1, round(FRAME_HEIGHT * width / height)))
    masks = [prediction.masked(size)[0] for prediction in predictions]
    frames = [
        cv2.resize(prediction.frame, size[::-1], interpolation=cv2.INTER_LINEAR)
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
        [f'{second_text(prediction.second)} s' for prediction in predictions],
    )


def draw_sheet(visualizer: AVSLocalVisualizer, summary: VideoSummary, title: str) -> np.ndarray:
    """Frames with their masks, log-mel if there is sound, and areas: (h, w, 3) uint8, RGB."""
    frames = spread(summary.frames, SHEET_FRAMES)
    strip = visualizer.draw([clip_view(frames, title, with_audio=False)])
    return contact_sheet([strip, *draw_plots(visualizer, summary, strip.shape[1])])


def draw_plots(
    visualizer: AVSLocalVisualizer, summary: VideoSummary, width: int = 800
) -> list[np.ndarray]:
    """Log-mel, if there is sound, and areas over the time of the video.

    Returns:
        One or two images (h, width, 3) uint8, RGB.
    """
    width = max(width, MIN_WIDTH)
    plots = []
    if summary.log_mel is not None:
        front_end = FRONT_ENDS[summary.frames[0].front_end]
        plots.append(draw_log_mel(*summary.log_mel, summary.end, front_end=front_end, width=width))
    colours = visualizer.class_colours
    plots.append(
        draw_areas(summary.starts, summary.areas, summary.end, colours=colours, width=width)
    )
    return plots
