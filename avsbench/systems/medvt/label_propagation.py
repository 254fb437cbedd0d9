"""Many-to-many label propagation of MED-VT: a frame's labels follow from the others'.

Paper: MED-VT (CVPR 2023) and MED-VT++, arXiv 2304.05930; repository github.com/rkyuca/medvt.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avsbench.models.layers import equal_length
from avsbench.utils.checks import check_choice
from avsbench.utils.maps import resize

TEMPERATURE = 30.0


class LabelPropagation(nn.Module):
    """Encode the logits of a clip, mix them over the frames by similarity, decode, average.

    The logits and their propagated version are averaged at the size of the larger one.

    Args:
        feature_channels: Channels of the feature by which similarity is measured.
        num_classes: K.
        label_scale: Enlargement of the logits before the label encoder, which makes them 16 times
            smaller.
        key_channels: Width of the projection in which similarity is measured.
        label_channels: Channels of an encoded label.
        label_targets: Which frames take labels over. 'all': every frame from all others, the
            published mode 2. 'last': the last frame alone from those before it, averaged with its
            own encoded label, while the others keep their logits. This is mode 1, which no
            published command uses and no fixture covers: only this sentence of it is known.
    """

    def __init__(
        self,
        feature_channels: int,
        num_classes: int,
        *,
        label_scale: float = 8,
        key_channels: int = 128,
        label_channels: int = 16,
        label_targets: str = 'all',
    ) -> None:
        super().__init__()
        self.label_scale = label_scale
        self.only_last = (
            check_choice('LabelPropagation: label_targets', label_targets, ('all', 'last'))
            == 'last'
        )
        self.encoder = LabelEncoder(num_classes, label_channels)
        self.self_attn = OtherFramesAttention(feature_channels, key_channels)
        self.cross_attn = OtherFramesAttention(feature_channels, key_channels)
        self.decoder = nn.Sequential(
            nn.Conv3d(label_channels, label_channels, 3, padding=1),
            nn.GroupNorm(4, label_channels),
            nn.ReLU(),
            nn.Conv3d(label_channels, num_classes, 1),
        )

    def forward(self, logits: Tensor, feature: Tensor, clip_lengths: tuple[int, ...]) -> Tensor:
        """Propagate the labels within each clip.

        Args:
            logits: (N, K, h, w).
            feature: (N, D, h, w).
            clip_lengths: Frames of each clip; a clip of one frame keeps its logits, since there
                is no other frame to propagate from.

        Returns:
            Logits (N, K, h', w'), the larger one of both sizes.
        """
        length = equal_length(clip_lengths)
        if torch.compiler.is_exporting():  # one graph for any number of clips of this length
            return self._clips(logits, feature, length)
        sizes = length or clip_lengths  # clip by clip: the encoder's normalisation sees one
        clips = zip(logits.split(sizes), feature.split(sizes), strict=True)
        return torch.cat([self._clips(*clip, len(clip[0])) for clip in clips])

    def _clips(self, logits: Tensor, feature: Tensor, length: int) -> Tensor:
        """Clips of `length` frames, one after the other."""
        if length == 1:
            return logits
        size = [int(side * self.label_scale) for side in logits.shape[2:]]
        labels = self.encoder(resize(logits, size, 'nearest'))  # (B * T, E, h', w')
        mixed = self.propagate(labels, feature, length)
        if self.only_last:
            mixed = (mixed + labels.unflatten(0, (-1, length))[:, -1]) / 2
        propagated = self.decode(mixed, 1 if self.only_last else length)
        larger = max(logits.shape[2:], propagated.shape[2:], key=lambda shape: shape.numel())
        logits, propagated = (resize(maps, larger, 'nearest') for maps in (logits, propagated))
        if not self.only_last:
            return (logits + propagated) / 2
        clips = logits.unflatten(0, (-1, length))
        changed = (clips[:, -1:] + propagated[:, None]) / 2
        return torch.cat((clips[:, :-1], changed), 1).flatten(0, 1)

    def propagate(self, labels: Tensor, feature: Tensor, length: int | None = None) -> Tensor:
        """Mix labels by the similarity of features.

        Args:
            labels: (B * T, E, h, w).
            feature: (B * T, D, H, W).
            length: T; None for one clip.

        Returns:
            (B * T, E, h, w); (B, E, h, w) where the last frame alone takes labels over.
        """
        length = length or len(labels)
        feature = resize(feature, labels.shape[2:], 'nearest')
        tokens, values = (
            maps.flatten(2).transpose(1, 2).unflatten(0, (-1, length)) for maps in (feature, labels)
        )  # (B, T, h * w, D), (B, T, h * w, E)
        query = tokens[:, -1:] if self.only_last else tokens
        mixed = query + self.self_attn(query, tokens, tokens)
        query = F.instance_norm(_maps(mixed, feature)).flatten(2).transpose(1, 2)
        mixed = self.cross_attn(query.unflatten(0, (-1, mixed.shape[1])), tokens, values)
        return F.instance_norm(_maps(mixed, labels))

    def decode(self, labels: Tensor, length: int | None = None) -> Tensor:
        """Encoded labels (B * T, E, h, w) to logits (B * T, K, h, w), T = `length` or all."""
        clips = labels.unflatten(0, (-1, length or len(labels)))
        return self.decoder(clips.transpose(1, 2)).transpose(1, 2).flatten(0, 1)


class OtherFramesAttention(nn.Module):
    """Attention to the tokens of the other frames, by cosine similarity in a projected space.

    Args:
        channels: Width D of queries and keys.
        key_channels: Width of the projection, which queries and keys share.
    """

    def __init__(self, channels: int, key_channels: int) -> None:
        super().__init__()
        self.key_proj = nn.Linear(channels, key_channels)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Mix the values of the other frames of each clip.

        Frame by frame, since the keys of the other frames alone need no mask: with one, fused
        kernels hold it as numbers, as large as the matrix of T h w x T h w similarities that they
        avoid.

        Args:
            query: (B, T', S, D), tokens of the last T' frames, each of which takes values over.
            key: (B, T, S, D).
            value: (B, T, S, E).

        Returns:
            (B, T', S, E).
        """
        query, key = (F.normalize(self.key_proj(tokens), dim=-1) for tokens in (query, key))
        mixed = []
        for frame, tokens in enumerate(query.unbind(1), start=key.shape[1] - query.shape[1]):
            keys, values = (
                torch.cat((part[:, :frame], part[:, frame + 1 :]), 1).flatten(1, 2)
                for part in (key, value)
            )
            mixed.append(_attend(tokens, keys, values))
        return torch.stack(mixed, 1)


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Values (B, S, E) for queries (B, Q, D) by keys (B, S, D): (B, Q, E).

    Keys and values are brought to one width by zeros, which change nothing: the fused kernel of
    the CPU takes no others.
    """
    width, channels = max(key.shape[2], value.shape[2]), value.shape[2]
    query, key, value = (
        F.pad(part, (0, width - part.shape[2]))[:, None] for part in (query, key, value)
    )
    mixed = F.scaled_dot_product_attention(query, key, value, scale=TEMPERATURE)
    return mixed[:, 0, :, :channels]


class LabelEncoder(nn.Module):
    """Logits to labels of 1/16 of their size.

    Args:
        num_classes: K.
        label_channels: Channels E of the result.
    """

    def __init__(self, num_classes: int, label_channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(num_classes, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.block1 = ResidualBlock(16, 32, norm=False)
        self.block2 = ResidualBlock(32, 64, norm=True)
        self.output_conv = nn.Conv2d(64, label_channels, 3, padding=1)

    def forward(self, logits: Tensor) -> Tensor:
        """Map (T, K, H, W) to (T, E, H / 16, W / 16)."""
        return self.output_conv(self.block2(self.block1(self.stem(logits)))).relu()


class ResidualBlock(nn.Module):
    """Two convolutions, the first of stride 2, and a convolved shortcut.

    Args:
        in_channels, out_channels: Channels before and after.
        norm: Whether batch normalisations follow the convolutions.
    """

    def __init__(self, in_channels: int, out_channels: int, *, norm: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels) if norm else nn.Identity()
        self.norm2 = nn.BatchNorm2d(out_channels) if norm else nn.Identity()
        self.shortcut = nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (T, C, H, W) to (T, C', H / 2, W / 2)."""
        inner = self.norm2(self.conv2(self.norm1(self.conv1(maps)).relu()))
        return (inner + self.shortcut(maps)).relu()


def _maps(tokens: Tensor, like: Tensor) -> Tensor:
    """(B, T, h * w, C) to (B * T, C, h, w) with the grid of `like`."""
    return tokens.flatten(0, 1).transpose(1, 2).unflatten(2, tuple(like.shape[2:]))
