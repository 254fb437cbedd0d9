"""EASE's audio-visual aligner: patches read the sound.

Paper: Less is More: Encoder-only Audio-Visual Segmentation (EASE); repository
github.com/ilpoviertola/EASE; the aligner comes from DDESeg (Apache-2.0). Written from a description
of them.
"""

from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.registry import MODELS
from avsbench.systems.ease.clusters import GumbelClusters


class Interaction(nn.Module):
    """Attention without biases and without a projection of its result.

    Args:
        embed_dims: Width C.
        num_heads: Number of heads.
        gated: Whether each key has a weight of its own, a sigmoid, instead of a share of 1.
    """

    def __init__(self, embed_dims: int, num_heads: int, *, gated: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.gated = gated
        self.q_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.k_proj = nn.Linear(embed_dims, embed_dims, bias=False)
        self.v_proj = nn.Linear(embed_dims, embed_dims, bias=False)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Let queries (N, Q, C) read a memory (N, S, C); returns (N, Q, C)."""
        query, key, value = (
            projected.unflatten(-1, (self.num_heads, -1)).transpose(
                1, 2
            )  # (N, heads, S, C / heads)
            for projected in (self.q_proj(queries), self.k_proj(memory), self.v_proj(memory))
        )
        logits = query @ key.mT * query.shape[-1] ** -0.5
        weights = logits.sigmoid() if self.gated else logits.softmax(-1).to(value.dtype)
        return (weights @ value).transpose(1, 2).flatten(2)


@MODELS.register_module()
class AudioVisualAligner(BaseModule):
    """Adds one vector of the sound to each patch, as far as the patch asks for it.

        patches --clusters--> mixtures of centres
        audio tokens --attend to the mixtures--> weights of the tokens --> one vector
        patches + sigmoid attention to that vector

    The published layer that weighs the tokens has a bias, which has no effect and is left out.

    Args:
        embed_dims: Width C of the patches.
        audio_channels: Width E of the audio tokens; a projection follows where it differs.
        num_heads: Heads of both attentions.
        num_clusters: K.
        noise: Of the clusters, see `GumbelClusters`.
    """

    def __init__(
        self,
        embed_dims: int,
        audio_channels: int,
        *,
        num_heads: int = 8,
        num_clusters: int = 5,
        noise: str = 'train',
    ) -> None:
        super().__init__()
        self.clusters = GumbelClusters(num_clusters, embed_dims, noise)
        same = audio_channels == embed_dims
        self.audio_proj = (
            nn.Identity() if same else nn.Linear(audio_channels, embed_dims, bias=False)
        )
        self.audio_attn = Interaction(embed_dims, num_heads, gated=False)
        self.gate = nn.Linear(embed_dims, 1, bias=False)
        self.patch_attn = Interaction(embed_dims, num_heads, gated=True)

    def forward(self, patches: Tensor, audio: Tensor, purpose: str) -> Tensor:
        """Align patches (N, S, C) with audio tokens (N, A, E); returns (N, S, C).

        Args:
            patches: (N, S, C).
            audio: (N, A, E).
            purpose: What noise is drawn for, see `Draw`.
        """
        weights = self.clusters(patches, purpose).to(patches.dtype)  # (N, S, K)
        mixed = weights @ self.clusters.centres.weight
        audio = self.audio_proj(audio)  # (N, A, C)
        shares = self.gate(self.audio_attn(audio, mixed)).softmax(1).to(audio.dtype)
        vector = (shares * audio).sum(1, keepdim=True)  # (N, 1, C)
        return patches + self.patch_attn(patches, vector)

    def init_weights(self) -> None:
        """Published start: truncated normal in the attentions, PyTorch's elsewhere."""
        for attention in (self.audio_attn, self.patch_attn):
            for layer in (attention.q_proj, attention.k_proj, attention.v_proj):
                nn.init.trunc_normal_(layer.weight, std=0.02)
