"""A toy after SAMA-AVS: the sound is added to all tokens before each block of a frozen ViT."""

from torch import Tensor, nn

from avsbench.models import TimmBackbone
from avsbench.models.backbone import TrainedParts
from avsbench.models.timm_layout import inner_network
from avsbench.registry import MODELS


@MODELS.register_module()
class SoundPromptedVit(TimmBackbone):
    """A plain vision transformer of timm with a projection of the audio before each block."""

    needs = frozenset({'audio'})

    def __init__(self, model_name: str, *, audio_channels: int, options: dict) -> None:
        trained = TrainedParts(frozen_parts='all')
        super().__init__(model_name, options=options, out_strides=(16,), trained=trained)
        self.audio_channels = audio_channels
        vit = inner_network(self.model)
        self.prompts = nn.ModuleList(nn.Linear(audio_channels, vit.embed_dim) for _ in vit.blocks)

    def forward(self, frames: Tensor, audio: Tensor) -> list[Tensor]:
        """Compute the map of frames (N, 3, H, W) with audio (N, 1, D)."""
        vit = inner_network(self.model)
        patches = vit.patch_embed(frames)  # (N, h, w, C)
        tokens = vit.norm_pre(vit._pos_embed(patches))
        for block, prompt in zip(vit.blocks, self.prompts, strict=True):
            tokens = block(tokens + prompt(audio))
        tokens = tokens[:, vit.num_prefix_tokens :]
        return [tokens.transpose(1, 2).unflatten(2, patches.shape[1:3])]


CONFIG = dict(
    type='AVSegmentor',
    data_preprocessor=dict(type='AVSDataPreprocessor', clip_policy='pack'),
    backbone=dict(
        type='SimpleFeaturePyramid',
        embed_dims=16,
        backbone=dict(
            type='SoundPromptedVit',
            model_name='vit_tiny_patch16_224',
            options=dict(depth=3, embed_dim=24, num_heads=2, dynamic_img_size=True),
            audio_channels=512,
        ),
    ),
    audio_encoder=dict(type='TimmAudioEncoder', model_name='resnet10t', mean=0.0, std=1.0),
    decode_head=dict(type='MapHead', num_classes=1, loss_mask=dict(type='BinaryCrossEntropyLoss')),
)
