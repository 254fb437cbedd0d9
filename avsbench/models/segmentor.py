"""The one segmentor of all systems: builds the parts, hands channels on, flattens clips."""

from collections.abc import Mapping
from typing import ClassVar

from mmengine.model import BaseModel
from torch import Tensor

from avsbench.models.heads import AVSDecodeHead, AVSHeadOutput, Features, FrameTargets
from avsbench.models.losses.pixel import without_autocast
from avsbench.models.needs import check_needs, chosen_needs, needs_of
from avsbench.models.test_time import TestTimeAugmentation
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import decide, probabilities, resize


@MODELS.register_module()
class AVSegmentor(BaseModel):
    """Backbone, audio encoder and decode head.

    Attributes:
        implied_types: `type` of those parts whose configs need none.

    Args:
        backbone: Config; publishes `in_channels` and `out_channels`. One that looks at several
            frames of a clip at once sets `needs_clips`, and is called with the clips' lengths.
            Like the head it may declare `needs`, see `avsbench.models.needs`; the segmentor passes
            these as keyword arguments.
        audio_encoder: Config; publishes `out_channels`, and `out_grid` where it gives more than one
            token per frame. None for videos without sound.
        decode_head: Config; `in_channels`, `audio_channels` and `audio_grid` are filled in.
        data_preprocessor: Config.
        test_cfg: Settings of the `TestTimeAugmentation` in tests; None predicts each clip once.
        val_cfg: The same for validations during a training.

    Raises:
        ConfigError: Clips are padded, there are several audio tokens per frame, or the backbone
            gives tokens, and the head does not accept that; or it wants tokens and gets levels; or
            a part needs what is unknown or not there.
    """

    implied_types: ClassVar[dict[str, str]] = dict.fromkeys(
        ('test_cfg', 'val_cfg'), 'TestTimeAugmentation'
    )

    def __init__(
        self,
        backbone: dict,
        audio_encoder: dict | None,
        decode_head: dict,
        data_preprocessor: dict,
        *,
        test_cfg: dict | None = None,
        val_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.backbone = MODELS.build(backbone)
        self.audio_encoder = None if audio_encoder is None else MODELS.build(audio_encoder)
        if getattr(self.audio_encoder, 'cache', None) is not None:
            self.data_preprocessor.makes_audio_keys = True
        channels = {
            'in_channels': self.backbone.out_channels,
            'audio_channels': getattr(self.audio_encoder, 'out_channels', None),
        }
        grid = tuple(getattr(self.audio_encoder, 'out_grid', (1, 1)))
        if grid != (1, 1):
            channels['audio_grid'] = grid
        self.decode_head: AVSDecodeHead = MODELS.build({**channels, **decode_head})
        if grid != (1, 1) and not self.decode_head.accepts_audio_grid:
            raise ConfigError(
                f'{type(self.decode_head).__name__} reads one audio token per frame, '
                f'{type(self.audio_encoder).__name__} gives {grid[0]} x {grid[1]}; set '
                "model.audio_encoder.tokens='vector', or choose another head"
            )
        self._check_tokens()
        check_needs(self.backbone, self.audio_encoder, self.decode_head)
        if getattr(self.data_preprocessor, 'pads', False) and not self.decode_head.accepts_padding:
            raise ConfigError(
                f'{type(self.decode_head).__name__} does not accept padded clips; set '
                "model.data_preprocessor.clip_policy='pack' and "
                'model.data_preprocessor.num_frames=None'
            )
        self.test_augmentation, self.val_augmentation = (
            None if cfg is None else MODELS.build({'type': self.implied_types[name], **cfg})
            for name, cfg in (('test_cfg', test_cfg), ('val_cfg', val_cfg))
        )

    def forward(
        self,
        inputs: dict,
        data_samples: list[AVSDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[AVSDataSample] | AVSHeadOutput | Tensor:
        """Run the network on what the data preprocessor made.

        Args:
            inputs: `frames` (N, 3, H, W), with an audio encoder `audio` (N, *shape), with the shape
                of its front end, `clip_lengths`, and as far as the data preprocessor made them
                `frame_valid` (N,), `prior_masks` (N, H', W'), `kept` (N',), the frames that are to
                be predicted, and `pred_shape` (H', W'), the size of the prediction; for the mode
                'loss' `gt_masks`, `gt_valid` and, if they are known, `gt_frames` and `categories`,
                see `FrameTargets`.
            data_samples: One per clip; the mode 'predict' writes into them.
            mode: 'loss' for loss terms, 'predict' for data samples with `seg_logits` (or
                `seg_probs`, see `AVSDataSample`) and `pred_masks`, 'tensor' for the head's output,
                'maps' for what `AVSDecodeHead.predict` makes of it.

        Returns:
            According to the mode.
        """
        output = self.head_output(inputs['frames'], inputs)
        if mode == 'tensor':
            return output
        if mode == 'loss':
            return self.decode_head.loss(output, self.targets(inputs))
        if mode not in ('maps', 'predict'):
            raise ValueError(f"mode={mode!r}, expected 'tensor', 'loss', 'maps' or 'predict'")
        maps = self.maps(output, inputs)
        return maps if mode == 'maps' else self.postprocess(maps, data_samples)

    def val_step(self, data: dict | tuple | list) -> list[AVSDataSample]:
        """Predict a collated batch, with the test-time augmentation of validations."""
        return self._predict(data, self.val_augmentation)

    def test_step(self, data: dict | tuple | list) -> list[AVSDataSample]:
        """Predict a collated batch, with the test-time augmentation of tests."""
        return self._predict(data, self.test_augmentation)

    def _predict(
        self, data: dict | tuple | list, augmentation: TestTimeAugmentation | None
    ) -> list[AVSDataSample]:
        batch = self.data_preprocessor(data, False)
        inputs, samples = batch['inputs'], batch['data_samples']
        if augmentation is None:
            return self(inputs, samples, mode='predict')
        audio = self.audio_features(inputs)

        def probability(frames: Tensor, mirrored: bool) -> Tensor:
            maps = self.maps(self.head_output(frames, inputs, audio, mirrored), inputs)
            return probabilities(maps) if self.decode_head.predicts_logits else maps.clamp_(max=1)

        joined = augmentation(inputs['frames'], probability)
        inclusive = augmentation.threshold_inclusive
        return self.postprocess(joined, samples, are_logits=False, inclusive=inclusive)

    def head_output(
        self, frames: Tensor, inputs: dict, audio: Tensor | None = None, mirrored: bool = False
    ) -> AVSHeadOutput:
        """What the decode head makes of a batch.

        Args:
            frames: (N, 3, h, w), those of the batch or of another size.
            inputs: The batch.
            audio: (N, A, D) audio tokens; None: it is computed here, if there is sound.
            mirrored: Whether these frames are the mirror images of those of the batch.
        """
        lengths = inputs['clip_lengths']
        given: dict[str, Tensor | None] = {}
        if 'prior_masks' in self.needs:
            given['prior_masks'] = _prior_masks(inputs, frames, mirrored)
        # Else the backbone comes first, as it always has: both may draw random numbers.
        if audio is None and 'audio' in needs_of(self.backbone):
            audio = self.audio_features(inputs)
        features = self.visual_features(
            frames, lengths, chosen_needs(self.backbone, {**given, 'audio': audio})
        )
        if audio is None:
            audio = self.audio_features(inputs)
        further = chosen_needs(self.decode_head, given)  # audio is an argument of every head
        return self.decode_head(features, audio, lengths, inputs.get('frame_valid'), **further)

    def maps(self, output: AVSHeadOutput, inputs: dict) -> Tensor:
        """Maps (N', K, H', W') of the frames that are to be predicted, at the prediction's size."""
        if 'kept' in inputs:
            output = output.select(inputs['kept'])  # before the enlargement, which takes memory
        shape = inputs.get('pred_shape', tuple(inputs['frames'].shape[-2:]))
        # Halves have too few steps between 0 and 1 to enlarge and compare probabilities in.
        with without_autocast(inputs['frames']):
            return self.decode_head.predict(output.full_precision(), shape)

    def visual_features(
        self,
        frames: Tensor,
        clip_lengths: tuple[int, ...],
        further: Mapping[str, Tensor | None] | None = None,
    ) -> Features:
        """The backbone's levels (N, C_l, H_l, W_l) of frames (N, 3, H, W), or its tokens.

        Args:
            frames: (N, 3, H, W).
            clip_lengths: Frames of each clip.
            further: What the backbone declares as its `needs`, by name.
        """
        lengths = (clip_lengths,) if getattr(self.backbone, 'needs_clips', False) else ()
        return self.backbone(frames, *lengths, **(further or {}))

    def audio_features(self, inputs: dict) -> Tensor | None:
        """The audio tokens (N, A, D) of a batch, or None without an audio encoder."""
        if self.audio_encoder is None:
            return None
        if 'audio_keys' in inputs:
            return self.audio_encoder(inputs['audio'], inputs['audio_keys'])
        return self.audio_encoder(inputs['audio'])

    @staticmethod
    def targets(inputs: dict) -> FrameTargets:
        """The targets in a batch.

        Raises:
            ValueError: They are of some frames only; a loss compares whole clips.
        """
        if 'kept' in inputs:
            raise ValueError(
                'a loss needs the targets of all frames of a clip, but the data set keeps '
                f'{len(inputs["kept"])} of {len(inputs["frames"])}: is it one to test on?'
            )
        return FrameTargets(
            inputs['gt_masks'],
            inputs['gt_valid'],
            inputs.get('gt_frames'),
            inputs.get('categories', ()),
        )

    def postprocess(
        self,
        maps: Tensor,
        data_samples: list[AVSDataSample],
        *,
        are_logits: bool | None = None,
        inclusive: bool = False,
    ) -> list[AVSDataSample]:
        """Decide each pixel of a prediction, and split it by clip.

        Args:
            maps: (N', K, H', W') of the frames that are to be predicted.
            data_samples: One per clip, written to.
            are_logits: Whether the maps are logits or probabilities; None: as the head's are.
            inclusive: See `decide`.
        """
        if are_logits is None:
            are_logits = self.decode_head.predicts_logits
            maps = maps if are_logits else maps.clamp_(max=1)
        masks = decide(maps, are_logits=are_logits, inclusive=inclusive)  # (N', H', W')
        lengths = [len(sample.frame_valid) for sample in data_samples]
        parts = zip(data_samples, maps.split(lengths), masks.split(lengths), strict=True)
        for sample, clip_maps, clip_masks in parts:
            sample.set_field(clip_maps, 'seg_logits' if are_logits else 'seg_probs')
            sample.pred_masks = clip_masks
            if inclusive:
                sample.set_metainfo({'threshold_inclusive': True})
        return data_samples

    def _check_tokens(self) -> None:
        given = getattr(self.backbone, 'gives_tokens', False)
        if given != self.decode_head.accepts_tokens:
            backbone, head = type(self.backbone).__name__, type(self.decode_head).__name__
            wanted = 'levels, of TimmBackbone' if given else 'tokens, of ViTTokenBackbone'
            raise ConfigError(
                f'{backbone} gives {"tokens" if given else "levels"}, {head} reads {wanted} for '
                'instance; set model.backbone.type, or choose another head'
            )

    @property
    def needs(self) -> frozenset[str]:
        """What backbone and head need beside frames, levels and audio tokens."""
        return needs_of(self.backbone) | needs_of(self.decode_head)

    @property
    def in_channels(self) -> int:
        """Channels of the frames: 3, or 6 with Maskiges."""
        return self.backbone.in_channels

    @property
    def missing_pretrained(self) -> list[str]:
        """Weight files that the training should have started from, but were not there."""
        parts = [getattr(module, 'missing_weights', None) for module in self.modules()]
        return list(dict.fromkeys(part for part in parts if part))  # two parts may share a file


def _prior_masks(inputs: dict, frames: Tensor, mirrored: bool) -> Tensor:
    """The masks (N, h, w) of an earlier stage that belong to frames (N, 3, h, w).

    Raises:
        ConfigError: The batch has none.
    """
    if 'prior_masks' not in inputs:
        raise ConfigError(
            'the network needs the masks of an earlier stage, and the batch has none: add '
            "dict(type='LoadPriorMasks', folder=...) after LoadClip in every pipeline, with the "
            'folder that `test.sh --save-masks` has written'
        )
    masks = inputs['prior_masks']
    masks = masks.flip(-1) if mirrored else masks
    return resize(masks[:, None].float(), frames.shape[-2:], 'nearest')[:, 0].long()
