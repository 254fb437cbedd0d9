"""Soft assignment to learned centres with Gumbel noise, which EASE's parts share.

Paper: Less is More: Encoder-only Audio-Visual Segmentation (EASE); the parts come from DDESeg
(Apache-2.0). Written from a description of them.
"""

from torch import Tensor, nn

from avsbench.models.losses.pixel import full_precision, without_autocast
from avsbench.utils.checks import check_choice
from avsbench.utils.draws import gumbel_draw

NOISES = ('train', 'always')


class GumbelClusters(nn.Module):
    """Soft assignment of tokens to centres.

    Args:
        num_centres: K.
        embed_dims: Width C.
        noise: 'train': noise in training alone. 'always': in tests as well, as published, so that
            two tests differ.
    """

    def __init__(self, num_centres: int, embed_dims: int, noise: str) -> None:
        super().__init__()
        self.centres = nn.Embedding(num_centres, embed_dims)
        self.noise = check_choice('noise', noise, NOISES)
        self.draw = gumbel_draw

    def forward(self, tokens: Tensor, purpose: str) -> Tensor:
        """Weights (N, S, K) of the centres for each token (N, S, C); they add up to 1.

        Args:
            tokens: (N, S, C).
            purpose: What the noise is drawn for, see `Draw`.
        """
        logits = tokens @ self.centres.weight.T
        with without_autocast(logits):
            logits = full_precision(logits)
            if self.training or self.noise == 'always':
                logits = logits + self.draw(f'gumbel/{purpose}', tuple(logits.shape), logits.device)
            return logits.softmax(-1)
