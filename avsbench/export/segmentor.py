"""An exported network in the place of a PyTorch network: for `AVSInferencer` and the commands."""

from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.model import BaseDataPreprocessor, BaseModel
from torch import Tensor

from avsbench.export.runtime import OnnxProgram
from avsbench.models.needs import NEEDS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError, DataError


class ExportedSegmentor(BaseModel):
    """Predicts collated clips with an ONNX file.

    Args:
        path: Of the file.
        device: See `OnnxProgram`.

    Attributes:
        info: What the file says about the network.
        needs: What it needs beside frames, Maskiges and audio.
        fixed_size: (H, W) of its frames.
        dataset_meta: Classes and palette of the data that it was trained on, and whether these
            were generated.

    Raises:
        CheckpointError: See `OnnxProgram`.
        ConfigError: The same.
    """

    def __init__(self, path: str | Path, device: str | None = None) -> None:
        super().__init__(BaseDataPreprocessor())
        self._program = OnnxProgram(path, device)
        self.info = self._program.info
        if self.info.audio == 'waveform':
            raise ConfigError(
                f'{path}: takes waveforms, and the toolbox computes the log-mel itself, to draw it '
                'as well; export without --front-end to run it here'
            )
        self.needs = frozenset(NEEDS.keys() & set(self._program.input_names))
        self.fixed_size = tuple(self.info.frame_size)
        self.dataset_meta = {'classes': self.info.classes, 'synthetic': self.info.synthetic}
        if self.info.palette:
            self.dataset_meta['palette'] = self.info.palette

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Maps and masks of clips, see `ExportableNetwork`."""
        return self._program.run(inputs)

    def test_step(self, data: dict) -> list[AVSDataSample]:
        """Predict a collated batch: `inputs` with `frames` and `audio`, and `data_samples`.

        Raises:
            DataError: A clip has another number of frames than the network was exported for.
        """
        lengths = {len(clip) for clip in data['inputs']['frames']}
        if lengths != {self.info.clip_frames}:
            raise DataError(
                f'clips of {sorted(lengths)} frames; the network was exported for '
                f'{self.info.clip_frames}'
            )
        frames = torch.stack(data['inputs']['frames'])  # (B, T, 3 or 6, H, W)
        inputs = {'frames': frames[:, :, :3]}
        if frames.shape[2] > 3:
            inputs['maskiges'] = frames[:, :, 3:]
        if self.info.audio != 'none':
            inputs['audio'] = torch.stack(data['inputs']['audio'])
        samples = data['data_samples']
        for sample, maps, masks in zip(samples, *self(inputs), strict=True):
            kept = sample.get('kept')
            if kept is not None:
                maps, masks = maps[list(kept)], masks[list(kept)]
            sample.set_field(maps, 'seg_logits' if self.info.maps == 'logits' else 'seg_probs')
            sample.pred_masks = masks
        return samples
