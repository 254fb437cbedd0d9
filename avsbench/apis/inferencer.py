"""One call from a video to its masks."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.logging import print_log
from mmengine.model import BaseModel
from rich.progress import track

from avsbench.apis.classes import class_names, metainfo
from avsbench.apis.clips import clip_batches
from avsbench.apis.model import load_model, open_network_config
from avsbench.apis.overlap import ahead
from avsbench.apis.pipeline import ClipBatch, ClipPipeline
from avsbench.apis.prediction import (
    FIELDS,
    InOrder,
    MaskPrediction,
    TableRow,
    check_threshold,
    mask_predictions,
    second_text,
)
from avsbench.apis.sources import VideoSource, open_source
from avsbench.apis.standalone import parts_of
from avsbench.apis.timing import stage
from avsbench.apis.views import FRAME_WIDTH, clip_view
from avsbench.config.sources import SUFFIXES
from avsbench.export.segmentor import ExportedSegmentor
from avsbench.structures import AVSDataSample
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError
from avsbench.utils.precision import DTYPES, cpu_computes_bf16
from avsbench.visualization import AVSLocalVisualizer
from avsbench.weights.locating import find_checkpoint


class AVSInferencer(BaseInferencer):
    """Segments the objects in videos of any length: those that sound, or move, or all.

        inferencer = AVSInferencer('work_dir/s4/pvt2/best_mIoU.pth')
        inferencer = AVSInferencer('config/s4/pvt2.py', 'published.pth')
        inferencer = AVSInferencer('vct_s4_swinb')               # a name of `avsbench list weights`
        inferencer('clip.mp4')['predictions'][0]['masks']        # (seconds, H, W) uint8

    An input is the path of a video, or a dict: `frames`, a folder of images or an array
    (n, H, W, 3) uint8 RGB; `audio`, a wav file or samples with their `sample_rate`; `frame_rate`,
    frames per second (1 by default). A network without sound needs no audio, and reads none.
    `avsbench.apis.clips` defines how frames, seconds and clips belong together.

    A call takes one input or a list of them and returns the masks of whole videos; `stream` yields
    the masks of one video as they are predicted. Both go the same way: `preprocess` cuts the video
    into batches of clips and `forward` runs the network on each; a call then collects what comes,
    and `visualize` and `postprocess` make its result.

    Args:
        config: Path of a config, or one that `load_config` has read; or, alone, a checkpoint of
            this toolbox, which holds its config, or published weights, see `find_checkpoint`, or an
            ONNX file of `avsbench export`, which runs without PyTorch's network.
        checkpoint: Of this toolbox, or published by a supported system; see `find_checkpoint`.
        device: 'cpu', 'cuda', ...; None for CUDA where available.
        trust_checkpoint: See `avsbench.checkpoint.reading`.
        cfg_options: Changes of the config, dotted key -> value.
        augment: Whether clips are predicted with the test-time augmentation of the config
            (`model.test_cfg`), which takes many passes for each, as its test does. Without it they
            are predicted once, unless one of `cfg_options` is about the augmentation.
        show_progress: Whether a call shows a progress bar.
        amp: What the network computes in: 'bf16', 'fp16' (on a GPU), or 'off' for float32; None for
            bfloat16 on a CPU that computes it, which takes about half the time, and float32
            elsewhere.

    Attributes:
        classes: Names by class index.
        amp: What the network computes in, one of these.
        synthetic: Whether the network was trained on generated clips, and knows drawn shapes only.
        trained_on: Data set of the config, and that.
        background: Whether the first of them is the background; if not, each pixel has a class.
        palette: Their colours (K, 3) uint8; None for a network with one class.
        pipeline: Makes clips from frames and audio, see `avsbench.apis.pipeline`.

    Raises:
        ConfigError: The config can't be read or built.
        CheckpointError: The checkpoint can't be loaded.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path | None = None,
        *,
        device: str | None = None,
        trust_checkpoint: bool = False,
        cfg_options: Mapping[str, Any] | None = None,
        augment: bool = False,
        show_progress: bool = True,
        amp: str | None = None,
    ) -> None:
        if checkpoint is None:
            config, checkpoint = _standalone(config, trust_checkpoint)
        cfg = open_network_config(config, cfg_options, augment=augment)
        checkpoint = find_checkpoint(checkpoint, trust=trust_checkpoint)
        self._trust = trust_checkpoint
        self.checkpoint = str(checkpoint)
        self.background = metainfo(cfg).get('background', True)
        super().__init__(cfg, self.checkpoint, device, 'avsbench', show_progress)
        self.amp = self._resolve_amp(amp)
        self.synthetic = bool(self.model.dataset_meta.get('synthetic'))
        self.trained_on = f'{cfg.get("subset")}{" (synthetic)" if self.synthetic else ""}'

    def __call__(
        self,
        inputs: Any,
        return_datasamples: bool = False,
        batch_size: int = 1,
        *,
        fps: int | None = None,
        threshold: float | None = None,
        windows: str | None = None,
        with_logits: bool = False,
        draw: bool = False,
    ) -> dict:
        """Segment one or several videos.

        Args:
            inputs: One input, or a list of them.
            return_datasamples: Return data samples instead of dicts.
            batch_size: See `stream`.
            fps: See `stream`.
            threshold: See `MaskPrediction`.
            windows: See `stream`.
            with_logits: Keep the logits of all classes.
            draw: Draw the clips.

        Returns:
            What `postprocess` returns, with one entry for each input.
        """
        results = {'predictions': [], 'visualization': []}
        options = dict(fps=fps, batch_size=batch_size, windows=windows)
        options |= dict(threshold=threshold, with_logits=with_logits)
        for source in self._inputs_to_list(inputs):
            stream = self.stream(source, **options)
            found = list(track(stream, 'Inference') if self.show_progress else stream)
            images = self.visualize([source], found, draw)
            for key, value in self.postprocess(found, images, return_datasamples).items():
                results[key] += value
        return results

    def _init_model(self, cfg: Config, weights: str, device: str = 'cpu') -> BaseModel:
        model = load_model(cfg, weights, device=device, trust=self._trust)
        if 'prior_masks' in getattr(model, 'needs', ()):
            raise ConfigError(
                f'{cfg.filename}: the network needs the masks of an earlier stage, which a video '
                'file does not have; prepare the video as a data set (docs/custom_data.md), '
                'and test both stages on it'
            )
        self.classes, self.palette = class_names(cfg, model.dataset_meta)
        return model

    def _init_pipeline(self, cfg: Config) -> ClipPipeline:
        return ClipPipeline(cfg, fixed_size=getattr(self.model, 'fixed_size', None))

    def _init_collate(self, cfg: Config) -> Callable:
        return pseudo_collate

    def _init_visualizer(self, cfg: Config) -> AVSLocalVisualizer:
        visualizer = AVSLocalVisualizer(cell=FRAME_WIDTH)
        if self.palette is not None:
            visualizer.dataset_meta = {
                'classes': self.classes,
                'palette': self.palette,
                'background': self.background,
            }
        return visualizer

    def _inputs_to_list(self, inputs: Any) -> list[VideoSource]:
        """Open the source of each input; a folder is not taken for a list of videos."""
        items = inputs if isinstance(inputs, Sequence) and not isinstance(inputs, str) else [inputs]
        return [open_source(item, need_audio=self.pipeline.sound) for item in items]

    def stream(
        self,
        inputs: Any,
        *,
        fps: int | None = None,
        batch_size: int = 1,
        threshold: float | None = None,
        windows: str | None = None,
        with_logits: bool = False,
    ) -> Generator[MaskPrediction]:
        """Predict the masks of one video in their order, each as soon as it is known.

        Decodes the next clips while the network runs, and holds a few of them at the size of its
        input, however long the video is. Closing the iterator ends the thread that decodes.

        Args:
            inputs: One input.
            fps: Masks per second; None for 1, or a mask of each frame from a network that sees
                consecutive frames.
            batch_size: Clips per batch. Of clips of seconds there is one in T seconds and for
                each mask per second.
            threshold: See `MaskPrediction`.
            windows: For networks that see consecutive frames: 'disjoint' predicts each frame once,
                'centre' in the middle of a clip of its own, which takes T times as long; None for
                'disjoint' where the network learned all frames of a clip.
            with_logits: Keep the logits of all classes.

        Yields:
            One `MaskPrediction` after the other.
        """
        order = InOrder()
        source = open_source(inputs, need_audio=self.pipeline.sound)
        with ahead(self.preprocess([source], batch_size, fps, windows), 1, 'clips') as batches:
            for batch in batches:
                with stage('network'):
                    found = self.forward(batch, with_logits, threshold)
                yield from order.add(found)

    def preprocess(
        self,
        inputs: list[VideoSource],
        batch_size: int = 1,
        fps: int | None = None,
        windows: str | None = None,
    ) -> Iterator[ClipBatch]:
        """Cut videos into batches of clips.

        Args:
            inputs: The videos.
            batch_size: See `stream`.
            fps: See `stream`.
            windows: See `stream`.

        Raises:
            ConfigError: A number is out of its range, or the windows are not for this network.
        """
        settings = dict(fps=fps, batch_size=batch_size, windows=windows)
        for source in inputs:
            yield from clip_batches(source, self.pipeline, **settings)

    def _resolve_amp(self, amp: str | None) -> str:
        if isinstance(self.model, ExportedSegmentor):
            if amp not in (None, 'off'):
                raise ConfigError(
                    f'AVSInferencer: amp={amp!r}: an exported network computes in float32; leave '
                    'it out'
                )
            return 'off'
        on_cpu = self.model.data_preprocessor.device.type == 'cpu'
        if amp is None:
            amp = 'bf16' if on_cpu and cpu_computes_bf16() else 'off'
            if amp == 'bf16':
                print_log(
                    "videos are computed in bfloat16 on this CPU; amp='off' (--amp off) takes "
                    'float32'
                )
        check_choice('AVSInferencer: amp', amp, (*DTYPES, 'off'))
        if amp == 'fp16' and on_cpu:
            raise ConfigError("AVSInferencer: amp='fp16' needs a GPU; take 'bf16', or 'off'")
        return amp

    @torch.inference_mode()
    def forward(
        self, inputs: ClipBatch, with_logits: bool = False, threshold: float | None = None
    ) -> list[MaskPrediction]:
        """Run the network on a batch.

        Args:
            inputs: Of `preprocess`.
            with_logits: Keep the logits of all classes.
            threshold: See `MaskPrediction`.

        Raises:
            ConfigError: The threshold is not a probability, or the network has no background.
        """
        check_threshold(threshold)
        if threshold is not None and not self.background:
            raise ConfigError(
                f'threshold={threshold}: the network gives each pixel a class and knows no '
                'background; leave it out'
            )
        device = self.model.data_preprocessor.device.type
        with torch.autocast(device, DTYPES.get(self.amp), enabled=self.amp != 'off'):
            samples = self.model.test_step(self.collate_fn(inputs.clips))
        found = []
        parts = zip(samples, inputs.clips, inputs.masks, inputs.thumbnails, strict=True)
        for sample, clip, masks, thumbnails in parts:
            found += mask_predictions(
                sample,
                clip,
                masks,
                thumbnails,
                size=inputs.size,
                threshold=threshold,
                with_logits=with_logits,
                background=self.background,
            )
        return found

    def visualize(
        self, inputs: list[VideoSource], preds: list[MaskPrediction], draw: bool = False
    ) -> list[list[np.ndarray]]:
        """Draw frames, masks and audio of one video, T seconds or T frames in an image.

        Args:
            inputs: The video, in a list of its own.
            preds: Its predictions, in the order of `stream`.
            draw: Whether to draw anything.

        Returns:
            A list with the list of its images (h, w, 3) uint8, which is empty without `draw`.
        """
        (source,) = inputs
        images = []
        groups = groupby(preds if draw else (), lambda found: self.pipeline.clip_of(found.span))
        for _, group in groups:
            part = list(group)
            title = f'{source.name} from {second_text(part[0].start)} s'
            images.append(self.visualizer.draw([clip_view(part, title)]))
        return [images]

    def table_rows(
        self, prediction: MaskPrediction, mask: np.ndarray, probability: np.ndarray
    ) -> list[TableRow]:
        """Classes and areas of a mask, see `MaskPrediction.table_rows`."""
        return prediction.table_rows(mask, probability, self.classes, background=self.background)

    def postprocess(
        self,
        preds: list[MaskPrediction],
        visualization: list[list[np.ndarray]],
        return_datasamples: bool = False,
    ) -> dict:
        """Masks of one video at its size, and the classes in them.

        Args:
            preds: Its predictions, in the order of `stream`.
            visualization: Of `visualize`.
            return_datasamples: Return a data sample instead of a dict.

        Returns:
            `predictions`, a list with one entry for the video, and `visualization`. A prediction is
            a dict with `masks` (n, H, W) uint8 (0 and 1, or class indices), `seconds` (n) at which
            the masks begin, `rows` (a dict of mask, its number from 1, start, class, area as a
            fraction of the image, and mean probability for each class in each mask), `classes`
            (names by index) and, if asked for, `logits` (n, K, h, w), or `probabilities` of a
            network that has no logits. As `AVSDataSample` it has `pred_masks`, `seg_logits` or
            `seg_probs` if asked for, and the rest in its metainfo.
        """
        masks, rows = [], []
        for prediction in preds:
            mask, probability = prediction.masked()
            masks.append(mask)
            rows += self.table_rows(prediction, mask, probability)
        meta = {
            'seconds': [prediction.start for prediction in preds],
            'rows': [row.as_dict() for row in rows],
            'classes': self.classes,
        }
        maps = {
            name: torch.stack([prediction.maps[name] for prediction in preds])
            for name in preds[0].maps
        }
        result = {'masks': np.stack(masks), **meta}
        result |= {name: values.numpy() for name, values in maps.items()}
        if return_datasamples:
            result = AVSDataSample(metainfo=meta, pred_masks=torch.from_numpy(result['masks']))
            for name, values in maps.items():
                result.set_field(values, FIELDS[name])
        return {'predictions': [result], 'visualization': visualization}


def _standalone(checkpoint: str | Path | Config, trust: bool) -> tuple[str | Config, Path]:
    """The config that a checkpoint holds or belongs to, where no other was given, and its file."""
    if isinstance(checkpoint, Config) or Path(checkpoint).suffix in SUFFIXES:
        name = checkpoint.filename if isinstance(checkpoint, Config) else checkpoint
        raise ConfigError(
            f'{name}: a config has no weights: AVSInferencer(config, checkpoint), or '
            'AVSInferencer(checkpoint) with a checkpoint of this toolbox'
        )
    return parts_of(checkpoint, trust=trust)
