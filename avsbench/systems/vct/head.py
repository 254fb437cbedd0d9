"""Decode head of VCT: mask classification by queries that are made from the frame.

Paper: Revisiting Audio-Visual Segmentation with Vision-Centric Transformer, arXiv 2506.23623, CVPR
2025. Repository: github.com/spyflying/VCT_AVS. Written from a description of them.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from avsbench.models.heads import AVSHeadOutput, FrameTargets, HeadSizes
from avsbench.models.layers import MLP, sine_position_encoding
from avsbench.registry import MODELS
from avsbench.systems.combo.masked_head import MaskedQueryHead, Memory
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import resize

STRIDE = 4  # of the mask feature


@dataclass(kw_only=True)
class VCTOutput(AVSHeadOutput):
    """What the head computes for N frames.

    Attributes:
        audio_feature: (N, C), the mean of the audio tokens, which a loss compares.
    """

    audio_feature: Tensor


@MODELS.register_module()
class VCTHead(MaskedQueryHead):
    """Queries from the frame attend to its sound and its levels in turn.

        features --> pixel decoder --> levels, mask feature M
        audio --MLP--> audio tokens
        queries = learned + made from M --> classes, masks over M
        for each layer: queries --> audio tokens, or (inside their masks) a level
            --> classes, masks over M

    The classes of the queries contain the background, so that K = 1 has two of them.

    Args:
        sizes: See `AVSDecodeHead`.
        embed_dims: Width C.
        num_queries: Q.
        image_size: (H, W) of the frames in pixels; the network takes no other. Scores are summed at
            that size and then brought to the size that is wanted.
        pixel_decoder: Config; `in_channels` and `embed_dims` are filled in.
        query_generator: Config; widths, `num_queries` and `map_size` are filled in.
        transformer_decoder: Config; `embed_dims` is filled in.
        criterion: Config of the losses of one prediction; `num_classes` is filled in.
        loss_prototype: Config of the loss between audio and prototypes, whose number and width are
            filled in; None leaves it out.
        audio_mlp_channels: Hidden width of the network that maps each audio token.

    Raises:
        ConfigError: There is a loss on prototypes, but they do not fit it.
    """

    accepts_audio_grid = True

    def __init__(
        self,
        sizes: HeadSizes,
        *,
        embed_dims: int,
        num_queries: int,
        image_size: tuple[int, int],
        pixel_decoder: dict,
        query_generator: dict,
        transformer_decoder: dict,
        criterion: dict,
        loss_prototype: dict | None,
        audio_mlp_channels: int = 4096,
    ) -> None:
        super().__init__(sizes)
        self.image_size, self.audio_grid = tuple(image_size), tuple(sizes.audio_grid)
        width, channels = {'embed_dims': embed_dims}, sizes.in_channels
        classes = max(2, self.num_classes)
        self.pixel_decoder = MODELS.build({'in_channels': channels, **width, **pixel_decoder})
        made = {'num_queries': num_queries, 'map_size': [side // STRIDE for side in image_size]}
        self.query_generator = MODELS.build({**width, **made, **query_generator})
        self.transformer_decoder = MODELS.build({**width, **transformer_decoder})
        self.audio_mlp = MLP([sizes.audio_channels, *[audio_mlp_channels] * 2, embed_dims])
        self.query_feature = nn.Embedding(num_queries, embed_dims)
        self.query_pos = nn.Embedding(num_queries, embed_dims)
        # Of the audio tokens, then of the levels from the coarsest on.
        self.level_embed = nn.Embedding(len(channels), embed_dims)
        self.classifier = nn.Linear(embed_dims, classes + 1)
        self.mask_mlp = MLP([embed_dims] * 4)
        self.criterion = MODELS.build({'num_classes': classes, **criterion})
        self.loss_prototype = None
        if loss_prototype is not None:
            number = self._num_prototypes(loss_prototype)
            self.loss_prototype = MODELS.build(
                {**width, 'num_prototypes': number, **loss_prototype}
            )

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> VCTOutput:
        """Run the head; see the base class for the arguments.

        Returns:
            Class logits (layers + 1, N, Q, K + 1) and masks (layers + 1, N, Q, h, w) before the
            first decoder layer and after each, h x w at stride 4.
        """
        decoded = self.pixel_decoder(features)
        tokens = self.audio_mlp(audio)  # (N, A, C)
        queries = self.query_feature.weight + self.query_generator(decoded.mask_feature)
        audio_embed, *level_embeds = self.level_embed.weight
        position = sine_position_encoding(
            *self.audio_grid, tokens.shape[-1] // 2, normalize=True, device=tokens.device
        )
        levels, positions = decoded.levels[::-1], decoded.positions[::-1]  # coarsest first
        memories = [
            Memory(tokens + audio_embed, position, None),
            *(
                Memory(level.flatten(2).transpose(1, 2) + embed, code, tuple(level.shape[2:]))
                for level, code, embed in zip(levels, positions, level_embeds, strict=True)
            ),
        ]
        cls_logits, mask_logits = self.decode(queries, decoded.mask_feature, memories)
        return VCTOutput(
            cls_logits=cls_logits,
            mask_logits=mask_logits,
            clip_lengths=clip_lengths,
            audio_feature=tokens.mean(1),
        )

    def loss(self, output: VCTOutput, targets: FrameTargets) -> dict[str, Tensor]:
        """The terms of every prediction, and `loss_proto` of the annotated frames' audio."""
        losses = super().loss(output, targets)
        if self.loss_prototype is not None:
            clips = targets.categories or (None,) * len(output.clip_lengths)
            counts = targets.lengths(output.clip_lengths)
            categories = [
                name for name, count in zip(clips, counts, strict=True) for _ in range(count)
            ]
            losses['loss_proto'] = self.loss_prototype(
                targets.select(output.audio_feature),
                self.query_generator.prototypes.weight,
                targets.select(targets.masks),
                categories,
            )
        return losses

    def score_maps(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Score maps (N, K, H, W), summed at the size of the frames and then resized."""
        return resize(super().score_maps(output, self.image_size), img_shape)

    def _num_prototypes(self, loss_prototype: dict) -> int:
        prototypes = self.query_generator.prototypes
        if prototypes is None:
            raise ConfigError(
                'VCTHead: loss_prototype needs prototypes; set query_generator.num_prototypes, or '
                'loss_prototype=None'
            )
        number = prototypes.num_embeddings
        if loss_prototype.get('categories') is None and number != self.num_classes:
            raise ConfigError(
                f'VCTHead: {number} prototypes for {self.num_classes} classes; set '
                'query_generator.num_prototypes to num_classes, or name as many categories in '
                'loss_prototype.categories'
            )
        return number
