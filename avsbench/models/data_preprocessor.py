"""From a list of clips to one batch of frames on the device: the only place that pads."""

import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError

CLIP_POLICIES = ('pad', 'pack')


@MODELS.register_module()
class AVSDataPreprocessor(BaseDataPreprocessor):
    """Normalise frames and flatten clips into one batch.

    Args:
        mean: Mean of R, G, B on the scale 0 to 255.
        std: Standard deviation of R, G, B on the same scale.
        clip_policy: 'pad': every clip gets `num_frames` frames, missing ones zero after the
            normalisation, their log-mel patches zero, their target class 0. 'pack': the frames
            of all clips one after the other, whatever their number.
        num_frames: T of the policy 'pad'.
        frame_size: (H, W) in pixels that normalised frames are resized to, bilinearly, while the
            targets, and what is predicted, keep the size they had; None leaves them.
        mute_audio: Replace the audio by zeros, in training and test alike: the control that shows
            what a network reaches without listening.
        non_blocking: Whether the copy to the device may overlap with computation.
    """

    def __init__(
        self,
        mean: tuple[float, float, float] = (123.675, 116.28, 103.53),
        std: tuple[float, float, float] = (58.395, 57.12, 57.375),
        *,
        clip_policy: str = 'pad',
        num_frames: int | None = None,
        frame_size: tuple[int, int] | None = None,
        mute_audio: bool = False,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        check_choice('AVSDataPreprocessor: clip_policy', clip_policy, CLIP_POLICIES)
        if (clip_policy == 'pad') != (num_frames is not None):
            raise ConfigError(
                "AVSDataPreprocessor: num_frames belongs to clip_policy='pad' and is needed there"
            )
        self.num_frames = num_frames
        self.frame_size = None if frame_size is None else tuple(frame_size)
        self.mute_audio = mute_audio
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make the batch.

        Args:
            data: `inputs` with lists `frames` ((T, 3, H, W) uint8 each, or (T, 6, H, W) with
                Maskiges) and `audio`
                ((T, 1, 96, 64) each), and optionally `data_samples`, as collated.
            training: Not looked at: both modes are treated alike.

        Returns:
            `inputs` with `frames` (N, 3, H, W) float, `audio` (N, 1, 96, 64), `clip_lengths`
            (ints), where frames were padded `frame_valid` (N,) bool, and where they were resized
            `img_shape`, (H, W) as they came; `data_samples` with
            targets padded likewise and as int64, or None.
        """
        data = self.cast_data(data)
        frames, audio = data['inputs']['frames'], data['inputs']['audio']
        samples: list[AVSDataSample] | None = data.get('data_samples')
        sizes = {tuple(clip.shape[-2:]) for clip in frames}
        if len(sizes) > 1:
            raise DataError(
                f'the clips of one batch have different sizes (H, W) {sorted(sizes)}; add '
                'ClipResize or a crop to the pipeline, or set batch_size=1'
            )
        lengths = [len(clip) for clip in frames]
        padded = [self.num_frames or length for length in lengths]
        for length, wanted in zip(lengths, padded, strict=True):
            if length > wanted:
                raise DataError(
                    f'a clip has {length} frames, model.data_preprocessor.num_frames is {wanted}'
                )
        inputs = {
            'frames': torch.cat(
                [
                    _pad(self._normalise(clip), length)
                    for clip, length in zip(frames, padded, strict=True)
                ]
            ),
            'audio': torch.cat(
                [_pad(clip, length) for clip, length in zip(audio, padded, strict=True)]
            ),
            'clip_lengths': tuple(padded),
        }
        if self.frame_size is not None:
            inputs['img_shape'] = tuple(inputs['frames'].shape[-2:])
            inputs['frames'] = F.interpolate(
                inputs['frames'], self.frame_size, mode='bilinear', align_corners=False
            )
        if self.mute_audio:
            inputs['audio'] = torch.zeros_like(inputs['audio'])
        if padded != lengths:
            exists = [torch.arange(new) < old for old, new in zip(lengths, padded, strict=True)]
            inputs['frame_valid'] = torch.cat(exists).to(inputs['frames'].device)
        if samples is not None:
            for sample, length in zip(samples, padded, strict=True):
                if 'gt_masks' in sample:
                    sample.gt_masks = _pad(sample.gt_masks, length).long()
                    sample.gt_valid = _pad(sample.gt_valid, length)
                sample.frame_valid = _pad(sample.frame_valid, length)
        return {'inputs': inputs, 'data_samples': samples}

    def _normalise(self, clip: Tensor) -> Tensor:
        pictures = clip.float().unflatten(1, (-1, 3))  # (T, 1 or 2, 3, H, W): Maskiges follow
        return ((pictures - self.mean) / self.std).flatten(1, 2)


def _pad(clip: Tensor, length: int) -> Tensor:
    """Append zeros (False) along the first axis up to `length`."""
    missing = length - len(clip)
    return clip if missing == 0 else F.pad(clip, [0, 0] * (clip.dim() - 1) + [0, missing])
