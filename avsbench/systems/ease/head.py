"""Decode head of EASE: the last blocks of the backbone, with queries made from the sound.

Paper: Less is More: Encoder-only Audio-Visual Segmentation (EASE). Repository:
github.com/ilpoviertola/EASE, on EoMT (arXiv 2503.19108, github.com/tue-mps/eomt, MIT). Written from
a description of them.
"""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from avsbench.models.heads import AVSHeadOutput, HeadSizes
from avsbench.models.layers import MLP
from avsbench.models.tokens import TokenState
from avsbench.registry import MODELS
from avsbench.systems.combo.masked_head import MaskedQueryHead
from avsbench.utils.checks import check_choice
from avsbench.utils.draws import uniform_draw
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import resize
from avsbench.utils.transfer import send

STRIDE = 4  # of the masks
LATE_FUSIONS = ('none', 'before_norm', 'after_norm')
Prediction = tuple[Tensor, Tensor]
"""Class logits (N, Q, K + 1) and masks (N, Q, h, w)."""


@MODELS.register_module()
class EaseHead(MaskedQueryHead):
    """Queries made from the sound run through the backbone's last blocks together with its tokens.

        sound --enhancer--> audio tokens --query generator--> queries, in front of the tokens
        for each joint block: patches read the sound; in training a prediction, whose masks are
            where the queries look; the block
        patches read the sound --> classes of the queries, masks over the enlarged patches

    In a test there is one prediction, and every query looks everywhere. In training a query is let
    out of its mask with a probability that rises from 0 to 1, block by block: `set_progress`.

    The classes of the queries contain the background, so that K = 1 has two of them.

    Args:
        sizes: See `AVSDecodeHead`.
        num_queries: Q.
        mask_phases: For each joint block, which are the last ones, the parts of the training at
            which its masks begin to go and are gone.
        fusion_blocks: Before which blocks of the backbone patches read the sound, counted from 0,
            or from -1 backwards.
        late_fusion: When they do so behind the last block: 'before_norm' or 'after_norm' of the
            backbone, or 'none' for not at all.
        sound_enhancer: Config; `in_channels` is filled in.
        query_generator: Config; `num_queries` is filled in.
        aligner: Config; `embed_dims` and `audio_channels` are filled in.
        upscaler: Config; `channels` is filled in. Its result has a stride of 4.
        criterion: Config of the losses of one prediction; `num_classes` is filled in.

    Raises:
        ConfigError: The phases of a block are none.
    """

    accepts_tokens = True

    def __init__(
        self,
        sizes: HeadSizes,
        *,
        num_queries: int,
        mask_phases: Sequence[tuple[float, float]],
        fusion_blocks: Sequence[int],
        late_fusion: str,
        sound_enhancer: dict,
        query_generator: dict,
        aligner: dict,
        upscaler: dict,
        criterion: dict,
    ) -> None:
        super().__init__(sizes)
        self.mask_phases = [_check_phase(*phase) for phase in mask_phases]
        self.fusion_blocks = tuple(fusion_blocks)
        self.late_fusion = check_choice('late_fusion', late_fusion, LATE_FUSIONS)
        width, classes = sizes.in_channels[-1], max(2, self.num_classes)
        self.sound_enhancer = MODELS.build({'in_channels': sizes.audio_channels, **sound_enhancer})
        audio_width = sound_enhancer['embed_dims']
        self.query_generator = MODELS.build(
            {'num_queries': num_queries, 'embed_dims': audio_width, **query_generator}
        )
        self.query_proj = nn.Linear(audio_width, width)
        self.query_feature = nn.Embedding(num_queries, width)
        self.aligner = MODELS.build({'embed_dims': width, 'audio_channels': audio_width, **aligner})
        self.upscaler = MODELS.build({'channels': width, **upscaler})
        self.classifier = nn.Linear(width, classes + 1)
        self.mask_mlp = MLP([width] * 4, act='gelu')
        self.criterion = MODELS.build({'num_classes': classes, **criterion})
        # Part of published checkpoints; a training sets it before each step.
        self.register_buffer('mask_probabilities', torch.ones(len(self.mask_phases)))
        self.draw = uniform_draw

    def forward(
        self,
        features: TokenState,
        audio: Tensor,
        clip_lengths: tuple[int, ...],
        frame_valid: Tensor | None = None,
    ) -> AVSHeadOutput:
        """Run the head; see the base class for the arguments.

        Returns:
            Class logits (predictions, N, Q, K + 1) and masks (predictions, N, Q, h, w) at stride 4:
            in training of the predictions before each joint block, always of the final one.
        """
        blocks = range(features.next_block, features.num_blocks)
        first_joint = features.num_blocks - len(self.mask_phases)
        fused = {block % features.num_blocks for block in self.fusion_blocks}
        self._check_start(features, min({first_joint, *fused}))
        sound = self.sound_enhancer(audio)  # (N, A, E)
        tokens, calls, predictions = features.tokens, 0, []
        for block in blocks:
            if block in fused:
                tokens, calls = self._align(features, tokens, sound, calls), calls + 1
            if block == first_joint:
                tokens = torch.cat((self.make_queries(sound).to(tokens.dtype), tokens), 1)
            mask, joint = None, block - first_joint
            if joint >= 0 and self.training:
                normed = features.norm(tokens)
                predictions.append(self._predict(features, normed, len(predictions)))
                mask = self.attention_mask(features, predictions[-1][1], joint, tokens.shape[1])
            extra = self.query_feature.num_embeddings if joint >= 0 else 0
            tokens = features.run_block(tokens, block, mask, extra)
        if self.late_fusion == 'before_norm':
            tokens = self._align(features, tokens, sound, calls)
        tokens = features.norm(tokens)
        if self.late_fusion == 'after_norm':
            tokens = self._align(features, tokens, sound, calls)
        predictions.append(self._predict(features, tokens, len(predictions)))
        cls_logits, mask_logits = (torch.stack(part) for part in zip(*predictions, strict=True))
        return AVSHeadOutput(
            cls_logits=cls_logits, mask_logits=mask_logits, clip_lengths=clip_lengths
        )

    def make_queries(self, sound: Tensor) -> Tensor:
        """Queries (N, Q, C) from audio tokens (N, A, E)."""
        made, _ = self.query_generator(sound, [])
        return self.query_proj(made) + self.query_feature.weight

    def attention_mask(
        self, state: TokenState, mask_logits: Tensor, joint: int, length: int
    ) -> Tensor:
        """What each token attends to in a joint block: (N, 1, S, S) bool.

        Queries see all other tokens, but patches only inside their masks, unless they are let out;
        the other tokens see everything.

        Args:
            state: The backbone's tokens.
            mask_logits: (N, Q, h, w) of the queries.
            joint: Number of the joint block.
            length: S.
        """
        visible = self.visible(state, mask_logits.detach(), joint)  # (N, Q, h * w)
        frames, queries, places = visible.shape
        rows = torch.cat((visible.new_ones(frames, queries, length - places), visible), 2)
        others = visible.new_ones(frames, length - queries, length)
        return torch.cat((rows, others), 1)[:, None]

    def visible(self, state: TokenState, mask_logits: Tensor, joint: int) -> Tensor:
        """Which patches each query sees in a joint block, (N, Q, h * w) bool."""
        inside = resize(mask_logits, state.grid).flatten(2) > 0
        shape = tuple(inside.shape[:2])
        free = self.draw(f'unmask/{joint}', shape, inside.device) > self.mask_probabilities[joint]
        return inside | free[..., None]

    def set_progress(self, step: int, total: int) -> None:
        """Set how likely a query keeps to its mask in each joint block.

        Args:
            step: Steps of the training that have been taken.
            total: All steps.
        """
        kept = [mask_probability(step, total, *phase) for phase in self.mask_phases]
        self.mask_probabilities.copy_(send(kept, self.mask_probabilities.device))

    def score_maps(self, output: AVSHeadOutput, img_shape: tuple[int, int]) -> Tensor:
        """Score maps (N, K, H, W), summed at the size of the frames and then resized."""
        height, width = output.mask_logits.shape[-2:]
        return resize(super().score_maps(output, (STRIDE * height, STRIDE * width)), img_shape)

    def init_weights(self) -> None:
        """Published start: of the parts their own, PyTorch's elsewhere."""
        BaseModule.init_weights(self)

    def _align(self, state: TokenState, tokens: Tensor, sound: Tensor, call: int) -> Tensor:
        """Tokens (N, S, C) of which the patches have read the sound."""
        others = tokens.shape[1] - state.num_places
        patches = self.aligner(tokens[:, others:], sound, f'aligner/{call}')
        return torch.cat((tokens[:, :others], patches), 1)

    def _predict(self, state: TokenState, tokens: Tensor, prediction: int) -> Prediction:
        """From normalised tokens (N, S, C), the queries first."""
        queries = tokens[:, : self.query_feature.num_embeddings]
        return self.predict_masks(queries, self.upscaler(state.maps(tokens), str(prediction)))

    def _check_start(self, state: TokenState, needed: int) -> None:
        if state.next_block > needed:
            raise ConfigError(
                f'EaseHead: the backbone runs its blocks up to {state.next_block - 1} by itself, '
                f'but something is put in before block {needed}; set '
                f'model.backbone.stop_block={needed - state.num_blocks}'
            )


def mask_probability(step: int, total: int, start: float, end: float) -> float:
    """How likely a query keeps to its mask: 1, then falling with the power 0.9, then 0.

    Args:
        step: Steps that have been taken.
        total: All steps.
        start: Part of the training at which it begins to fall.
        end: Part at which it is 0.
    """
    first, last = int(start * total), int(end * total)
    if step < first:
        return 1.0
    if step >= last:
        return 0.0
    return (1 - (step - first) / (last - first)) ** 0.9


def _check_phase(start: float, end: float) -> tuple[float, float]:
    if not 0 <= start <= end <= 1:
        raise ConfigError(
            f'EaseHead: mask_phases: ({start}, {end}), expected two parts of the training, 0 to 1, '
            'the smaller first'
        )
    return start, end
