"""One call from a video to its masks."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope

from avsbench.apis.clips import Stretch, stretches
from avsbench.apis.pipeline import ClipPipeline
from avsbench.apis.prediction import FIELDS, SlotPrediction, check_threshold, slot_predictions
from avsbench.apis.sources import VideoSource, open_source
from avsbench.checkpoint.loading import load_weights
from avsbench.checkpoint.reading import check_file
from avsbench.config.build import explain_build_errors
from avsbench.config.loading import apply_overrides, load_config
from avsbench.config.schema import check_arguments
from avsbench.layouts.avss_classes import CLASSES, palette
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.utils.timing import StageClock
from avsbench.visualization import AVSLocalVisualizer, ClipView

SOUNDING = 'sounding'
"""The one class of S4 and MS3."""

MAX_FPS = 120
VIEW_LINES = 160  # of the frames in pictures; their aspect is that of the video
SMOOTH = cv2.INTER_LINEAR


@dataclass(frozen=True)
class Batch:
    """Clips to run the network on together: `source` is the position of their input."""

    source: int
    fps: int
    stretch: Stretch


@dataclass(frozen=True)
class Answer:
    """What the network says about a slot of the input at position `source`."""

    source: int
    prediction: SlotPrediction


class AVSInferencer(BaseInferencer):
    """Segments what sounds in videos of any length.

        inferencer = AVSInferencer('config/s4/pvt2.py', 'work_dir/s4/pvt2/best_mIoU.pth')
        inferencer('clip.mp4')['predictions'][0]['masks']        # (seconds, H, W) uint8

    An input is the path of a video, or a dict: `frames`, a folder of pictures or an array
    (n, H, W, 3) uint8 RGB; `audio`, a wav or samples with their `sample_rate`; `frame_rate`, frames
    a second (1 if left out). `avsbench.apis.clips` states how frames, seconds and clips belong
    together.

    A call takes one input or a list of them, and by name `fps` (masks a second, 1), `threshold`
    (see `SlotPrediction`), `batch_size` (clips, 1), `with_logits`, `draw` (pictures of the clips)
    and `return_datasamples`; `postprocess` says what it returns. It keeps the masks of whole videos
    in memory; `stream` gives one slot after the other.

    Args:
        config: path of a config, or one that `load_config` has read.
        checkpoint: of this toolbox, or published by a supported system.
        device: 'cpu', 'cuda', ...; None for CUDA where there is one.
        trust_checkpoint: see `avsbench.checkpoint.reading`.
        cfg_options: changes of the config, dotted key -> value.
        show_progress: with a progress bar.

    Attributes:
        classes: names by class index, the background first.
        palette: (K, 3) uint8 their colours; None for a network that tells one class.
        pipeline: makes a clip of frames and sound, see `avsbench.apis.pipeline`.

    Raises:
        ConfigError: the config can't be read or built.
        CheckpointError: the checkpoint can't be loaded.
    """

    preprocess_kwargs = {'fps'}
    forward_kwargs = {'with_logits', 'threshold'}
    visualize_kwargs = {'draw'}

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        *,
        device: str | None = None,
        trust_checkpoint: bool = False,
        cfg_options: Mapping[str, Any] | None = None,
        show_progress: bool = True,
    ) -> None:
        cfg = copy.deepcopy(config) if isinstance(config, Config) else load_config(config)
        apply_overrides(cfg, cfg_options or {})
        check_arguments(cfg)
        check_file(checkpoint)
        init_default_scope(cfg.get('default_scope', 'avsbench'))
        self._trust = trust_checkpoint
        self.checkpoint = str(checkpoint)
        self.classes, self.palette = _classes(cfg)
        super().__init__(cfg, self.checkpoint, device, 'avsbench', show_progress)

    def _init_model(self, cfg: Config, weights: str, device: str = 'cpu') -> BaseModel:
        with explain_build_errors(cfg):
            model = MODELS.build(cfg.model)
        head = cfg.model.get('decode_head', {})
        expected = {'num_classes': head.get('num_classes'), 'head': head.get('type')}
        load_weights(model, weights, trust=self._trust, expected=expected)
        return model.to(device).eval()

    def _init_pipeline(self, cfg: Config) -> ClipPipeline:
        return ClipPipeline(cfg)

    def _init_collate(self, cfg: Config) -> Callable:
        return pseudo_collate

    def _init_visualizer(self, cfg: Config) -> AVSLocalVisualizer:
        visualizer = AVSLocalVisualizer()
        if self.palette is not None:
            visualizer.dataset_meta = {'classes': self.classes, 'palette': self.palette}
        return visualizer

    def _inputs_to_list(self, inputs: Any) -> list[VideoSource]:
        """One source for each input; a folder is not taken for a list of videos."""
        items = inputs if isinstance(inputs, Sequence) and not isinstance(inputs, str) else [inputs]
        return [open_source(item) for item in items]

    def preprocess(
        self, inputs: list[VideoSource], batch_size: int = 1, fps: int = 1
    ) -> Iterator[Batch]:
        """Cut the sources into batches of clips.

        Args:
            inputs: sources.
            batch_size: clips a batch.
            fps: masks a second.
        """
        for index, source in enumerate(inputs):
            yield from self._batches(index, source, fps, batch_size, StageClock())

    @torch.no_grad()
    def forward(
        self, inputs: Batch, with_logits: bool = False, threshold: float | None = None
    ) -> list[Answer]:
        """Run the network on a batch.

        Args:
            inputs: of `preprocess`.
            with_logits: keep the logits of all classes.
            threshold: see `SlotPrediction`.

        Raises:
            ConfigError: the threshold is no probability.
        """
        check_threshold(threshold)
        samples = self.model.test_step(self.collate_fn(inputs.stretch.items))
        answers = []
        for sample, item, slots in zip(
            samples, inputs.stretch.items, inputs.stretch.slots, strict=True
        ):
            found = slot_predictions(
                sample,
                item,
                slots,
                fps=inputs.fps,
                size=inputs.stretch.size,
                classes=self.classes,
                threshold=threshold,
                with_logits=with_logits,
            )
            answers += [Answer(inputs.source, prediction) for prediction in found]
        return answers

    def stream(
        self,
        inputs: Any,
        *,
        fps: int = 1,
        batch_size: int = 1,
        threshold: float | None = None,
        with_logits: bool = False,
        clock: StageClock | None = None,
    ) -> Iterator[SlotPrediction]:
        """Slots of one video in their order, as soon as they are known.

        Holds T seconds at the size of the network's input, however long the video is.

        Args:
            inputs: one input, or a source.
            fps: masks a second.
            batch_size: clips a batch; with `fps` 1 there is one clip in T seconds.
            threshold: see `SlotPrediction`.
            with_logits: keep the logits of all classes.
            clock: gets the time of the stages `decode`, `audio` and `network`.

        Yields:
            One `SlotPrediction` after the other.
        """
        source = open_source(inputs)
        clock = clock or StageClock()
        _check_numbers(fps, batch_size)
        for stretch in stretches(source, self.pipeline, fps, clock):
            with clock('network'):
                found = [
                    answer.prediction
                    for batch in _split(stretch, batch_size)
                    for answer in self.forward(Batch(0, fps, batch), with_logits, threshold)
                ]
            yield from sorted(found, key=lambda prediction: prediction.slot)

    def visualize(
        self, inputs: list[VideoSource], preds: list[Answer], draw: bool = False
    ) -> list[list[np.ndarray]]:
        """Draw frames, masks and sound of each clip at the size of the network's input.

        Args:
            inputs: sources.
            preds: of `forward`.
            draw: whether to draw anything.

        Returns:
            For each input a list of pictures (h, w, 3) uint8; empty lists without `draw`.
        """
        pictures: list[list[np.ndarray]] = [[] for _ in inputs]
        for index, source in enumerate(inputs if draw else ()):
            found = _of(preds, index)
            step = self.pipeline.seconds * found[0].fps
            for start in range(0, len(found), step):
                part = found[start : start + step]
                title = f'{source.name} from {part[0].second:g} s'
                pictures[index].append(self.visualizer.draw([self.view(part, title)]))
        return pictures

    def view(
        self, predictions: Sequence[SlotPrediction], title: str, *, with_sound: bool = True
    ) -> ClipView:
        """Frames, masks and sound of some slots for `AVSLocalVisualizer.draw`."""
        height = VIEW_LINES
        size = (height, max(1, round(height * predictions[0].size[1] / predictions[0].size[0])))
        sample = AVSDataSample()
        masks = [prediction.masked(size)[0] for prediction in predictions]
        sample.pred_masks = torch.from_numpy(np.stack(masks))
        frames = [cv2.resize(p.frame, size[::-1], interpolation=SMOOTH) for p in predictions]
        sounds = np.stack([prediction.log_mel for prediction in predictions])[:, None]
        return ClipView(
            np.stack(frames),
            sample,
            sounds if with_sound else None,
            title,
            [f'{prediction.second:g} s' for prediction in predictions],
        )

    def postprocess(
        self,
        preds: list[Answer],
        visualization: list[list[np.ndarray]],
        return_datasamples: bool = False,
    ) -> dict:
        """Masks at the size of the video, and what is in them.

        Args:
            preds: of `forward`.
            visualization: of `visualize`.
            return_datasamples: data samples instead of dicts.

        Returns:
            `predictions`, one for each input, and `visualization`. A prediction is a dict with
            `masks` (n, H, W) uint8 (0 and 1, or class indices), `seconds` (n) at which the masks
            begin, `rows` (a dict of second, class, area as a share of the picture, and mean
            probability for each class in each mask), `classes` (names by index) and, if asked for,
            `logits` (n, K, h, w), or `probabilities` of a network that has no logits. As
            `AVSDataSample` it has `pred_masks`, `seg_logits` or `seg_probs` if asked for, and the
            rest in its metainfo.
        """
        count = max((answer.source for answer in preds), default=-1) + 1
        results = []
        for index in range(count):
            found = _of(preds, index)
            masks, rows = [], []
            for prediction in found:
                mask, probability = prediction.masked()
                masks.append(mask)
                rows += prediction.rows(mask, probability)
            meta = {
                'seconds': [prediction.second for prediction in found],
                'rows': [row.as_dict() for row in rows],
                'classes': self.classes,
            }
            kept = {
                name: torch.stack([getattr(prediction, name) for prediction in found])
                for name in FIELDS
                if getattr(found[0], name) is not None
            }
            result = {'masks': np.stack(masks), **meta}
            result |= {name: maps.numpy() for name, maps in kept.items()}
            if return_datasamples:
                result = AVSDataSample(metainfo=meta, pred_masks=torch.from_numpy(result['masks']))
                for name, maps in kept.items():
                    result.set_field(maps, FIELDS[name])
            results.append(result)
        return {'predictions': results, 'visualization': visualization}

    def _batches(
        self, index: int, source: VideoSource, fps: int, batch_size: int, clock: StageClock
    ) -> Iterator[Batch]:
        _check_numbers(fps, batch_size)
        for stretch in stretches(source, self.pipeline, fps, clock):
            for batch in _split(stretch, batch_size):
                yield Batch(index, fps, batch)


def _split(stretch: Stretch, batch_size: int) -> Iterator[Stretch]:
    for start in range(0, len(stretch.items), batch_size):
        part = slice(start, start + batch_size)
        yield Stretch(stretch.items[part], stretch.slots[part], stretch.size)


def _of(answers: Sequence[Answer], source: int) -> list[SlotPrediction]:
    found = [answer.prediction for answer in answers if answer.source == source]
    return sorted(found, key=lambda prediction: prediction.slot)


def _classes(cfg: Config) -> tuple[tuple[str, ...], np.ndarray | None]:
    count = cfg.get('num_classes') or cfg.model.decode_head.num_classes
    if count == 1:
        return (CLASSES[0], SOUNDING), None
    names = CLASSES if count == len(CLASSES) else [f'class {index}' for index in range(count)]
    return tuple(names), palette(count)


def _check_numbers(fps: int, batch_size: int) -> None:
    if not isinstance(fps, int) or not 1 <= fps <= MAX_FPS:
        raise ConfigError(f'fps={fps!r}: expected a whole number of masks a second, 1 to {MAX_FPS}')
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ConfigError(f'batch_size={batch_size!r}: expected 1 or more clips')
