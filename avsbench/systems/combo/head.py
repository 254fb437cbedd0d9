"""Decode head of COMBO: mask classification by audio-conditioned queries.

Paper: Cooperation Does Matter: Exploring Multi-Order Bilateral Relations for Audio-Visual
Segmentation, arXiv 2312.06462, CVPR 2024. Repository: github.com/yannqi/COMBO-AVS. The decoder is
Mask2Former's (arXiv 2112.01527). Written from a description of them.
"""

from torch import Tensor, nn

from avsbench.models.heads import AVSHeadOutput, FrameTargets, HeadSizes
from avsbench.models.layers import MLP
from avsbench.registry import MODELS
from avsbench.systems.combo.masked_head import MaskedQueryHead, Memory
from avsbench.utils.checks import check_choice

AUDIO_MIXES = ('batch', 'frame')


@MODELS.register_module()
class ComboHead(MaskedQueryHead):
    """Every frame's queries attend to its levels, to each only inside their last masks.

        features --> pixel decoder --> levels, mask feature
        mask feature, audio --> fusion --> mask feature M, audio --MLP--> query audio
        queries = learned + query audio --> classes, masks over M
        for each layer: queries --(inside their masks)--> a level --> classes, masks over M

    The classes of the queries contain the background, so that K = 1 has two of them.

    Args:
        sizes: See `AVSDecodeHead`.
        embed_dims: Width C.
        num_queries: Q.
        pixel_decoder: Config; `in_channels` and `embed_dims` are filled in.
        fusion: Config; widths are filled in.
        transformer_decoder: Config; `embed_dims` is filled in.
        criterion: Config of the losses of one prediction; `num_classes` is filled in.
        loss_cosine: Config of the loss between frames; None leaves it out.
        audio_mlp_channels: Hidden width of the network between fused audio and queries.
        audio_mix: 'frame' gives the queries of a frame the audio of that frame. 'batch' is what the
            published code does by an indexing slip: query q of frame b gets the audio of frame
            (q N + b) // Q of the batch, so that results depend on the batch.
    """

    def __init__(
        self,
        sizes: HeadSizes,
        *,
        embed_dims: int,
        num_queries: int,
        pixel_decoder: dict,
        fusion: dict,
        transformer_decoder: dict,
        criterion: dict,
        loss_cosine: dict | None,
        audio_mlp_channels: int = 4096,
        audio_mix: str = 'batch',
    ) -> None:
        super().__init__(sizes)
        self.num_queries = num_queries
        self.audio_mix = check_choice('ComboHead: audio_mix', audio_mix, AUDIO_MIXES)
        channels, audio_channels = sizes.in_channels, sizes.audio_channels
        width = {'embed_dims': embed_dims}
        classes = max(2, self.num_classes)
        self.pixel_decoder = MODELS.build({'in_channels': channels, **width, **pixel_decoder})
        self.fusion = MODELS.build({**width, 'audio_channels': audio_channels, **fusion})
        self.transformer_decoder = MODELS.build({**width, **transformer_decoder})
        hidden = [audio_mlp_channels] * 2
        self.audio_mlp = MLP([audio_channels, *hidden, embed_dims])
        self.query_feature = nn.Embedding(num_queries, embed_dims)
        self.query_pos = nn.Embedding(num_queries, embed_dims)
        self.level_embed = nn.Embedding(len(channels) - 1, embed_dims)  # coarsest first
        self.classifier = nn.Linear(embed_dims, classes + 1)
        self.mask_mlp = MLP([embed_dims] * 4)
        self.criterion = MODELS.build({'num_classes': classes, **criterion})
        self.loss_cosine = None if loss_cosine is None else MODELS.build(loss_cosine)

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head; see the base class for the arguments.

        Returns:
            Class logits (layers + 1, N, Q, K + 1) and masks (layers + 1, N, Q, h, w) before the
            first decoder layer and after each, h x w at stride 4.
        """
        decoded = self.pixel_decoder(features)
        mask_feature, audio = self.fusion(decoded.mask_feature, audio)
        levels, positions = decoded.levels[::-1], decoded.positions[::-1]  # coarsest first
        memories = [
            Memory(level.flatten(2).transpose(1, 2) + embed, position, level.shape[2:])
            for level, position, embed in zip(
                levels, positions, self.level_embed.weight, strict=True
            )
        ]
        queries = self.queries(self.audio_mlp(audio))  # (N, Q, C)
        cls_logits, mask_logits = self.decode(queries, mask_feature, memories)
        return AVSHeadOutput(
            cls_logits=cls_logits, mask_logits=mask_logits, clip_lengths=clip_lengths
        )

    def queries(self, audio: Tensor) -> Tensor:
        """Learned queries plus audio (N, 1, C): (N, Q, C)."""
        num, _, channels = audio.shape
        audio = audio.expand(-1, self.num_queries, -1)  # (N, Q, C)
        if self.audio_mix == 'batch':
            audio = audio.reshape(self.num_queries, num, channels).transpose(0, 1)
        return self.query_feature.weight + audio

    def prediction_losses(
        self, output: AVSHeadOutput, targets: FrameTargets
    ) -> list[dict[str, Tensor]]:
        """The criterion on annotated frames; before the last prediction `loss_cosine` on all."""
        losses = super().prediction_losses(output, targets)
        if self.loss_cosine is not None:
            for terms, masks in zip(losses[:-1], output.mask_logits[:-1], strict=True):
                terms['loss_cosine'] = self.loss_cosine(masks, output.clip_lengths)
        return losses
