"""From a list of clips to one batch of frames on the device: the only place that pads."""

import itertools

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from avsbench.models.audio_encoders.feature_cache import patch_key
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.maps import resize
from avsbench.utils.transfer import send

CLIP_POLICIES = ('pad', 'pack')
FRAME_ORDERS = ('natural', 'frozen', 'shuffled')


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
        frame_order: In tests that predict one frame of each clip, the control that shows what a
            network reaches without motion ('frozen': that frame takes the place of all others) or
            without the order of the others ('shuffled', by the number of the sample). 'natural'
            leaves the frames.
        non_blocking: Whether copies to the device may overlap with computation, where the loader
            pins its memory.

    Attributes:
        makes_audio_keys: Whether batches get `audio_keys`, by which an audio encoder with a cache
            finds features. They are made here since the patches are on the host still.
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
        frame_order: str = 'natural',
        non_blocking: bool = True,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        check_choice('AVSDataPreprocessor: clip_policy', clip_policy, CLIP_POLICIES)
        self.pads = clip_policy == 'pad'
        if self.pads != (num_frames is not None):
            raise ConfigError(
                "AVSDataPreprocessor: num_frames belongs to clip_policy='pad' and is needed there"
            )
        self.num_frames = num_frames
        self.frame_size = None if frame_size is None else tuple(frame_size)
        self.mute_audio = mute_audio
        self.makes_audio_keys = False
        self.frame_order = check_choice(
            'AVSDataPreprocessor: frame_order', frame_order, FRAME_ORDERS
        )
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Make the batch.

        Args:
            data: `inputs` with lists `frames` ((T, 3, H, W) uint8 each, or (T, 6, H, W) with
                Maskiges), for clips with sound, `audio` ((T, 1, 96, 64) each), and with the masks
                of an earlier stage `prior_masks` ((T, H, W) uint8 each), and optionally
                `data_samples`, as collated. A sample may keep some frames of its clip only
                (`kept`), and its targets then are of these; it may also name the size of the
                prediction (`pred_shape`), which is that of its targets.
            training: Not looked at: both modes are treated alike.

        Returns:
            `inputs` with `frames` (N, 3, H, W) float, `audio` (N, 1, 96, 64) if there was any,
            `clip_lengths` (ints), where `makes_audio_keys` is set `audio_keys` (N hashes), where
            frames were padded `frame_valid` (N,) bool, where there were any `prior_masks`
            (N, H, W) int64, zero for padded frames, where a sample keeps some of its frames
            `kept` (N',) int64, their indices among the N, where the prediction has another size
            than the frames `pred_shape` (H', W'), and where the samples have targets `gt_masks`
            (N', H', W') int64, `gt_valid` (N',) bool and `gt_frames`, the indices of the frames
            with one among the N', as ints, and where a sample has one `categories`, of each clip
            its category or None. `data_samples`, or None, whose targets are their parts
            of these.

        Raises:
            DataError: Clips do not fit into one batch.
            ConfigError: Clips are padded, and one keeps some of its frames only.
        """
        patches = data['inputs'].get('audio', []) if self.makes_audio_keys else []
        keys = [[patch_key(patch) for patch in self.muted(clip)] for clip in patches]
        given: list[AVSDataSample] | None = data.get('data_samples')  # still on the host
        data = self.cast_data(data)
        frames = data['inputs']['frames']
        samples: list[AVSDataSample] | None = data.get('data_samples')
        if self.frame_order != 'natural':
            frames = self._reordered(frames, samples or [])
        lengths = [len(clip) for clip in frames]
        padded = self._padded_lengths(frames)
        inputs = {
            'frames': _join([self.normalise(clip) for clip in frames], padded),
            'clip_lengths': tuple(padded),
        }
        if self.frame_size is not None:
            inputs['pred_shape'] = tuple(inputs['frames'].shape[-2:])
            inputs['frames'] = resize(inputs['frames'], self.frame_size)
        if 'audio' in data['inputs']:
            inputs['audio'] = self.muted(_join(data['inputs']['audio'], padded))
            if self.makes_audio_keys:
                inputs['audio_keys'] = _join_keys(keys, inputs['audio'], padded)
        if 'prior_masks' in data['inputs']:
            priors = data['inputs']['prior_masks']
            if self.frame_order != 'natural':
                priors = self._reordered(priors, samples or [])
            inputs['prior_masks'] = _join(priors, padded).long()
        if padded != lengths:
            device = inputs['frames'].device
            exists = [torch.ones(length, dtype=torch.bool, device=device) for length in lengths]
            inputs['frame_valid'] = _join(exists, padded)
        if samples is not None:
            inputs |= self._wanted(samples, padded)
            inputs |= _targets(samples, padded if self.pads else None)
            if 'gt_valid' in inputs:
                inputs['gt_frames'] = _annotated(given, padded if self.pads else None)
            if any('category' in sample for sample in samples):
                inputs['categories'] = tuple(sample.get('category') for sample in samples)
        return {'inputs': inputs, 'data_samples': samples}

    def muted(self, audio: Tensor) -> Tensor:
        """Audio of any shape, or zeros in its place where `mute_audio` is set."""
        return torch.zeros_like(audio) if self.mute_audio else audio

    def _reordered(self, clips: list[Tensor], samples: list[AVSDataSample]) -> list[Tensor]:
        """The frames of clips (T, ...) in the order of the control."""
        return [self._in_order(*pair) for pair in zip(clips, samples, strict=True)]

    def _in_order(self, clip: Tensor, sample: AVSDataSample) -> Tensor:
        kept = sample.get('kept')
        if kept is None or len(kept) != 1:
            raise ConfigError(
                f'model.data_preprocessor.frame_order={self.frame_order!r} is for tests that '
                "predict one frame of each clip; VSPW needs windows='centre' for that"
            )
        if self.frame_order == 'frozen':
            return clip[kept].expand_as(clip)
        others = [index for index in range(len(clip)) if index != kept[0]]
        order = np.random.default_rng(sample.sample_idx).permutation(others).tolist()
        order.insert(kept[0], kept[0])
        return clip[order]

    def _wanted(self, samples: list[AVSDataSample], lengths: list[int]) -> dict:
        """`kept` and `pred_shape`, where samples have their own."""
        wanted: dict[str, Tensor | tuple[int, int]] = {}
        if any(sample.get('kept') is not None for sample in samples):
            if self.pads:
                raise ConfigError(
                    'the data set wants the prediction of some frames of a clip only; set '
                    "model.data_preprocessor.clip_policy='pack' and num_frames=None"
                )
            wanted['kept'] = send(_kept_frames(samples, lengths), self.mean.device)
        shapes = {sample.get('pred_shape') for sample in samples}
        if len(shapes) > 1:
            raise DataError(
                'the samples of one batch want predictions of different sizes (H, W) '
                f'{", ".join(map(str, shapes))}; set batch_size=1'
            )
        if shapes != {None}:
            wanted['pred_shape'] = tuple(shapes.pop())
        return wanted

    def _padded_lengths(self, frames: list[Tensor]) -> list[int]:
        """Frames of each clip in the batch, for clips that fit together."""
        sizes = {tuple(clip.shape[-2:]) for clip in frames}
        if len(sizes) > 1:
            raise DataError(
                f'the clips of one batch have different sizes (H, W) {sorted(sizes)}; add '
                'ClipResize or a crop to the pipeline, or set batch_size=1'
            )
        longest = max(len(clip) for clip in frames)
        if self.num_frames is not None and longest > self.num_frames:
            raise DataError(
                f'a clip has {longest} frames, model.data_preprocessor.num_frames is '
                f'{self.num_frames}'
            )
        return [self.num_frames or len(clip) for clip in frames]

    def normalise(self, clip: Tensor) -> Tensor:
        """Normalised frames (T, 3 or 6, H, W), of those with values 0 to 255."""
        images = clip.float().unflatten(1, (-1, 3))  # (T, 1 or 2, 3, H, W): Maskiges follow
        return ((images - self.mean) / self.std).flatten(1, 2)


def _kept_frames(samples: list[AVSDataSample], lengths: list[int]) -> list[int]:
    """Indices of the frames whose prediction is wanted, in a batch of clips of these lengths."""
    starts = itertools.accumulate(lengths[:-1], initial=0)
    kept = []
    for sample, start, length in zip(samples, starts, lengths, strict=True):
        places = sample.get('kept')
        kept += [start + place % length for place in (range(length) if places is None else places)]
    return kept


def _targets(samples: list[AVSDataSample], padded: list[int] | None) -> dict[str, Tensor]:
    """`gt_masks` and `gt_valid` of the batch, of which each sample gets its part."""
    lengths = padded or [len(sample.frame_valid) for sample in samples]
    for sample, length in zip(samples, lengths, strict=True):
        sample.frame_valid = _join([sample.frame_valid], [length])
    if not all('gt_masks' in sample for sample in samples):
        return {}
    targets = {
        'gt_masks': _join([sample.gt_masks for sample in samples], lengths).long(),
        'gt_valid': _join([sample.gt_valid for sample in samples], lengths),
    }
    for name, values in targets.items():
        for sample, part in zip(samples, values.split(lengths), strict=True):
            sample.set_field(part, name)
    return targets


def _join_keys(clips: list[list[bytes]], audio: Tensor, lengths: list[int]) -> tuple[bytes, ...]:
    """Keys of the patches of a batch (N, *shape), with those of zeros where clips were padded."""
    silence = patch_key(torch.zeros(audio.shape[1:])) if sum(map(len, clips)) < len(audio) else b''
    return tuple(
        key
        for clip, length in zip(clips, lengths, strict=True)
        for key in clip + [silence] * (length - len(clip))
    )


def _annotated(samples: list[AVSDataSample], padded: list[int] | None) -> tuple[int, ...]:
    """Indices of the frames with a target, in a batch of clips of these lengths."""
    lengths = padded or [len(sample.gt_valid) for sample in samples]
    starts = itertools.accumulate(lengths[:-1], initial=0)
    return tuple(
        start + place
        for sample, start in zip(samples, starts, strict=True)
        for place in sample.gt_valid.nonzero().flatten().tolist()
    )


def _join(clips: list[Tensor], lengths: list[int]) -> Tensor:
    """Clips one after the other, each with zeros (False) behind it up to its length."""
    parts = []
    for clip, length in zip(clips, lengths, strict=True):
        missing = [0, 0] * (clip.dim() - 1) + [0, length - len(clip)]
        parts.append(F.pad(clip, missing) if length > len(clip) else clip)
    return torch.cat(parts)
