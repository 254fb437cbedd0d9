"""Decode head of CATR: queries attend to image and audio, and make the kernels of their masks.

Paper: CATR: Combinatorial-Dependence Audio-Queried Transformer for Audio-Visual Video Segmentation,
arXiv 2309.09709 (ACM MM 2023). Repository: github.com/aspirinone/CATR.github.io. Written from a
description of it; parts of the published file that never run are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avsbench.models.heads import (
    AVSHeadOutput,
    FrameTargets,
    HeadSizes,
    QueryAVSHead,
    present_classes,
)
from avsbench.models.layers import MLP, DilatedProjection, Dropout, grouped_lengths
from avsbench.models.losses import IGNORE
from avsbench.registry import MODELS
from avsbench.systems.catr.criterion import ClipTargets
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import resize
from avsbench.utils.transfer import send

VIDEO_LEVEL = 1  # level that the encoder works on, 0 the finest


@dataclass(frozen=True)
class CATRSettings:
    """Numbers of CATR's head, which a config names one by one.

    Attributes:
        mask_channels: Width of kernels and mask feature.
        dilations: Dilation of each branch of the projections.
        skip_levels: The two levels that the pixel decoder passes, in order. The published order
            lets the stride of 8 pass through 32 and end at 16; (1, 0) goes from 8 to 4.
        group_frames: Frames that attend to each other: each clip is cut into groups of that many,
            the last one may be shorter. None for all frames of a clip, as published.
        dropout: Dropout probability of the audio projection.
    """

    mask_channels: int = 64
    dilations: tuple[int, ...] = (3, 6, 12, 18)
    skip_levels: tuple[int, int] = (3, 2)
    group_frames: int | None = None
    dropout: float = 0.1


@MODELS.register_module()
class CATRHead(QueryAVSHead):
    """Encode maps with the audio of the clip, decode queries from them, compare masks by clip.

        video level, audio --encoder--> memory, gated map
        queries (positions alone) --decoder over the memory--> hidden --> classes, kernels
        gated map, skips --> pixel decoder --> mask feature; masks = kernels . mask feature

    For K = 1 a query is either of the sounding object or none. K > 1, whose published code does
    not exist, is our design: queries have classes, background included, every class of a clip is
    matched with one query for all frames, and the masks are summed by the queries' classes.

    Args:
        sizes: See `AVSDecodeHead`.
        settings: See `CATRSettings`.
        embed_dims: Width C.
        num_queries: Q.
        encoder: Config; `embed_dims` is filled in.
        transformer_decoder: Config; `embed_dims` is filled in.
        pixel_decoder: Config; `embed_dims` and `mask_channels` are filled in.
        criterion: Config; `num_classes` is filled in.
        query_generator: Config of what makes the queries' content from the audio tokens; None, as
            published, lets all start from zero. (The paper speaks of queries made from audio; its
            code does not have them.)

    Raises:
        ConfigError: A level does not exist.
    """

    def __init__(
        self,
        sizes: HeadSizes,
        settings: CATRSettings,
        *,
        embed_dims: int,
        num_queries: int,
        encoder: dict,
        transformer_decoder: dict,
        pixel_decoder: dict,
        criterion: dict,
        query_generator: dict | None = None,
    ) -> None:
        super().__init__(sizes)
        self.num_queries = num_queries
        self.group_frames = settings.group_frames
        self.skip_levels = _check_levels(settings.skip_levels, len(sizes.in_channels))
        width = {'embed_dims': embed_dims}
        channels = {'mask_channels': settings.mask_channels}
        self.projections = nn.ModuleDict(
            {
                str(level): DilatedProjection(
                    sizes.in_channels[level], embed_dims, settings.dilations
                )
                for level in sorted({VIDEO_LEVEL, *self.skip_levels})
            }
        )
        self.video_proj = nn.Conv2d(embed_dims, embed_dims, 1)
        self.audio_proj = nn.Sequential(
            nn.Linear(sizes.audio_channels, embed_dims),
            nn.LayerNorm(embed_dims, eps=1e-12),
            Dropout(settings.dropout),
        )
        self.encoder = MODELS.build({**width, **encoder})
        self.query_generator = None
        if query_generator is not None:
            self.query_generator = MODELS.build(
                {**width, 'num_queries': num_queries, **query_generator}
            )
        self.query_pos = nn.Embedding(num_queries, embed_dims)
        self.transformer_decoder = MODELS.build({**width, **transformer_decoder})
        self.pixel_decoder = MODELS.build({**width, **channels, **pixel_decoder})
        self.classifier = nn.Linear(embed_dims, self.num_classes + 1)
        self.kernel_mlp = MLP([embed_dims, embed_dims, settings.mask_channels])
        self.criterion = MODELS.build({'num_classes': self.num_classes, **criterion})

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head; see the base class for the arguments.

        Returns:
            Class logits (layers, N, Q, K + 1), "none" last, and masks (layers, N, Q, h, w) after
            each decoder layer, h x w the size of the last skip level.
        """
        levels = {
            int(index): project(features[int(index)]) for index, project in self.projections.items()
        }
        audio = self.audio_proj(audio)  # (N, 1, C)
        encoded = self.encoder(
            self.video_proj(levels[VIDEO_LEVEL]),
            audio,
            grouped_lengths(clip_lengths, self.group_frames),
        )
        skips = [levels[index] for index in self.skip_levels]
        mask_feature = self.pixel_decoder(encoded.feature, skips)
        if self.query_generator is None:
            queries = audio.new_zeros(1, 1, 1).expand(audio.shape[0], *self.query_pos.weight.shape)
        else:
            queries, _ = self.query_generator(audio, list(levels.values()))
        hidden = self.transformer_decoder(
            queries,
            encoded.memory,
            query_pos=self.query_pos.weight,
            memory_pos=encoded.memory_pos,
            memory_mask=encoded.memory_mask,
        )
        hidden = torch.stack(hidden)  # (layers, N, Q, C)
        masks = torch.einsum('lnqc,nchw->lnqhw', self.kernel_mlp(hidden), mask_feature)
        return AVSHeadOutput(
            cls_logits=self.classifier(hidden), mask_logits=masks, clip_lengths=clip_lengths
        )

    def prediction_losses(
        self, output: AVSHeadOutput, targets: FrameTargets
    ) -> list[dict[str, Tensor]]:
        """The criterion on the annotated frames of each clip."""
        lengths = targets.lengths(output.clip_lengths)
        return self.criterion(
            targets.select(output.cls_logits, 1),
            targets.select(output.mask_logits, 1),
            clip_targets(targets.select(targets.masks), lengths, self.num_classes),
        )

    def binary_logits(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Those of the query that most certainly is the sounding object, chosen for each frame."""
        best = output.cls_logits[-1].softmax(-1)[..., 0].argmax(1)  # (N,)
        masks = output.mask_logits[-1][torch.arange(best.shape[0], device=best.device), best]
        return resize(masks[:, None], img_shape)


def _check_levels(skip_levels: tuple[int, int], num_levels: int) -> tuple[int, int]:
    known = list(range(num_levels))
    if unknown := [level for level in {VIDEO_LEVEL, *skip_levels} if level not in known]:
        raise ConfigError(f'CATRHead: skip_levels={skip_levels}: {unknown} not among {known}')
    return tuple(skip_levels)


def clip_targets(labels: Tensor, lengths: Sequence[int], num_classes: int) -> list[ClipTargets]:
    """Targets of the annotated frames of each clip.

    Args:
        labels: (n, H, W) class indices, or `IGNORE`.
        lengths: Annotated frames of each clip, whose sum is n.
        num_classes: K; for 1 there is one target, the sounding object, be it empty. For more, each
            class that occurs in any of the frames, background included.
    """
    clips = labels.split(list(lengths))
    if num_classes == 1:
        return [
            ClipTargets(
                clip.new_zeros(1), ((clip != 0) & (clip != IGNORE)).float()[None], clip != IGNORE
            )
            for clip in clips
        ]
    present = present_classes(labels, lengths)
    sizes = [len(classes) for classes in present]
    classes = send([index for part in present for index in part], labels.device, torch.long)
    return [
        ClipTargets(part, (clip == part[:, None, None, None]).float(), clip != IGNORE)
        for clip, part in zip(clips, classes.split(sizes), strict=True)
    ]
