"""EASE's sound enhancer: from one embedding of a second of sound to several tokens.

Paper: Less is More: Encoder-only Audio-Visual Segmentation (EASE); repository
github.com/ilpoviertola/EASE; the enhancer comes from DDESeg (Apache-2.0). Written from a
description of them.
"""

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.registry import MODELS
from avsbench.systems.ease.clusters import GumbelClusters


@MODELS.register_module()
class SoundEnhancer(BaseModule):
    """The sound and its nearest centres, compared in two stages.

        embedding --linear--> a --assignment to K centres--> the largest weights w_j
        edge from a to the centre --> offset of a --> tokens
        edge from a token to w_j a --> offset of the token --> tokens

    Published is a softmax over an axis of length one in the second stage: it has no effect, and
    its layer is not computed.

    Args:
        in_channels: Width of the embedding.
        embed_dims: Width E of the tokens.
        num_centres: K.
        num_tokens: A, how many of the largest weights count.
        noise: Of the assignment, see `GumbelClusters`.
    """

    def __init__(
        self,
        in_channels: int,
        embed_dims: int,
        *,
        num_centres: int = 71,
        num_tokens: int = 5,
        noise: str = 'train',
    ) -> None:
        super().__init__()
        self.num_tokens = num_tokens
        self.audio_proj = nn.Linear(in_channels, embed_dims)
        self.clusters = GumbelClusters(num_centres, embed_dims, noise)
        self.edge1 = nn.Linear(embed_dims, embed_dims)
        self.weight1 = nn.Linear(embed_dims, embed_dims, bias=False)
        self.offset1 = nn.Linear(embed_dims, embed_dims)
        self.edge2 = nn.Linear(embed_dims, embed_dims)
        self.offset2 = nn.Linear(embed_dims, embed_dims)

    def forward(self, audio: Tensor) -> Tensor:
        """Enhance audio tokens (N, 1, D) to (N, A, E), that of the largest weight first."""
        audio = self.audio_proj(audio)  # (N, 1, E)
        weights, nearest = self.clusters(audio, 'enhancer')[:, 0].topk(self.num_tokens)
        centres = self.clusters.centres(nearest)  # (N, A, E)
        edge = F.gelu(self.edge1(centres - audio))
        edge = edge * self.weight1(edge).softmax(1).to(edge.dtype)
        tokens = (1 + self.offset1(audio + edge).tanh()) * audio
        weighted = weights[..., None].to(audio.dtype) * audio
        edge = F.gelu(self.edge2(weighted - tokens))
        return (1 + self.offset2(tokens + edge).tanh()) * tokens

    def init_weights(self) -> None:
        """Published start."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
