"""The one segmentor of all systems: builds the parts, hands channels on, flattens clips."""

from mmengine.model import BaseModel
from torch import Tensor

from avsbench.models.heads import AVSDecodeHead, AVSHeadOutput, FrameTargets
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import decide


@MODELS.register_module()
class AVSegmentor(BaseModel):
    """Backbone, audio encoder and decode head.

    Args:
        backbone: Config; publishes `in_channels` and `out_channels`. One that looks at several
            frames of a clip at once sets `needs_clips`, and is called with the clips' lengths.
        audio_encoder: Config; publishes `out_channels`. None for videos without sound.
        decode_head: Config; `in_channels` and `audio_channels` are filled in.
        data_preprocessor: Config.

    Raises:
        ConfigError: Clips are padded, and the head does not accept that.
    """

    def __init__(
        self,
        backbone: dict,
        audio_encoder: dict | None,
        decode_head: dict,
        data_preprocessor: dict,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.backbone = MODELS.build(backbone)
        self.audio_encoder = None if audio_encoder is None else MODELS.build(audio_encoder)
        channels = {
            'in_channels': self.backbone.out_channels,
            'audio_channels': getattr(self.audio_encoder, 'out_channels', None),
        }
        self.decode_head: AVSDecodeHead = MODELS.build({**channels, **decode_head})
        if getattr(self.data_preprocessor, 'pads', False) and not self.decode_head.accepts_padding:
            raise ConfigError(
                f'{type(self.decode_head).__name__} does not accept padded clips; set '
                "model.data_preprocessor.clip_policy='pack' and "
                'model.data_preprocessor.num_frames=None'
            )

    def forward(
        self,
        inputs: dict,
        data_samples: list[AVSDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[AVSDataSample] | AVSHeadOutput | Tensor:
        """Run the network on what the data preprocessor made.

        Args:
            inputs: `frames` (N, 3, H, W), with an audio encoder `audio` (N, 1, 96, 64),
                `clip_lengths`, where frames were padded `frame_valid` (N,), where the data
                preprocessor resized them `img_shape`, (H, W) of the prediction, and for the mode
                'loss' `gt_masks` and `gt_valid`, see `FrameTargets`.
            data_samples: One per clip; the mode 'predict' writes into them.
            mode: 'loss' for loss terms, 'predict' for data samples with `seg_logits` (or
                `seg_probs`, see `AVSDataSample`) and `pred_masks`, 'tensor' for the head's output,
                'maps' for what `AVSDecodeHead.predict` makes of it.

        Returns:
            According to the mode.
        """
        lengths = inputs['clip_lengths']
        features = self.visual_features(inputs['frames'], lengths)
        audio = None if self.audio_encoder is None else self.audio_encoder(inputs['audio'])
        output = self.decode_head(features, audio, lengths, inputs.get('frame_valid'))
        if mode == 'tensor':
            return output
        if mode == 'loss':
            return self.decode_head.loss(output, self.targets(inputs))
        if mode not in ('maps', 'predict'):
            raise ValueError(f"mode={mode!r}, expected 'tensor', 'loss', 'maps' or 'predict'")
        shape = inputs.get('img_shape', tuple(inputs['frames'].shape[-2:]))
        maps = self.decode_head.predict(output, shape)
        if mode == 'maps':
            return maps
        return self.postprocess(maps, lengths, data_samples)

    def visual_features(self, frames: Tensor, clip_lengths: tuple[int, ...]) -> list[Tensor]:
        """The backbone's levels (N, C_l, H_l, W_l) of frames (N, 3, H, W), finest first."""
        if getattr(self.backbone, 'needs_clips', False):
            return self.backbone(frames, clip_lengths)
        return self.backbone(frames)

    @staticmethod
    def targets(inputs: dict) -> FrameTargets:
        """The targets in a batch."""
        return FrameTargets(inputs['gt_masks'], inputs['gt_valid'])

    def postprocess(
        self, maps: Tensor, clip_lengths: tuple[int, ...], data_samples: list[AVSDataSample]
    ) -> list[AVSDataSample]:
        """Decide each pixel of the head's prediction (N, K, H, W), and split it by clip."""
        masks = decide(maps)  # (N, H, W)
        field = 'seg_logits'
        if not self.decode_head.predicts_logits:
            field, maps = 'seg_probs', maps.clamp_(max=1)
        parts = zip(data_samples, maps.split(clip_lengths), masks.split(clip_lengths), strict=True)
        for sample, clip_maps, clip_masks in parts:
            sample.set_field(clip_maps, field)
            sample.pred_masks = clip_masks
        return data_samples

    @property
    def in_channels(self) -> int:
        """Channels of the frames: 3, or 6 with Maskiges."""
        return self.backbone.in_channels

    @property
    def missing_pretrained(self) -> list[str]:
        """Weight files that the training should have started from, but were not there."""
        parts = [getattr(module, 'missing_weights', None) for module in self.modules()]
        return [part for part in parts if part]
