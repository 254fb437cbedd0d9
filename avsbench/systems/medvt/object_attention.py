"""Where in a frame its query attends: maps that MED-VT's head of videos reads beside the features.

Paper: MED-VT (CVPR 2023); repository github.com/rkyuca/medvt.
"""

from torch import Tensor, nn

from avsbench.utils.checks import check_choice

SOFTMAX = {'pixels': (1, 2, 3), 'heads': (1,)}


class ObjectAttention(nn.Module):
    """Attention maps of one query per frame, a map for each head.

    Args:
        embed_dims: Width C.
        num_heads: Heads, which are the maps.
        softmax: 'pixels': over all heads and pixels of a frame together; 'heads': over the heads
            at each pixel.
    """

    def __init__(self, embed_dims: int, num_heads: int, *, softmax: str = 'pixels') -> None:
        super().__init__()
        self.axes = SOFTMAX[check_choice('ObjectAttention: softmax', softmax, SOFTMAX)]
        self.num_heads = num_heads
        self.scale = (embed_dims // num_heads) ** -0.5
        self.q_linear = nn.Linear(embed_dims, embed_dims)
        self.k_linear = nn.Linear(embed_dims, embed_dims)

    def forward(self, queries: Tensor, maps: Tensor) -> Tensor:
        """Compare the queries (N, C) with the maps (N, C, h, w) of their frames: (N, heads, h, w).

        The values of a frame ('pixels') or of a pixel ('heads') add up to 1.
        """
        query = self.q_linear(queries).unflatten(1, (self.num_heads, -1))  # (N, heads, c)
        key = self.k_linear(maps.permute(0, 2, 3, 1))  # (N, h, w, C)
        key = key.unflatten(3, (self.num_heads, -1)).permute(0, 3, 1, 2, 4)
        height, width = maps.shape[2:]
        logits = (key.flatten(2, 3) @ (query * self.scale).unsqueeze(3)).squeeze(3)
        logits = logits.unflatten(2, (height, width))  # (N, heads, h, w)
        first, *others = self.axes
        if not others:
            return logits.softmax(first)
        return logits.flatten(1).softmax(1).view_as(logits)
