"""Decode head of MED-VT++ for audio-visual segmentation.

Paper: MED-VT++: Unifying Multimodal Learning with a Multiscale Encoder-Decoder Video Transformer,
arXiv 2304.05930. Repository: github.com/rkyuca/medvt. Written from a description of it; the parts
of the published file that never run are left out.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor, einsum, nn

from avsbench.models.heads import AVSHeadOutput, DenseAVSHead, HeadSizes
from avsbench.models.layers import (
    for_frames,
    restore_padding,
    sine_position_encoding_3d,
    xavier_init,
)
from avsbench.registry import MODELS
from avsbench.utils.transfer import fetch, send

NUM_LEVELS = 4


@MODELS.register_module()
class MEDVTHead(DenseAVSHead):
    """Fuses audio into every level, attends across frames in the encoder, decodes audio queries.

        features --1x1--> levels --(interaction with audio, each)--> levels, audio of each level
        levels --> context encoder (space and time) --> pixel decoder --> maps D0 (finest) to D3
        audio --> query generator --> queries --> decoder over D2, D1, D0 in turn --> hidden
        logits <-- predictor <-- [ D0, LayerNorm over queries ( hidden . D0 ) ]

    Args:
        sizes: See `AVSDecodeHead`; there are four backbone levels.
        embed_dims: Width C, a multiple of 6.
        interaction: Config of the fusion, built once per level; widths are filled in.
        context_encoder: Config; `embed_dims` is filled in.
        pixel_decoder: Config; `embed_dims` is filled in.
        query_generator: Config; widths are filled in, tells `num_queries`.
        transformer_decoder: Config; `embed_dims` is filled in.
        predictor: Config of what turns map and affinity into logits; channels and classes are
            filled in.
        loss_mask: Config of the loss on the logits.
        loss_match: Config of the loss that compares audio and maps of each level; None leaves it
            out.
    """

    accepts_padding = True

    def __init__(
        self,
        sizes: HeadSizes,
        *,
        embed_dims: int,
        interaction: dict,
        context_encoder: dict,
        pixel_decoder: dict,
        query_generator: dict,
        transformer_decoder: dict,
        predictor: dict,
        loss_mask: dict,
        loss_match: dict | None = None,
    ) -> None:
        super().__init__(sizes, loss_mask=loss_mask, loss_match=loss_match)
        in_channels = sizes.in_channels
        if len(in_channels) != NUM_LEVELS:
            raise ValueError(f'MEDVTHead needs {NUM_LEVELS} backbone levels, got {in_channels}')
        if embed_dims % 6:
            raise ValueError(f'embed_dims={embed_dims}: three axes of sine and cosine, so 6 n')
        self.embed_dims = embed_dims
        width = {'embed_dims': embed_dims}
        audio = {'audio_channels': sizes.audio_channels}
        self.projections = nn.ModuleList(
            nn.Conv2d(channels, embed_dims, 1) for channels in in_channels
        )
        self.interactions = nn.ModuleList(
            MODELS.build({**width, **audio, **interaction}) for _ in in_channels
        )
        self.context_encoder = MODELS.build({**width, **context_encoder})
        self.pixel_decoder = MODELS.build({**width, **pixel_decoder})
        self.query_generator = MODELS.build({**width, **audio, **query_generator})
        self.transformer_decoder = MODELS.build({**width, **transformer_decoder})
        num_queries = self.query_generator.num_queries
        self.query_pos = nn.Embedding(num_queries, embed_dims)
        self.affinity_norm = nn.LayerNorm(num_queries)
        self.predictor = MODELS.build(
            {'in_channels': embed_dims + num_queries, 'num_classes': sizes.num_classes, **predictor}
        )

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head; see the base class for the arguments.

        Padded frames are left out, as if the clips were packed.

        Returns:
            Logits (N, K, 4h, 4w), h x w at stride 4, and the pairs of map and audio of each level,
            finest first.
        """
        if frame_valid is not None:
            exists = fetch(frame_valid)  # the only look of the host at the device
            clips = np.split(exists, np.cumsum(clip_lengths)[:-1])
            frames = send(np.flatnonzero(exists), frame_valid.device)
            existing = [feature.index_select(0, frames) for feature in features]
            lengths = tuple(int(clip.sum()) for clip in clips)
            output = self.forward(existing, audio.index_select(0, frames), lengths)
            return _with_padding(output, frames, len(exists))
        levels = [conv(level) for conv, level in zip(self.projections, features, strict=True)]
        positions = [self.positions(level, clip_lengths) for level in levels]
        levels, tokens = zip(
            *(
                interaction(level, audio, pos, clip_lengths)
                for interaction, level, pos in zip(
                    self.interactions, levels, positions, strict=True
                )
            ),
            strict=True,
        )
        encoded = self.context_encoder(list(levels), positions, clip_lengths)
        maps = self.pixel_decoder(encoded)
        queries, context = self.query_generator(audio, list(levels))
        hidden = self.transformer_decoder(
            queries,
            [level.flatten(2).transpose(1, 2) for level in maps[2::-1]],  # D2, D1, D0
            query_pos=self.query_pos.weight,
            memory_pos=positions[2::-1],
            context=context,
        )[-1]
        finest = maps[0]
        affinity = einsum('nqc,nchw->nhwq', hidden, finest)
        affinity = self.affinity_norm(affinity).permute(0, 3, 1, 2)  # (N, Q, h, w)
        logits = self.predictor(torch.cat((finest, affinity), 1), clip_lengths)
        pairs = [(level, token[:, 0]) for level, token in zip(maps, tokens, strict=True)]
        return AVSHeadOutput(logits=logits, matched_pairs=pairs)

    def positions(self, level: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """Sine code of time, row and column of a level (N, ., h, w): (N, h * w, C)."""

        def code(length: int) -> Tensor:
            found = sine_position_encoding_3d(
                length, *level.shape[2:], self.embed_dims // 3, device=level.device
            )
            return found.view(length, -1, self.embed_dims)

        return for_frames(code, clip_lengths, level.shape[0])

    def init_weights(self) -> None:
        """Published start: Xavier for everything of more than one dimension."""
        xavier_init(self)


def _with_padding(output: AVSHeadOutput, frames: Tensor, num_frames: int) -> AVSHeadOutput:
    """What was computed for the frames that exist, for all N frames."""
    restored = partial(restore_padding, frames=frames, num_frames=num_frames)
    pairs = [tuple(map(restored, pair)) for pair in output.matched_pairs]
    return AVSHeadOutput(logits=restored(output.logits), matched_pairs=pairs)
