"""Decoupled audio-visual transformer of CATR: frames meet through the audio of their clip.

Paper: CATR: Combinatorial-Dependence Audio-Queried Transformer for Audio-Visual Video Segmentation,
arXiv 2309.09709 (ACM MM 2023). Repository: github.com/aspirinone/CATR.github.io, which grew from
MTTR (arXiv 2111.14821). Written from a description of them.
"""

from typing import NamedTuple

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from avsbench.models.layers import (
    MultiheadAttention,
    TransformerEncoderLayer,
    equal_length,
    expand_clips,
    for_frames,
    kept_by_arguments,
    sine_position_encoding,
    xavier_init,
)
from avsbench.registry import MODELS
from avsbench.utils.checks import check_choice
from avsbench.utils.transfer import send

NUM_BLOCKS = 3  # the gate joins the maps of so many blocks
SECOND_GATES = ('first', 'own')


class DecoupledOutput(NamedTuple):
    """What the encoder hands to the decode head.

    Attributes:
        memory: (N, h * w + A, C), tokens of each frame's map, then of its clip's audio.
        memory_pos: Their positions, broadcastable to them.
        memory_mask: (N, 1, 1, h * w + A) bool, False where a shorter clip has no audio token; None
            where all clips are equally long.
        feature: (N, C, h, w), the gated map, in which the frames of a clip have met.
    """

    memory: Tensor
    memory_pos: Tensor
    memory_mask: Tensor | None
    feature: Tensor


@MODELS.register_module()
class DecoupledTransformer(BaseModule):
    """Two encoders over the tokens of a frame's map and the audio tokens of its whole clip.

    The spatial encoder makes the memory of the decoder, frame by frame. In the temporal encoder the
    audio tokens attend to all frames of the clip, and the frames attend to the audio tokens; a gate
    combines the feature maps of its blocks.

    Args:
        embed_dims: Width C, a multiple of 4.
        num_layers: Layers of the spatial encoder. The temporal one has 3 blocks.
        num_heads: Heads of each attention.
        feedforward_channels: Inner width of the feed-forward networks.
        dropout: Dropout probability in the encoder layers.
        second_gate: What weights the last block's map against the gated second one's. 'first' is
            what the published code does: it computes a gate from the last two blocks, discards
            it, and applies the first gate again. 'own' uses it, as in the paper.
        time_code: Whether feature maps and audio tokens get a code of their second. In the
            published code they do not, so a frame cannot tell which of its clip's audio tokens
            belongs to it.
        with_cp: Compute each layer again in the backward pass instead of keeping its activations.
            Where attention with dropout has no fused kernel (on CPUs), a layer keeps 2 GB per frame
            of 448 pixels.
    """

    def __init__(
        self,
        embed_dims: int,
        *,
        num_layers: int = 3,
        num_heads: int = 8,
        feedforward_channels: int = 2048,
        dropout: float = 0.1,
        second_gate: str = 'first',
        time_code: bool = False,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        layer = {'feedforward_channels': feedforward_channels, 'dropout': dropout}
        self.embed_dims = embed_dims
        self.time_code = time_code
        self.with_cp = with_cp
        self.spatial_layers = nn.ModuleList(
            TransformerEncoderLayer(embed_dims, num_heads, **layer) for _ in range(num_layers)
        )
        self.temporal_blocks = nn.ModuleList(
            AudioVideoBlock(embed_dims, num_heads, **layer, updates_audio=index < NUM_BLOCKS - 1)
            for index in range(NUM_BLOCKS)
        )
        self.gate = BlockGate(embed_dims, second_gate)

    def forward(
        self, feature: Tensor, audio: Tensor, clip_lengths: tuple[int, ...]
    ) -> DecoupledOutput:
        """Encode.

        Args:
            feature: (N, C, h, w).
            audio: (N, 1, C), one token per frame.
            clip_lengths: Frames of each clip; A is the largest of them.

        Returns:
            Memory with positions, and the gated map.
        """
        spread, exists = audio_tokens(audio, clip_lengths)  # (N, A, C), (N, A)
        num, channels, height, width = feature.shape
        tokens = torch.cat((feature.flatten(2).transpose(1, 2), spread), 1)  # (N, h*w + A, C)
        pos = self.positions(height, width, clip_lengths, num)
        mask = None
        if len(set(clip_lengths)) > 1:
            visual = exists.new_ones(num, height * width)
            mask = torch.cat((visual, exists), 1)[:, None, None]  # (N, 1, 1, h*w + A)
        memory = tokens
        for layer in self.spatial_layers:
            memory = self._run(layer, memory, pos, mask)
        maps = []
        for block in self.temporal_blocks:
            video, spread = self._run(block, tokens, pos, mask, max(clip_lengths), clip_lengths)
            maps.append(video.transpose(1, 2).reshape(num, channels, height, width))
            if spread is not None:
                tokens = torch.cat((video, spread), 1)
        return DecoupledOutput(memory, pos, mask, self.gate(*maps))

    def _run(self, layer: nn.Module, *arguments) -> Tensor | tuple[Tensor, Tensor | None]:
        if self.with_cp and torch.is_grad_enabled():
            return checkpoint(layer, *arguments, use_reentrant=False)
        return layer(*arguments)

    def positions(self, height: int, width: int, clip_lengths: tuple[int, ...], num: int) -> Tensor:
        """Spatial code of the map's tokens, plus a code of time for all: (1 or N, h*w + A, C)."""
        longest, device = max(clip_lengths), self.gate.conv.weight.device
        pos = _places(height, width, longest, self.embed_dims, device=device)
        if not self.time_code:
            return pos  # (1, h*w + A, C)
        seconds = sine_position_encoding(longest, 1, self.embed_dims // 2, device=device)
        visual = for_frames(lambda length: seconds[:length], clip_lengths, num)[
            :, None
        ]  # (N, 1, C)
        audio = seconds.expand(visual.shape[0], -1, -1)  # (N, A, C)
        return pos + torch.cat((visual.expand(-1, height * width, -1), audio), 1)

    def init_weights(self) -> None:
        """Published start: Xavier for everything of more than one dimension."""
        xavier_init(self)


@kept_by_arguments
def _places(
    height: int, width: int, num_audio: int, embed_dims: int, *, device: torch.device
) -> Tensor:
    """Spatial code of the map's tokens, and zeros for audio tokens: (1, h*w + A, C)."""
    place = sine_position_encoding(height, width, embed_dims // 2, normalize=True, device=device)
    return torch.cat((place, place.new_zeros(num_audio, embed_dims)))[None]


def audio_tokens(audio: Tensor, clip_lengths: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Give each frame the audio tokens (N, 1, C) of its whole clip.

    Returns:
        (N, A, C), zero behind the last token of a shorter clip; (N, A) bool, False there.
    """
    if (length := equal_length(clip_lengths)) is not None:
        clips = audio[:, 0].unflatten(0, (-1, length))
        exists = torch.ones(audio.shape[0], length, dtype=torch.bool, device=audio.device)
        return expand_clips(clips, length), exists
    longest = max(clip_lengths)
    clips = nn.utils.rnn.pad_sequence(list(audio[:, 0].split(clip_lengths)), batch_first=True)
    lengths = send(clip_lengths, audio.device)
    exists = torch.arange(longest, device=audio.device) < lengths[:, None]  # (B, A)
    num = len(audio)  # given, so that the device does not have to report it
    return (
        clips.repeat_interleave(lengths, 0, output_size=num),
        exists.repeat_interleave(lengths, 0, output_size=num),
    )


class AudioVideoBlock(nn.Module):
    """Self-attention within each frame, then audio to map, then the maps of a clip to its audio.

    Args:
        embed_dims: Width C.
        num_heads: Heads of each attention.
        feedforward_channels: Inner width of the feed-forward network.
        dropout: Dropout probability in the encoder layer.
        updates_audio: Whether the block makes new audio tokens; False for the last block, whose
            audio output is unused.
    """

    def __init__(
        self,
        embed_dims: int,
        num_heads: int,
        *,
        feedforward_channels: int,
        dropout: float,
        updates_audio: bool,
    ) -> None:
        super().__init__()
        self.layer = TransformerEncoderLayer(
            embed_dims, num_heads, feedforward_channels=feedforward_channels, dropout=dropout
        )
        self.video_attn = MultiheadAttention(embed_dims, num_heads)
        self.audio_attn = MultiheadAttention(embed_dims, num_heads) if updates_audio else None

    def forward(
        self,
        tokens: Tensor,
        pos: Tensor,
        mask: Tensor | None,
        num_audio: int,
        clip_lengths: tuple[int, ...],
    ) -> tuple[Tensor, Tensor | None]:
        """Run the block.

        Args:
            tokens: (N, S + A, C), map and audio.
            pos: Their positions, broadcastable to them.
            mask: (N, 1, 1, S + A), which tokens exist; None for all.
            num_audio: A.
            clip_lengths: Frames of each clip.

        Returns:
            Map (N, S, C); audio (N, A, C), the same for all frames of a clip, or None.
        """
        tokens = self.layer(tokens, pos, mask)
        size = tokens.shape[1] - num_audio
        video, audio = tokens[:, :size], tokens[:, size:]
        # By now every frame has its own audio tokens; those of the first frame are kept.
        audio = first_frames(audio, clip_lengths)  # (B, A, C)
        spread = spread_over_frames(audio, clip_lengths, tokens.shape[0])  # (N, A, C)
        exists = None if mask is None else mask[..., size:]
        attended = self.video_attn(video, spread, spread, exists)
        video = video * attended * attended
        if self.audio_attn is None:
            return video, None
        placed = video + pos[:, :size]
        audio = attend_to_clip(self.audio_attn, audio, placed, video, clip_lengths)
        return video, spread_over_frames(audio, clip_lengths, tokens.shape[0])


def first_frames(values: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
    """Those of values (N, ...) that belong to the first frame of each clip: (B, ...)."""
    if (length := equal_length(clip_lengths)) is not None:
        return values.unflatten(0, (-1, length))[:, 0]
    lengths = send(clip_lengths, values.device)
    return values[lengths.cumsum(0) - lengths]


def spread_over_frames(values: Tensor, clip_lengths: tuple[int, ...], num: int) -> Tensor:
    """Values (B, ...) of the clips for each of their N frames: (N, ...)."""
    if (length := equal_length(clip_lengths)) is not None:
        return expand_clips(values, length)
    lengths = send(clip_lengths, values.device)
    return values.repeat_interleave(lengths, 0, output_size=num)


def attend_to_clip(
    attn: MultiheadAttention,
    audio: Tensor,
    placed: Tensor,
    video: Tensor,
    clip_lengths: tuple[int, ...],
) -> Tensor:
    """Let the audio tokens (B, A, C) attend to the maps of all frames of their clip.

    Args:
        attn: The attention.
        audio: (B, A, C).
        placed: (N, S, C), the maps' tokens with their positions.
        video: (N, S, C), without.
        clip_lengths: Frames of each clip.

    Returns:
        (B, A, C).
    """
    if (length := equal_length(clip_lengths)) is not None:
        key, value = (part.unflatten(0, (-1, length)).flatten(1, 2) for part in (placed, video))
        attended = attn(audio, key, value)
        return audio * attended * attended
    attended = [
        attn(query[None], key.flatten(0, 1)[None], value.flatten(0, 1)[None])
        for query, key, value in zip(
            audio, placed.split(clip_lengths), video.split(clip_lengths), strict=True
        )
    ]
    attended = torch.cat(attended)
    return audio * attended * attended


class BlockGate(nn.Module):
    """Combines the maps of three blocks, each weighted by a scalar per frame.

    Args:
        channels: C of the maps.
        second_gate: 'first' or 'own', see `DecoupledTransformer`.
    """

    def __init__(self, channels: int, second_gate: str) -> None:
        super().__init__()
        self.second_gate = check_choice(
            'DecoupledTransformer: second_gate', second_gate, SECOND_GATES
        )
        self.conv = nn.Conv2d(2 * channels, 2, 3, padding=1)
        self.merge1 = _merge(channels)
        self.merge2 = _merge(channels)

    def forward(self, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
        """Combine maps (N, C, h, w) of the blocks, in order."""
        values = self.pooled(first, second)  # (N, 2)
        gated = self.merge1(_weight(values[:, 0], second))
        if self.second_gate == 'first':
            weight = values.sigmoid().mean(1)
        else:
            weight = self.pooled(second, third)[:, 0]
        return self.merge2(gated + _weight(weight, third))

    def pooled(self, one: Tensor, other: Tensor) -> Tensor:
        """Two numbers in (0, 1) for each pair of maps: (N, 2)."""
        return self.conv(torch.cat((one, other), 1)).sigmoid().mean((2, 3))


def _merge(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.PReLU()
    )


def _weight(weight: Tensor, feature: Tensor) -> Tensor:
    return weight[:, None, None, None] * feature
