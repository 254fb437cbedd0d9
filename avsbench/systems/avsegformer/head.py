"""Decode head of AVSegFormer.

Paper: AVSegFormer: Audio-Visual Segmentation with Transformer, arXiv 2307.01146 (AAAI 2024).
Repository: github.com/vvvb-github/AVSegFormer (Apache-2.0). Written from a description of it;
the parts of the published file that never run are left out.
"""

import torch
from torch import Tensor, nn

from avsbench.models.heads import AVSHeadOutput, DenseAVSHead, HeadSizes
from avsbench.models.layers import (
    MultiScaleDeformableAttention,
    linear,
    mask_padding,
    upsampling_predictor,
    xavier_init,
)
from avsbench.registry import MODELS


class QueryMLP(nn.Module):
    """1x1 convolutions that mix the Q query maps of a frame into C channels.

    A query map is the product of the query and the mask feature at each position. Positions are
    tokens here, so that the products of matrices find the channels side by side.

    Args:
        num_queries: Q.
        hidden_channels: Channels between the layers.
        embed_dims: Width C of the result.
        num_layers: Number of layers; ReLU after all but the last.
    """

    def __init__(
        self, num_queries: int, hidden_channels: int, embed_dims: int, num_layers: int = 3
    ) -> None:
        super().__init__()
        widths = [num_queries, *[hidden_channels] * (num_layers - 1), embed_dims]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 1)
            for before, after in zip(widths[:-1], widths[1:], strict=True)
        )

    def forward(self, queries: Tensor, feature: Tensor) -> Tensor:
        """Mix the maps of queries (N, Q, C) and a mask feature (N, C, h, w) into (N, C, h, w)."""
        tokens = feature.flatten(2).transpose(1, 2)  # (N, h * w, C)
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            mixed = self._mix(queries, tokens)
        else:
            # The hidden tokens of all frames take hundreds of megabytes, those of one stay in
            # memory that is used again.
            pairs = zip(queries.split(1), tokens.split(1), strict=True)
            mixed = torch.cat([self._mix(*pair) for pair in pairs])
        return mixed.transpose(1, 2).unflatten(2, feature.shape[2:])

    def _mix(self, queries: Tensor, tokens: Tensor) -> Tensor:
        values = tokens @ queries.transpose(1, 2)  # (n, h * w, Q)
        *hidden, last = self.layers
        for layer in hidden:
            values = linear(values, layer.weight.flatten(1), layer.bias, 'relu')
        return linear(values, last.weight.flatten(1), last.bias)


@MODELS.register_module()
class AVSegFormerHead(DenseAVSHead):
    """Queries made from the audio attend to the image; their maps refine a gated mask feature.

        audio (N,1,D) --linear--> (N,1,C) --> query generator --(+ learnable)--> queries (N,Q,C)
                                     |                                             |
        features --> pixel decoder --|--> memory (N,S,C) -----> transformer decoder
                          |          |                                             |
                          +--> mask feature --> fusion (channel gate) --> F        | hidden
                                                                          |        v
                              logits <-- predictor <-- ( F + MLP( hidden . F ) ) --+

    No temporal part: the frames of a clip never attend to each other.

    Args:
        sizes: See `AVSDecodeHead`.
        embed_dims: Width C.
        pixel_decoder: Config; `in_channels` and `embed_dims` are filled in.
        query_generator: Config; tells `num_queries`.
        transformer_decoder: Config; `embed_dims` is filled in.
        fusion: Config; `embed_dims` is filled in.
        loss_mask: Config of the loss on the logits.
        loss_mix: Config of the loss on the mask feature; None leaves it out.
        mlp_channels: Hidden channels of the query MLP.
        predictor_channels: Channels after the first and second convolution of the predictor.
    """

    accepts_padding = True

    def __init__(
        self,
        sizes: HeadSizes,
        *,
        embed_dims: int,
        pixel_decoder: dict,
        query_generator: dict,
        transformer_decoder: dict,
        fusion: dict,
        loss_mask: dict,
        loss_mix: dict | None = None,
        mlp_channels: int = 2048,
        predictor_channels: tuple[int, int] = (128, 32),
    ) -> None:
        super().__init__(sizes, loss_mask=loss_mask, loss_mix=loss_mix)
        width, channels = {'embed_dims': embed_dims}, {'in_channels': sizes.in_channels}
        self.pixel_decoder = MODELS.build({**channels, **width, **pixel_decoder})
        self.query_generator = MODELS.build({**width, **query_generator})
        self.transformer_decoder = MODELS.build({**width, **transformer_decoder})
        self.fusion = MODELS.build({**width, **fusion})
        num_queries = self.query_generator.num_queries
        self.audio_proj = nn.Linear(sizes.audio_channels, embed_dims)
        self.learnable_query = nn.Embedding(num_queries, embed_dims)
        self.query_mlp = QueryMLP(num_queries, mlp_channels, embed_dims)
        self.predictor = upsampling_predictor(
            embed_dims, predictor_channels, sizes.num_classes, scale_factor=4, bias=False
        )

    def forward(
        self,
        features: list[Tensor],
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head; see the base class for the arguments.

        Features of padded frames are zeroed before, logits and mask feature after the network.

        Returns:
            Logits (N, K, 4h, 4w) and the fused mask feature (N, C, h, w), h x w at stride 4; the
            fusion's own loss terms.
        """
        features = [mask_padding(feature, frame_valid) for feature in features]
        audio = self.audio_proj(audio)  # (N, 1, C)
        decoded = self.pixel_decoder(features)
        queries, audio = self.query_generator(audio, decoded.levels)
        queries = queries + self.learnable_query.weight  # (N, Q, C)
        hidden = self.transformer_decoder(queries, decoded.memory)[-1]
        mask_feature, _, losses = self.fusion(decoded.mask_feature, audio)
        refined = mask_feature + self.query_mlp(hidden, mask_feature)
        # Few channels on many pixels: channels last is the quicker order for these convolutions.
        logits = self.predictor(refined.contiguous(memory_format=torch.channels_last))
        return AVSHeadOutput(
            logits=mask_padding(logits, frame_valid),
            mask_feature=mask_padding(mask_feature, frame_valid),
            aux=losses,
        )

    def init_weights(self) -> None:
        """Published start: Xavier for all matrices, then the deformable attention's own scheme."""
        xavier_init(self, skip='audio_proj.')
        for module in self.modules():
            if isinstance(module, MultiScaleDeformableAttention):
                module.init_weights()
        nn.init.normal_(self.pixel_decoder.level_embed)
