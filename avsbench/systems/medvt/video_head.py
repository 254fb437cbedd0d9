"""Decode head of MED-VT for videos without sound.

Paper: MED-VT: Multiscale Encoder-Decoder Video Transformer, CVPR 2023; repository
github.com/rkyuca/medvt. Written from a description of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from avsbench.checkpoint.pretrained import PretrainedPart
from avsbench.models.heads import AVSDecodeHead, AVSHeadOutput, FrameTargets, HeadSizes
from avsbench.models.layers import (
    equal_length,
    for_frames,
    sine_position_encoding_3d,
    xavier_init,
)
from avsbench.registry import MODELS
from avsbench.systems.medvt.object_attention import ObjectAttention
from avsbench.systems.medvt.starts import HeadStart, match_coco
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.maps import resize

MEMORIES = ('decoded', 'encoded_first', 'finer')


@dataclass(frozen=True)
class ClipLosses:
    """The losses of a clip.

    Attributes:
        losses: Config of each loss by its name, `loss_*`. They compare logits (n, K, H, W) with
            targets (n, H, W), the annotated frames of one clip; the mean over the clips counts.
        aux_weight: Weight of the same losses on the logits before label propagation.
    """

    losses: dict[str, dict]
    aux_weight: float = 0.5


@MODELS.register_module()
class MEDVTVideoHead(PretrainedPart, AVSDecodeHead):
    """Attends across frames in the encoder, decodes one query per frame, convolves over time.

        features --1x1--> levels --> context encoder (space and time) --> pixel decoder --> D0..D3
        queries, one per frame --> decoder over the memories in turn --> hidden
        logits <-- predictor <-- [ D0, object attention ( hidden . D0 ) ]

    The repository has three forward passes for the same weights. They differ in three options:

    * (a), CVPR release and ResNet: `memories='decoded'`, `start_query=0`, softmax 'pixels';
    * (b), actor-action segmentation: `memories='encoded_first'`, otherwise as (a);
    * (c), the later inference script: `memories='finer'`, `start_query=1e-6`, softmax 'heads'.

    Args:
        sizes: See `AVSDecodeHead`.
        embed_dims: Width C, a multiple of 6.
        context_encoder: Config; `embed_dims` is filled in.
        pixel_decoder: Config; `embed_dims`, and the channels of levels that are not projected, are
            filled in.
        transformer_decoder: Config; `embed_dims` is filled in.
        predictor: Config of the 3-D head; channels and classes are filled in.
        queries: Settings of `FrameQueries`, the query decoding; without `embed_dims`.
        num_projected: How many levels, from the coarsest on, are projected to C channels; the
            others meet the pixel decoder as they are, and it adapts them.
        criterion: The losses; a config has its fields, `losses` and `aux_weight`, at their place.
        start: What the transformer starts from; a config has its fields, such as `weights`.
    """

    def __init__(
        self,
        sizes: HeadSizes,
        *,
        embed_dims: int,
        context_encoder: dict,
        pixel_decoder: dict,
        transformer_decoder: dict,
        predictor: dict,
        queries: dict,
        num_projected: int = 4,
        criterion: ClipLosses,
        start: HeadStart,
    ) -> None:
        super().__init__(sizes)
        if embed_dims % 6:
            raise ConfigError(f'embed_dims={embed_dims}: three axes of sine and cosine, so 6 n')
        self.embed_dims = embed_dims
        width = {'embed_dims': embed_dims}
        raw, projected = sizes.in_channels[:-num_projected], sizes.in_channels[-num_projected:]
        self.projections = nn.ModuleList(nn.Conv2d(count, embed_dims, 1) for count in projected)
        self.context_encoder = MODELS.build({**width, **context_encoder})
        if raw:
            adapted = [*raw, *[embed_dims] * (num_projected - 1)]
            pixel_decoder = {'skip_channels': adapted, **pixel_decoder}
        self.pixel_decoder = MODELS.build({**width, **pixel_decoder})
        self.queries = FrameQueries(embed_dims, transformer_decoder, **queries)
        channels = embed_dims + self.queries.object_attention.num_heads
        self.predictor = MODELS.build(
            {'in_channels': channels, 'num_classes': sizes.num_classes, **predictor}
        )
        losses = {name: MODELS.build(cfg) for name, cfg in criterion.losses.items()}
        self.losses = nn.ModuleDict(losses)
        self.aux_weight = criterion.aux_weight
        self.loss_factor = 1.0  # of all losses; a hook may change it from epoch to epoch
        self.weights, self.require_weights = start.weights, start.require_weights
        self.same_backbone = start.same_backbone

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor | None,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head; see the base class for the arguments. Sound, if there is any, is not used.

        Returns:
            Logits (N, K, h, w), and those before label propagation, at the finest level's size.
        """
        raw = features[: -len(self.projections)]
        pairs = zip(self.projections, features[len(raw) :], strict=True)
        levels = [*raw, *(conv(level) for conv, level in pairs)]
        positions = [self.positions(level, clip_lengths) for level in levels]
        encoded = self.context_encoder(levels, positions, clip_lengths)
        maps = self.pixel_decoder(encoded)
        attention = self.queries(encoded[-1], maps, positions, clip_lengths)  # (N, heads, h, w)
        segmented = torch.cat((maps[0], attention), 1)
        direct = self.predictor.convolve(segmented, clip_lengths)
        logits = self.predictor.propagate(direct, segmented, clip_lengths)
        return AVSHeadOutput(
            logits=logits,
            aux_logits=None if logits is direct else direct,
            clip_lengths=clip_lengths,
        )

    def loss(self, output: AVSHeadOutput, targets: FrameTargets) -> dict[str, Tensor]:
        """The mean over the clips of each loss on their annotated frames; `*_aux` before
        propagation.
        """
        terms = self._terms(output.logits, output.clip_lengths, targets)
        if output.aux_logits is not None and self.aux_weight:
            others = self._terms(output.aux_logits, output.clip_lengths, targets)
            terms |= {f'{name}_aux': self.aux_weight * value for name, value in others.items()}
        return {name: self.loss_factor * value for name, value in terms.items()}

    def predict(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Logits (N, K, H, W) at `img_shape` (H, W)."""
        return resize(output.logits, img_shape)

    def positions(self, level: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """Sine code of time, row and column of a level (N, ., h, w): (N, h * w, C)."""

        def code(length: int) -> Tensor:
            found = sine_position_encoding_3d(
                length, *level.shape[2:], self.embed_dims // 3, device=level.device
            )
            return found.view(length, -1, self.embed_dims)

        return for_frames(code, clip_lengths, level.shape[0])

    def init_weights(self) -> None:
        """Published start: Xavier for everything of more than one dimension, then the file."""
        super().init_weights()
        xavier_init(self)
        match = partial(match_coco, same_backbone=self.same_backbone)
        self.load_pretrained(self, 'COCO weights of the transformer', match)

    def _terms(
        self, logits: Tensor, clip_lengths: tuple[int, ...], targets: FrameTargets
    ) -> dict[str, Tensor]:
        lengths = targets.lengths(clip_lengths)
        clips = targets.select(logits).split(lengths), targets.select(targets.masks).split(lengths)
        pairs = [(clip, masks) for clip, masks in zip(*clips, strict=True) if len(clip)]
        if not pairs:
            # Nothing to learn from, but every parameter still takes part in the graph.
            return {name: 0.0 * logits.sum() for name in self.losses}
        pairs = [(resize(clip, masks.shape[-2:]), masks) for clip, masks in pairs]
        return {
            name: sum(loss(clip, masks) for clip, masks in pairs) / len(pairs)
            for name, loss in self.losses.items()
        }


class FrameQueries(nn.Module):
    """One query per frame of a clip, and where in its frame it attends.

    Args:
        embed_dims: Width C.
        transformer_decoder: Config; `embed_dims` is filled in.
        num_queries: Queries, and the most frames of a clip.
        num_heads: Heads of the object attention.
        memories: What the decoder's layers attend to in turn, coarsest first. 'decoded': maps D3,
            D2, D1 of the pixel decoder; 'encoded_first': the encoder's coarsest level, D2, D1;
            'finer': D2, D1, D0.
        num_memories: How many of the three are used.
        start_query: Value of all queries at the start.
        attention_softmax: Softmax of the object attention, see `ObjectAttention`.
    """

    def __init__(
        self,
        embed_dims: int,
        transformer_decoder: dict,
        *,
        num_queries: int = 6,
        num_heads: int = 8,
        memories: str = 'decoded',
        num_memories: int = 3,
        start_query: float = 0.0,
        attention_softmax: str = 'pixels',
    ) -> None:
        super().__init__()
        self.memories = check_choice('MEDVTVideoHead: queries.memories', memories, MEMORIES)
        self.num_memories = num_memories
        self.start_query = start_query
        self.query_pos = nn.Embedding(num_queries, embed_dims)
        self.transformer_decoder = MODELS.build({'embed_dims': embed_dims, **transformer_decoder})
        self.object_attention = ObjectAttention(embed_dims, num_heads, softmax=attention_softmax)

    def forward(
        self,
        encoded: Tensor,
        maps: list[Tensor],
        positions: list[Tensor],
        clip_lengths: tuple[int, ...],
    ) -> Tensor:
        """Decode the queries of each clip and compare them with the finest map of their frames.

        Args:
            encoded: (N, C, h_3, w_3), the encoder's coarsest level.
            maps: D0 to D3, (N, C, h_l, w_l) each.
            positions: Of the levels, (N, h_l * w_l, C) each.
            clip_lengths: Frames T of each clip; a clip uses its first T queries.

        Returns:
            (N, heads, h_0, w_0).

        Raises:
            DataError: A clip has more frames than there are queries.
        """
        longest, count = max(clip_lengths), self.query_pos.num_embeddings
        if longest > count:
            raise DataError(
                f'a clip has {longest} frames and the network {count} queries, one per frame; '
                'use shorter clips or raise model.decode_head.queries.num_queries'
            )
        memories, places = self._memories(encoded, maps, positions)
        memories = [memory.flatten(2).transpose(1, 2) for memory in memories]
        if equal_length(clip_lengths) is not None:
            return self.object_attention(self._decode(memories, places, longest), maps[0])
        parts = zip(
            zip(*(memory.split(clip_lengths) for memory in memories), strict=True),
            zip(*(place.split(clip_lengths) for place in places), strict=True),
            clip_lengths,
            strict=True,
        )
        queries = [self._decode(*part) for part in parts]
        return self.object_attention(torch.cat(queries), maps[0])

    def _memories(
        self, encoded: Tensor, maps: list[Tensor], positions: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Memories and their positions, in turn."""
        if self.memories == 'finer':
            memories, places = maps[2::-1], positions[2::-1]
        else:
            memories, places = maps[:0:-1], positions[:0:-1]
        if self.memories == 'encoded_first':
            memories = [encoded, *memories[1:]]
        return memories[: self.num_memories], places[: self.num_memories]

    def _decode(self, memories: Sequence[Tensor], places: Sequence[Tensor], length: int) -> Tensor:
        """Queries (B * T, C) of clips of T frames, which form one sequence of each memory.

        Args:
            memories: (B * T, S_l, C) each.
            places: Their positions, of the same shapes.
            length: T.
        """
        memories, places = (
            [part.unflatten(0, (-1, length)).flatten(1, 2) for part in parts]
            for parts in (memories, places)
        )
        query_pos = self.query_pos.weight
        start = torch.full_like(query_pos, self.start_query).expand(memories[0].shape[0], -1, -1)
        decoded = self.transformer_decoder(start, memories, query_pos=query_pos, memory_pos=places)[
            -1
        ]  # (B, Q, C)
        return decoded[:, :length].flatten(0, 1)
