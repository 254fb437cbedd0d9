"""Decode head of COMBO: mask classification by queries that know the sound.

Paper: Cooperation Does Matter: Exploring Multi-Order Bilateral Relations for Audio-Visual
Segmentation, arXiv 2312.06462, CVPR 2024. Repository: github.com/yannqi/COMBO-AVS. The decoder is
Mask2Former's (arXiv 2112.01527). Written from a description of them.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsbench.models.heads import AVSDecodeHead, AVSHeadOutput, class_score_maps, class_targets
from avsbench.models.layers import MLP
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.systems.combo.criterion import Draw, uniform_draw
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError

AUDIO_MIXES = ('batch', 'frame')


@MODELS.register_module()
class ComboHead(AVSDecodeHead):
    """Every frame's queries read its levels, seeing only where their last masks were.

        features --> pixel decoder --> levels, mask feature
        mask feature, audio --> fusion --> mask feature M, audio --MLP--> query audio
        queries = learned + query audio --> masked-attention decoder --> classes, masks over M

    The classes of the queries contain the background, so that K = 1 has two of them.

    Args:
        in_channels: Channels of the backbone levels; the segmentor fills it in.
        audio_channels: Width D of the audio embedding; the segmentor fills it in.
        num_classes: K.
        embed_dims: Width C.
        num_queries: Q.
        pixel_decoder: Config; `in_channels` and `embed_dims` are filled in.
        fusion: Config; widths are filled in.
        transformer_decoder: Config; `embed_dims` is filled in.
        criterion: Config of the losses of one prediction; `num_classes` is filled in.
        loss_cosine: Config of the loss between frames; None leaves it out.
        audio_mlp_channels: Hidden width of the network between fused audio and queries.
        audio_mix: 'frame' gives the queries of a frame its own audio. 'batch' is what the
            published code does by an indexing slip: query q of frame b hears frame
            (q N + b) // Q of the batch, so that results depend on the batch.
    """

    def __init__(
        self,
        in_channels: list[int],
        audio_channels: int,
        num_classes: int,
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
        super().__init__(in_channels, audio_channels, num_classes)
        check_choice('ComboHead: audio_mix', audio_mix, AUDIO_MIXES)
        width = {'embed_dims': embed_dims}
        classes = max(2, num_classes)
        self.predicts_logits = num_classes == 1
        self.num_queries = num_queries
        self.audio_mix = audio_mix
        self.pixel_decoder = MODELS.build({'in_channels': in_channels, **width, **pixel_decoder})
        self.fusion = MODELS.build({**width, 'audio_channels': audio_channels, **fusion})
        self.transformer_decoder = MODELS.build({**width, **transformer_decoder})
        hidden = [audio_mlp_channels] * 2
        self.audio_mlp = MLP([audio_channels, *hidden, embed_dims])
        self.query_feature = nn.Embedding(num_queries, embed_dims)
        self.query_pos = nn.Embedding(num_queries, embed_dims)
        self.level_embed = nn.Embedding(len(in_channels) - 1, embed_dims)
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

        Clips are packed: padded frames would be matched and compared like others.

        Returns:
            Class logits (L + 1, N, Q, C + 1) and masks (L + 1, N, Q, h, w) before the first of L
            decoder layers and after each, h x w at stride 4, and the fused mask feature.

        Raises:
            ConfigError: There are padded frames.
        """
        if frame_valid is not None:
            raise ConfigError(
                "ComboHead: clips were padded; set model.data_preprocessor.clip_policy='pack' and "
                'model.data_preprocessor.num_frames=None'
            )
        decoded = self.pixel_decoder(features)
        mask_feature, audio = self.fusion(decoded.mask_feature, audio)
        predictions = []

        def predict(queries: Tensor, level: int) -> Tensor:
            predictions.append(self.predict_masks(queries, mask_feature))
            return self.visible(predictions[-1][1], decoded.levels[level].shape[2:])

        hidden = self.transformer_decoder(
            self.queries(self.audio_mlp(audio)),
            [
                level.flatten(2).transpose(1, 2) + embed
                for level, embed in zip(decoded.levels, self.level_embed.weight, strict=True)
            ],
            query_pos=self.query_pos.weight,
            memory_pos=decoded.positions,
            mask_of=predict,
        )[-1]
        predictions.append(self.predict_masks(hidden, mask_feature))
        cls_logits, mask_logits = (torch.stack(part) for part in zip(*predictions, strict=True))
        return AVSHeadOutput(
            None,
            mask_feature,
            cls_logits=cls_logits,
            mask_logits=mask_logits,
            clip_lengths=clip_lengths,
        )

    def queries(self, audio: Tensor) -> Tensor:
        """Learned queries plus audio (N, 1, C): (N, Q, C)."""
        num, _, channels = audio.shape
        audio = audio.expand(-1, self.num_queries, -1)  # (N, Q, C)
        if self.audio_mix == 'batch':
            audio = audio.reshape(self.num_queries, num, channels).transpose(0, 1)
        return self.query_feature.weight + audio

    def predict_masks(self, queries: Tensor, mask_feature: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (N, Q, C + 1) and masks (N, Q, h, w) of normalised queries (N, Q, C)."""
        masks = torch.einsum('nqc,nchw->nqhw', self.mask_mlp(queries), mask_feature)
        return self.classifier(queries), masks

    @staticmethod
    def visible(mask_logits: Tensor, size: tuple[int, int]) -> Tensor:
        """Where each query may look on a level: (N, 1, Q, h * w) bool.

        Inside its mask; everywhere if that is nowhere.
        """
        resized = F.interpolate(
            mask_logits.detach(), tuple(size), mode='bilinear', align_corners=False
        )
        inside = resized.flatten(2) >= 0  # (N, Q, h * w)
        return (inside | ~inside.any(-1, keepdim=True))[:, None]

    def loss(
        self,
        output: AVSHeadOutput,
        data_samples: list[AVSDataSample],
        draw: Draw = uniform_draw,
    ) -> dict[str, Tensor]:
        """Deep supervision: the terms of each prediction on annotated frames, all on neighbours.

        The last prediction's terms have no number, that before the first layer is number 0.
        """
        annotated = torch.cat([sample.gt_valid for sample in data_samples]).nonzero().flatten()
        maps = torch.cat([sample.gt_masks for sample in data_samples])[annotated]
        targets = [class_targets(frame) for frame in maps]
        losses = {}
        last = len(output.cls_logits) - 1
        for index in range(last + 1):
            suffix = '' if index == last else f'_{index}'
            stage = 'last' if index == last else f'aux{index}'
            terms, _ = self.criterion(
                output.cls_logits[index][annotated],
                output.mask_logits[index][annotated],
                targets,
                lambda purpose, *args, stage=stage: draw(f'{stage}/{purpose}', *args),
            )
            losses |= {f'{name}{suffix}': value for name, value in terms.items()}
            if self.loss_cosine is not None and index < last:
                cosine = self.loss_cosine(output.mask_logits[index], output.clip_lengths)
                losses[f'loss_cosine{suffix}'] = cosine
        return losses

    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Score maps (N, K, H, W) at `img_shape`: masks summed by the queries' classes.

        For K = 1 the logit is the difference of foreground and background, whose sigmoid is their
        softmax, as published.
        """
        scores = self.score_maps(output, img_shape)
        return scores[:, 1:] - scores[:, :1] if self.num_classes == 1 else scores

    def score_maps(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Sum over the queries of class probability times mask: (N, C, H, W), background first."""
        return class_score_maps(output.cls_logits[-1], output.mask_logits[-1], img_shape)

    def init_weights(self) -> None:
        """Published start: Xavier in the decoder's layers; the parts have their own."""
        super().init_weights()
        for parameter in self.transformer_decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
