"""Decode head of COMBO: mask classification by audio-conditioned queries.

Paper: Cooperation Does Matter: Exploring Multi-Order Bilateral Relations for Audio-Visual
Segmentation, arXiv 2312.06462, CVPR 2024. Repository: github.com/yannqi/COMBO-AVS. The decoder is
Mask2Former's (arXiv 2112.01527). Written from a description of them.
"""

import torch
from torch import Tensor, nn

from avsbench.models.heads import (
    AVSHeadOutput,
    FrameTargets,
    HeadSizes,
    QueryAVSHead,
)
from avsbench.models.layers import MLP
from avsbench.registry import MODELS
from avsbench.systems.combo.criterion import mask_targets
from avsbench.utils.checks import check_choice
from avsbench.utils.maps import resize

AUDIO_MIXES = ('batch', 'frame')


@MODELS.register_module()
class ComboHead(QueryAVSHead):
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
            level.flatten(2).transpose(1, 2) + embed
            for level, embed in zip(levels, self.level_embed.weight, strict=True)
        ]
        decoder = self.transformer_decoder
        queries = self.queries(self.audio_mlp(audio))  # (N, Q, C)
        predictions = [self.predict_masks(decoder.norm(queries), mask_feature)]
        for index, layer in enumerate(decoder.layers):
            level = index % len(levels)
            _, masks = predictions[-1]
            queries = layer(
                queries,
                memories[level],
                query_pos=self.query_pos.weight,
                memory_pos=positions[level],
                memory_mask=self.inside(masks, levels[level].shape[2:]),
            )
            predictions.append(self.predict_masks(decoder.norm(queries), mask_feature))
        cls_logits, mask_logits = (torch.stack(part) for part in zip(*predictions, strict=True))
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

    def predict_masks(self, queries: Tensor, mask_feature: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (N, Q, K + 1) and masks (N, Q, h, w) of normalised queries (N, Q, C)."""
        masks = torch.einsum('nqc,nchw->nqhw', self.mask_mlp(queries), mask_feature)
        return self.classifier(queries), masks

    @staticmethod
    def inside(mask_logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Where each query attends to on a level of `size` (h, w): (N, 1, Q, h * w) bool.

        Inside its mask; everywhere if that is nowhere.
        """
        inside = resize(mask_logits.detach(), size).flatten(2) >= 0  # (N, Q, h * w)
        return (inside | ~inside.any(-1, keepdim=True))[:, None]

    def prediction_losses(
        self, output: AVSHeadOutput, targets: FrameTargets
    ) -> list[dict[str, Tensor]]:
        """The criterion on annotated frames; before the last prediction `loss_cosine` on all."""
        losses = self.criterion(
            targets.select(output.cls_logits, 1),
            targets.select(output.mask_logits, 1),
            mask_targets(targets.select(targets.masks)),
        )
        if self.loss_cosine is not None:
            for terms, masks in zip(losses[:-1], output.mask_logits[:-1], strict=True):
                terms['loss_cosine'] = self.loss_cosine(masks, output.clip_lengths)
        return losses

    def binary_logits(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Score of the foreground less that of the background: its sigmoid is their softmax."""
        scores = self.score_maps(output, img_shape)
        return scores[:, 1:] - scores[:, :1]
