"""Decode head of CATR: queries read picture and sound, and make the kernels of their masks.

Paper: CATR: Combinatorial-Dependence Audio-Queried Transformer for Audio-Visual Video Segmentation,
arXiv 2309.09709 (ACM MM 2023). Repository: github.com/aspirinone/CATR.github.io. Written from a
description of it; parts of the published file that never run are left out.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsbench.models.heads import AVSDecodeHead, AVSHeadOutput, class_score_maps, class_targets
from avsbench.models.layers import MLP, DilatedProjection, grouped_lengths
from avsbench.registry import MODELS
from avsbench.structures import AVSDataSample
from avsbench.systems.catr.criterion import ClipTargets
from avsbench.utils.errors import ConfigError


@MODELS.register_module()
class CATRHead(AVSDecodeHead):
    """Encode maps with the audio of the clip, read them by queries, compare masks by clip.

        video level, audio --encoder--> memory, gated map
        queries (positions alone) --decoder over the memory--> hidden --> classes, kernels
        gated map, skips --> pixel decoder --> mask feature; masks = kernels . mask feature

    For K = 1 a query is either of the sounding object or none. K > 1, whose published code does
    not exist, is our design: queries have classes, background included, every class of a clip is
    matched with one query for all frames, and the masks are summed by the queries' classes.

    Args:
        in_channels: Channels of the backbone levels; the segmentor fills it in.
        audio_channels: Width D of the audio embedding; the segmentor fills it in.
        num_classes: K.
        embed_dims: Width C.
        num_queries: Q.
        encoder: Config; `embed_dims` is filled in.
        transformer_decoder: Config; `embed_dims` is filled in.
        pixel_decoder: Config; `embed_dims` and `mask_channels` are filled in.
        criterion: Config; `num_classes` is filled in.
        query_generator: Config of what makes the queries' content from the audio tokens; None, as
            published, lets all start from zero. (The paper speaks of queries made from audio; its
            code does not have them.)
        mask_channels: Width of kernels and mask feature.
        dilations: Dilation of each branch of the projections.
        video_level: Level that the encoder works on, 0 the finest.
        skip_levels: The two levels that the pixel decoder passes, in order. The published order
            lets the stride of 8 pass through 32 and end at 16; (1, 0) goes from 8 to 4.
        group_frames: Frames that meet: each clip is cut into groups of that many, the last one may
            be shorter. None for all frames of a clip, as published.
        dropout: Dropout probability of the audio projection.

    Raises:
        ConfigError: A level does not exist.
    """

    def __init__(
        self,
        in_channels: list[int],
        audio_channels: int,
        num_classes: int,
        *,
        embed_dims: int,
        num_queries: int,
        encoder: dict,
        transformer_decoder: dict,
        pixel_decoder: dict,
        criterion: dict,
        query_generator: dict | None = None,
        mask_channels: int = 64,
        dilations: tuple[int, ...] = (3, 6, 12, 18),
        video_level: int = 1,
        skip_levels: tuple[int, int] = (3, 2),
        group_frames: int | None = None,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(in_channels, audio_channels, num_classes)
        levels = sorted({video_level, *skip_levels})
        if unknown := [level for level in levels if level not in range(len(in_channels))]:
            raise ConfigError(
                f'CATRHead: video_level={video_level}, skip_levels={skip_levels}: {unknown} not '
                f'among {list(range(len(in_channels)))}'
            )
        width = {'embed_dims': embed_dims}
        self.predicts_logits = num_classes == 1
        self.num_queries = num_queries
        self.group_frames = group_frames
        self.video_level, self.skip_levels = video_level, tuple(skip_levels)
        self.projections = nn.ModuleDict(
            {
                str(level): DilatedProjection(in_channels[level], embed_dims, dilations)
                for level in levels
            }
        )
        self.video_proj = nn.Conv2d(embed_dims, embed_dims, 1)
        self.audio_proj = nn.Sequential(
            nn.Linear(audio_channels, embed_dims),
            nn.LayerNorm(embed_dims, eps=1e-12),
            nn.Dropout(dropout),
        )
        self.encoder = MODELS.build({**width, **encoder})
        self.query_generator = (
            None
            if query_generator is None
            else MODELS.build({**width, 'num_queries': num_queries, **query_generator})
        )
        self.query_pos = nn.Embedding(num_queries, embed_dims)
        self.transformer_decoder = MODELS.build({**width, **transformer_decoder})
        self.pixel_decoder = MODELS.build(
            {**width, 'mask_channels': mask_channels, **pixel_decoder}
        )
        self.classifier = nn.Linear(embed_dims, num_classes + 1)
        self.kernel_mlp = MLP([embed_dims, embed_dims, mask_channels])
        self.criterion = MODELS.build({'num_classes': num_classes, **criterion})

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head; see the base class for the arguments.

        Clips are packed: padded frames would be heard and matched like others.

        Returns:
            Class logits (L, N, Q, K + 1), "none" last, and masks (L, N, Q, h, w) after each of L
            decoder layers, and the mask feature (N, mask_channels, h, w), h x w the size of the
            last skip level.

        Raises:
            ConfigError: There are padded frames.
        """
        if frame_valid is not None:
            raise ConfigError(
                "CATRHead: clips were padded; set model.data_preprocessor.clip_policy='pack' and "
                'model.data_preprocessor.num_frames=None'
            )
        levels = {
            int(index): project(features[int(index)]) for index, project in self.projections.items()
        }
        audio = self.audio_proj(audio)  # (N, 1, C)
        encoded = self.encoder(
            self.video_proj(levels[self.video_level]),
            audio,
            grouped_lengths(clip_lengths, self.group_frames),
        )
        skips = [levels[index] for index in self.skip_levels]
        mask_feature = self.pixel_decoder(encoded.feature, skips)
        if self.query_generator is None:
            queries = audio.new_zeros(1, 1, 1).expand(len(audio), *self.query_pos.weight.shape)
        else:
            queries, _ = self.query_generator(audio, list(levels.values()))
        hidden = self.transformer_decoder(
            queries,
            encoded.memory,
            query_pos=self.query_pos.weight,
            memory_pos=encoded.memory_pos,
            mask_of=lambda queries, level: encoded.memory_mask,
        )
        hidden = torch.stack(hidden)  # (L, N, Q, C)
        kernels = self.kernel_mlp(hidden)
        return AVSHeadOutput(
            None,
            mask_feature,
            cls_logits=self.classifier(hidden),
            mask_logits=torch.einsum('lnqc,nchw->lnqhw', kernels, mask_feature),
            clip_lengths=clip_lengths,
        )

    def loss(self, output: AVSHeadOutput, data_samples: list[AVSDataSample]) -> dict[str, Tensor]:
        """The terms of each decoder layer on annotated frames; the last layer's have no number."""
        valid = [sample.gt_valid for sample in data_samples]
        targets = [
            clip_targets(sample.gt_masks[keep], self.num_classes)
            for sample, keep in zip(data_samples, valid, strict=True)
        ]

        def annotated(part: Tensor) -> list[Tensor]:
            clips = part.split(output.clip_lengths)
            return [clip[keep] for clip, keep in zip(clips, valid, strict=True)]

        losses = {}
        last = len(output.cls_logits) - 1
        for index in range(last + 1):
            suffix = '' if index == last else f'_{index}'
            terms = self.criterion(
                annotated(output.cls_logits[index]), annotated(output.mask_logits[index]), targets
            )
            losses |= {f'{name}{suffix}': value for name, value in terms.items()}
        return losses

    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Logits for K = 1, score maps for K > 1, (N, K, H, W) at `img_shape` (H, W).

        The logits are those of the query that is most certainly of the sounding object, chosen
        anew for each frame.
        """
        cls_logits, mask_logits = output.cls_logits[-1], output.mask_logits[-1]
        if self.num_classes > 1:
            return class_score_maps(cls_logits, mask_logits, img_shape)
        best = cls_logits.softmax(-1)[..., 0].argmax(1)  # (N,)
        masks = mask_logits[torch.arange(len(best), device=best.device), best]
        return F.interpolate(masks[:, None], tuple(img_shape), mode='bilinear', align_corners=False)

    def init_weights(self) -> None:
        """Published start: Xavier in the decoder; the parts have their own."""
        super().init_weights()
        for parameter in self.transformer_decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)


def clip_targets(labels: Tensor, num_classes: int) -> ClipTargets:
    """Targets of a clip's annotated frames.

    Args:
        labels: (T, H, W) class indices.
        num_classes: K; for 1 there is one target, what sounds, be it empty. For more, each class
            that occurs in any of the frames, background included.

    Returns:
        Classes and masks.
    """
    if num_classes > 1:
        return ClipTargets(*class_targets(labels))
    return ClipTargets(labels.new_zeros(1), (labels != 0).float()[None])
