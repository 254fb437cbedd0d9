"""The one segmentor of all systems: builds the parts, hands channels on, flattens clips."""

from mmengine.model import BaseModel
from torch import Tensor

from avsbench.models.heads import AVSHeadOutput
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.utils.maps import decide


@MODELS.register_module()
class AVSegmentor(BaseModel):
    """Backbone, audio encoder and decode head.

    Args:
        backbone: Config; publishes `in_channels` and `out_channels`.
        audio_encoder: Config; publishes `out_channels`.
        decode_head: Config; `in_channels` and `audio_channels` are filled in.
        data_preprocessor: Config.
    """

    def __init__(
        self,
        backbone: dict,
        audio_encoder: dict,
        decode_head: dict,
        data_preprocessor: dict,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.backbone = MODELS.build(backbone)
        self.audio_encoder = MODELS.build(audio_encoder)
        channels = {
            'in_channels': self.backbone.out_channels,
            'audio_channels': self.audio_encoder.out_channels,
        }
        self.decode_head = MODELS.build({**channels, **decode_head})

    def forward(
        self,
        inputs: dict,
        data_samples: list[AVSDataSample] | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | list[AVSDataSample] | AVSHeadOutput | Tensor:
        """Run the network on what the data preprocessor made.

        Args:
            inputs: `frames` (N, 3, H, W), `audio` (N, 1, 96, 64), `clip_lengths`, where frames
                were padded `frame_valid` (N,), and where the data preprocessor resized them
                `img_shape`, (H, W) of the prediction.
            data_samples: One a clip; needed by the modes 'loss' and 'predict'.
            mode: 'loss' for loss terms, 'predict' for data samples with `seg_logits` (or
                `seg_probs`, see `AVSDataSample`) and `pred_masks`, 'tensor' for the head's output,
                'maps' for what `AVSDecodeHead.predict` makes of it.

        Returns:
            According to the mode.
        """
        features = self.backbone(inputs['frames'])
        audio = self.audio_encoder(inputs['audio'])
        output = self.decode_head(
            features, audio, inputs['clip_lengths'], inputs.get('frame_valid')
        )
        if mode == 'tensor':
            return output
        if mode == 'loss':
            return self.decode_head.loss(output, data_samples)
        if mode not in ('maps', 'predict'):
            raise ValueError(f"mode={mode!r}, expected 'tensor', 'loss', 'maps' or 'predict'")
        shape = inputs.get('img_shape', tuple(inputs['frames'].shape[-2:]))
        maps = self.decode_head.predict(output, shape)
        if mode == 'maps':
            return maps
        return self.postprocess(maps, inputs['clip_lengths'], data_samples)

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
