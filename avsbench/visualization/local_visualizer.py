"""Images of clips: frames, true and predicted masks and the audio, one column per frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.patheffects as effects
import mmcv
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from mmengine.dist import master_only
from mmengine.visualization import Visualizer
from torch import Tensor

from avsbench.evaluation import functional
from avsbench.media.front_ends import FRONT_ENDS, FrontEnd
from avsbench.registry import VISUALIZERS
from avsbench.structures import AVSDataSample
from avsbench.visualization.labels import name_places, wrapped
from avsbench.visualization.palette import display_palette
from avsbench.visualization.verbatim import draw_verbatim

TRUTH_COLOUR = (86, 180, 233)  # these two are distinguishable with any colour vision
PREDICTION_COLOUR = (230, 159, 0)
IGNORED_COLOUR = (0.3, 0.3, 0.3, 1)  # of pixels without a class
# Inches above the frames, left of them, below each row.
_TOP, _LEFT, _GAP = 0.45, 0.6, 0.16
MARGINS = (_LEFT, _GAP)  # left and right of the frames, in inches
_LINE = 0.17  # inches per further line of the title
_LETTERS = 12  # of a title per inch
_LEGEND_COLUMNS = 6  # at most
_LEGEND_LETTERS = 13  # of a name per inch
_KEY = 0.55  # inches of a colour in the legend and the space around it


@dataclass(frozen=True)
class ClipView:
    """What is drawn of one clip.

    Attributes:
        frames: (T, H, W, 3) uint8 RGB, without padding.
        sample: Masks of the frames, of their aspect ratio; those of padded frames are ignored.
        log_mel: (T, 1, frames, bands) float; None without audio, or to omit it.
        title: Line above the clip; None for the clip id.
        labels: Text above each frame; None for its second, counted from 1.
        maskiges: (T, H, W, 3) uint8 RGB, drawn as a further row, or None.
    """

    frames: np.ndarray
    sample: AVSDataSample
    log_mel: np.ndarray | Tensor | None = None
    title: str | None = None
    labels: Sequence[str] | None = None
    maskiges: np.ndarray | None = None


@VISUALIZERS.register_module()
class AVSLocalVisualizer(Visualizer):
    """mmengine's visualizer for clips.

    Binary masks have one colour for the truth and one for the prediction; semantic ones have those
    of `dataset_meta['palette']` (`avsbench.visualization.palette` in place of the colours of mask
    files), named at the masks and in a legend. Class 0 is the background, which is not drawn,
    unless `dataset_meta['background']` is False: then each pixel has a class.

    Args:
        name: Identifier of the instance.
        vis_backends: Where `add_datasample` stores images, see mmengine.
        save_dir: Folder of the backends.
        alpha: Opacity of the masks, 0 to 1.
        cell: Width of one frame in the image, in inches.
        dpi: Pixels per inch.
    """

    def __init__(
        self,
        name: str = 'visualizer',
        vis_backends: list[dict] | None = None,
        save_dir: str | None = None,
        alpha: float = 0.75,
        cell: float = 1.3,
        dpi: int = 100,
    ) -> None:
        super().__init__(name, vis_backends=vis_backends, save_dir=save_dir)
        if not 0 <= alpha <= 1:
            raise ValueError(f'alpha: got {alpha}, expected 0 to 1')
        self.alpha = alpha
        self.cell = cell
        self.resolution = dpi

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: AVSDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        step: int = 0,
        log_mel: np.ndarray | Tensor | None = None,
        out_file: str | Path | None = None,
    ) -> None:
        """Draw one clip and show it, or save it as a file, or hand it to the backends.

        Args:
            name: Of the image.
            image: (T, H, W, 3) uint8 RGB frames.
            data_sample: Masks at the size of the frames; None for frames and audio alone.
            draw_gt: Whether to draw the row of true masks.
            draw_pred: Whether to draw the row of predicted masks.
            show: Whether to show the image in a window.
            wait_time: Seconds that the window stays open; 0 until a key is pressed.
            step: For the backends.
            log_mel: (T, 1, frames, bands) float; None omits the audio.
            out_file: Image file to write.
        """
        sample = AVSDataSample() if data_sample is None else data_sample
        drawn = self.draw([ClipView(image, sample, log_mel, name)], draw_gt, draw_pred)
        if show:
            self.show(drawn, win_name=name, wait_time=wait_time)
        if out_file is not None:
            mmcv.imwrite(drawn[..., ::-1], str(out_file))
        else:
            self.add_image(name, drawn, step)

    def draw(
        self, clips: Sequence[ClipView], draw_gt: bool = True, draw_pred: bool = True
    ) -> np.ndarray:
        """Draw clips side by side, e.g. the same frames with different audio.

        Args:
            clips: At least one.
            draw_gt: Whether to draw the row of true masks, for clips that have them.
            draw_pred: Whether to draw the row of predicted masks, for clips that have them.

        Returns:
            Image (h, w, 3) uint8 RGB.
        """
        fields = [('gt_masks', 'truth')] * draw_gt + [('pred_masks', 'prediction')] * draw_pred
        rows = [row for row in fields if any(row[0] in clip.sample for clip in clips)]
        log_mels = [np.asarray(clip.log_mel) for clip in clips if clip.log_mel is not None]
        peak = max((float(log_mel.max()) for log_mel in log_mels), default=0.0)
        classes = self._classes_present(clips, [field for field, _ in rows])

        frame_height = self.cell * clips[0].frames.shape[1] / clips[0].frames.shape[2]
        images = ['frames'] + ['maskiges'] * any(clip.maskiges is not None for clip in clips)
        heights = [frame_height] * (len(images) + len(rows)) + [0.6 * self.cell] * bool(log_mels)
        widths = [_LEFT + self.cell * len(clip.frames) + _GAP for clip in clips]
        columns = self._legend_columns(classes, sum(widths))
        legend = 0.19 * -(-len(classes) // columns)
        titles = [_title(clip, self.cell) for clip in clips]
        head = _TOP + _LINE * max(title.count('\n') for title in titles)
        height = head + sum(heights) + _GAP * len(heights) + legend
        figure = Figure(figsize=(sum(widths), height), dpi=self.resolution)
        canvas = FigureCanvasAgg(figure)
        for index, clip in enumerate(clips):
            left = sum(widths[:index]) + _LEFT
            top = height - head
            axes = []
            for row_height in heights:
                top -= row_height
                box = (left / sum(widths), top / height)
                box += (self.cell * len(clip.frames) / sum(widths), row_height / height)
                axes.append(figure.add_axes(box))
                top -= _GAP
            axes[0].set_title(titles[index], fontsize=10, pad=18)
            self._draw_clip(axes, clip, images, rows, peak)
        if classes:
            self._draw_legend(figure, classes, columns)
        draw_verbatim(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()

    def _draw_clip(
        self,
        axes: list[Axes],
        clip: ClipView,
        images: list[str],
        rows: list[tuple[str, str]],
        peak: float,
    ) -> None:
        """Fill one axes per row; x counts frames, y runs downwards from 0 to 1."""
        seconds = range(len(clip.frames))
        for ax in axes:
            _prepare(ax, len(clip.frames))
        labels = clip.labels or [f'second {second + 1}' for second in seconds]
        _label_frames(axes[0], labels, 'top')
        for ax, name in zip(axes, images, strict=False):
            ax.set_ylabel(name, fontsize=8)
            row = getattr(clip, name)
            for second, image in enumerate(() if row is None else row):
                _place(ax, second, image)
        for ax, (field, label) in zip(axes[len(images) :], rows, strict=False):
            ax.set_ylabel(label, fontsize=8)
            for second, frame in enumerate(clip.frames):
                _place(ax, second, _faded(frame))
                if field in clip.sample:
                    self._draw_mask(ax, clip.sample, field, second)
            if field == 'pred_masks':
                _label_frames(ax, [_binary_iou(clip.sample, s) for s in seconds], 'bottom')
        if clip.log_mel is not None:
            front_end = FRONT_ENDS[clip.sample.get('front_end', 'vggish')]
            log_mel = np.asarray(clip.log_mel)[: len(clip.frames)]
            _draw_log_mel(axes[-1], log_mel, peak, front_end)

    def _draw_mask(self, axes: Axes, sample: AVSDataSample, field: str, second: int) -> None:
        truth = field == 'gt_masks'
        if truth and 'gt_valid' in sample and not sample.gt_valid[second]:
            _note(axes, second, 'not\nannotated')
            return
        mask = sample.get(field)[second].cpu().numpy()
        colours = self._colours(TRUTH_COLOUR if truth else PREDICTION_COLOUR)
        ignored = mask >= len(colours)  # padding, or pixels without a class
        mask = np.where(ignored, -1, mask.astype(int))
        drawn = mask >= self._first_class
        overlay = np.empty((*mask.shape, 4))
        overlay[..., :3] = colours[mask] / 255
        overlay[..., 3] = self.alpha * drawn
        overlay[ignored] = IGNORED_COLOUR
        _place(axes, second, overlay)
        _outline(axes, second, np.where(drawn, mask, -1))
        if not drawn.any() and not ignored.all():
            _note(axes, second, 'empty')
        if self._is_semantic:
            _write_names(axes, second, np.where(drawn, mask, -1), self._names)

    def _colours(self, binary: tuple[int, int, int]) -> np.ndarray:
        """(K, 3) uint8: the palette of the data set, or the background and the given colour."""
        if self._is_semantic:
            given = np.asarray(self.dataset_meta['palette'], dtype=np.uint8)
            return display_palette(given, background=bool(self._first_class))
        return np.array([(0, 0, 0), binary], dtype=np.uint8)

    @property
    def class_colours(self) -> dict[str, tuple[int, int, int]]:
        """Class -> RGB, 0 to 255; empty for binary masks."""
        if not self._is_semantic:
            return {}
        colours = self._colours(PREDICTION_COLOUR).tolist()
        return dict(zip(self.dataset_meta['classes'], map(tuple, colours), strict=True))

    @property
    def _is_semantic(self) -> bool:
        palette = (self.dataset_meta or {}).get('palette')
        return palette is not None and len(palette) > 2

    @property
    def _first_class(self) -> int:
        """The first class that is drawn."""
        return int((self.dataset_meta or {}).get('background', True))

    def _classes_present(self, clips: Sequence[ClipView], fields: Sequence[str]) -> list[int]:
        """Classes that are drawn in any mask; none for binary masks."""
        if not self._is_semantic:
            return []
        masks = [
            clip.sample.get(field)[: len(clip.frames)].cpu().numpy()
            for clip in clips
            for field in fields
            if field in clip.sample
        ]
        found = {int(value) for mask in masks for value in np.unique(mask)}
        count = len(self.dataset_meta['palette'])
        return sorted(value for value in found if self._first_class <= value < count)

    @property
    def _names(self) -> Sequence[str]:
        return self.dataset_meta.get('classes') or [str(index) for index in range(256)]

    def _legend_columns(self, classes: Sequence[int], width: float) -> int:
        """Columns of the legend that fit into an image of this width in inches."""
        longest = max((len(self._names[index]) for index in classes), default=0)
        fitting = int(width / (_KEY + longest / _LEGEND_LETTERS))
        return max(1, min(_LEGEND_COLUMNS, fitting, len(classes)))

    def _draw_legend(self, figure: Figure, classes: Sequence[int], columns: int) -> None:
        names = self._names
        colours = self._colours(PREDICTION_COLOUR) / 255
        figure.legend(
            handles=[Patch(color=colours[index], label=names[index]) for index in classes],
            loc='lower center',
            ncols=columns,
            fontsize=8,
            frameon=False,
            borderaxespad=0.1,
        )


def _title(clip: ClipView, cell: float) -> str:
    """The title, wrapped to the width of the clip's frames."""
    lines = (clip.title or clip.sample.get('clip_id', '')).split('\n')
    letters = int(_LETTERS * (_LEFT + cell * len(clip.frames)))
    return '\n'.join(wrapped(line, letters) for line in lines)


def _prepare(axes: Axes, count: int) -> None:
    """Axes without ticks and border, from 0 to `count` and from 1 (bottom) to 0."""
    axes.set(xticks=[], yticks=[], xlim=(0, count), ylim=(1, 0), aspect='auto')
    axes.spines[:].set_visible(False)


def _place(axes: Axes, second: int, image: np.ndarray, **style: object) -> None:
    """Put an image into the column of its second, with a small margin."""
    extent = (second + 0.02, second + 0.98, 1, 0)
    axes.imshow(image, extent=extent, aspect='auto', interpolation='nearest', **style)
    axes.set(xlim=axes.get_xlim(), ylim=(1, 0))


def _outline(axes: Axes, second: int, mask: np.ndarray) -> None:
    """Draw a thin border around each class (-1: none): some colours are as grey as the frame."""
    x = second + 0.02 + 0.96 * (np.arange(mask.shape[1]) + 0.5) / mask.shape[1]
    y = (np.arange(mask.shape[0]) + 0.5) / mask.shape[0]
    for value in np.unique(mask[mask >= 0]):
        inside = mask == value
        if not inside.all() and min(mask.shape) > 1:  # otherwise there is no border
            axes.contour(x, y, inside, levels=[0.5], colors='black', linewidths=0.7)


def _note(axes: Axes, second: int, text: str) -> None:
    """Write in the middle of an image that has no mask."""
    found = axes.text(second + 0.5, 0.5, text, ha='center', va='center', fontsize=8)
    found.set_path_effects([effects.withStroke(linewidth=2, foreground='white')])


def _write_names(axes: Axes, second: int, mask: np.ndarray, names: Sequence[str]) -> None:
    """Write the class in each mask (-1: none)."""
    height, width = mask.shape
    for index, column, row in name_places(mask):
        place = (second + 0.02 + 0.96 * (column + 0.5) / width, (row + 0.5) / height)
        found = axes.text(*place, names[index], ha='center', va='center', fontsize=7, color='white')
        found.set_path_effects([effects.withStroke(linewidth=1.6, foreground='black')])
        found.set_clip_on(True)


def _label_frames(axes: Axes, labels: Sequence[str], side: str) -> None:
    axes.set_xticks(np.arange(len(labels)) + 0.5, labels, fontsize=7)
    axes.tick_params(length=0, pad=1, top=False, labeltop=side == 'top', labelbottom=side != 'top')


def _faded(frame: np.ndarray) -> np.ndarray:
    """The frame in pale grey, so that the colour of a mask stands out."""
    grey = frame @ np.array([0.299, 0.587, 0.114])
    return np.repeat((0.6 * grey + 80)[..., None], 3, axis=-1).astype(np.uint8)


def _draw_log_mel(axes: Axes, log_mel: np.ndarray, peak: float, front_end: FrontEnd) -> None:
    """Log-mel (T, 1, frames, bands): each patch in the column of its second, low pitch below."""
    silence, (low, high) = front_end.silence, front_end.mel_range
    limits = dict(cmap='magma', vmin=silence, vmax=max(peak, silence + 1))
    for second, patch in enumerate(log_mel[:, 0]):
        _place(axes, second, patch.T[::-1], **limits)
    axes.set_yticks([0, 1], [f'{high / 1000:g} kHz', f'{low:g} Hz'], fontsize=6)
    axes.tick_params(length=0, pad=1)
    axes.set_ylabel('audio', fontsize=8, labelpad=-4)


def _binary_iou(sample: AVSDataSample, second: int) -> str:
    """'IoU 0.85' of an annotated frame with binary masks, as in the metric; else ''."""
    predicted = 'seg_logits' in sample or 'seg_probs' in sample
    binary = 'gt_masks' in sample and predicted and sample.num_classes == 1
    if not binary or not sample.gt_valid[second] or (sample.gt_masks[second] > 1).any():
        return ''
    frame = slice(second, second + 1)
    pred, truth = sample.pred_masks[frame].cpu().float(), sample.gt_masks[frame].cpu()
    iou = functional.frame_iou(functional.binary_counts(pred, truth)).item()
    return f'IoU {iou:.2f}'
