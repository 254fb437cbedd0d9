"""Keys of EASE's published checkpoints.

Repository: github.com/ilpoviertola/EASE, on Lightning: its files hold the state dict under
`state_dict`. There are two layouts, by backbone; VGGish is a file of its own. Statistics of images
and weights of the classes are stored, but known from the configuration; a layer and a bias have no
effect.
"""

import torch

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict, prefixed

_BACKBONE = 'network.encoder.backbone.'
_NO_OBJECT = 0.1
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BLOCK = 'blocks.{i}'

_VIT_RULES = (
    KeyRule('patch_embed.cls_token', 'cls_token'),
    KeyRule('patch_embed.register_tokens', 'reg_token'),
    KeyRule('patch_embed.patch_embeddings.{rest}', 'patch_embed.proj.{rest}'),
    KeyRule(f'{_BLOCK}.attention.o_proj.{{rest}}', f'{_BLOCK}.attn.proj.{{rest}}'),
    KeyRule(f'{_BLOCK}.attention.{{rest}}', f'{_BLOCK}.attn.{{rest}}'),
    KeyRule(f'{_BLOCK}.layer_scale1.lambda1', f'{_BLOCK}.gamma_1'),
    KeyRule(f'{_BLOCK}.layer_scale2.lambda1', f'{_BLOCK}.gamma_2'),
    KeyRule(f'{_BLOCK}.mlp.up_proj.{{rest}}', f'{_BLOCK}.mlp.fc1.{{rest}}'),
    KeyRule(f'{_BLOCK}.mlp.down_proj.{{rest}}', f'{_BLOCK}.mlp.fc2.{{rest}}'),
    KeyRule(f'{_BLOCK}.{{rest}}', f'{_BLOCK}.{{rest}}'),
    KeyRule('norm.{rest}', 'norm.{rest}'),
)
_PVT_RULES = (
    KeyRule('patch_embed.{rest}', 'patch_embed.{rest}'),
    KeyRule('stages.{rest}', 'stages.{rest}'),
)
_QUERIES = 'q_gen.layers.{i}', 'query_generator.layers.{i}'
_HEAD_RULES = (
    KeyRule('attn_mask_probs', 'mask_probabilities'),
    KeyRule('q.weight', 'query_feature.weight'),
    KeyRule('q_gen.output_proj.{rest}', 'query_proj.{rest}'),
    KeyRule('q_gen.query.weight', 'query_generator.query.weight'),
    KeyRule(f'{_QUERIES[0]}.ffn.0.{{rest}}', f'{_QUERIES[1]}.ffn.fc1.{{rest}}'),
    KeyRule(f'{_QUERIES[0]}.ffn.2.{{rest}}', f'{_QUERIES[1]}.ffn.fc2.{{rest}}'),
    KeyRule(f'{_QUERIES[0]}.{{rest}}', f'{_QUERIES[1]}.{{rest}}'),
    KeyRule('audio_enhance.audio_proj.{rest}', 'sound_enhancer.audio_proj.{rest}'),
    *(
        KeyRule(f'audio_enhance.{theirs}.{{rest}}', f'sound_enhancer.{ours}.{{rest}}')
        for theirs, ours in (
            ('edge_fc_s1.0', 'edge1'),
            ('edge_fc_s2.0', 'edge2'),
            ('offset_s1.0', 'offset1'),
            ('offset_s2.0', 'offset2'),
            ('fusion_s1', 'weight1'),
        )
    ),
    *(
        KeyRule(f'{theirs}.gumbel_clustering.cluster_centers', f'{ours}.clusters.centres.weight')
        for theirs, ours in (('audio_enhance', 'sound_enhancer'), ('fuser', 'aligner'))
    ),
    KeyRule('fuser.fc.weight', 'aligner.gate.weight'),
    KeyRule('fuser.aud_proj.{rest}', 'aligner.audio_proj.{rest}'),
    KeyRule('fuser.av_cross_interaction.{rest}', 'aligner.audio_attn.{rest}'),
    KeyRule('fuser.va_cross_interaction.{rest}', 'aligner.patch_attn.{rest}'),
    KeyRule('upscale.scale_blocks.{rest}', 'upscaler.blocks.{rest}'),
    KeyRule('class_head.{rest}', 'classifier.{rest}'),
    *(
        KeyRule(f'mask_head.{2 * layer}.{{rest}}', f'mask_mlp.layers.{layer}.{{rest}}')
        for layer in range(3)
    ),
)


def _restore_unused(state: StateDict) -> StateDict:
    """The statistics of ImageNet, the weights of the classes, zeros for what has no effect."""
    weight = torch.ones(state['network.class_head.bias'].shape[0])
    weight[-1] = _NO_OBJECT
    return {
        'network.encoder.pixel_mean': torch.tensor(_MEAN).view(1, 3, 1, 1),
        'network.encoder.pixel_std': torch.tensor(_STD).view(1, 3, 1, 1),
        'network.audio_enhance.fusion_s2.weight': torch.zeros_like(
            state['network.audio_enhance.fusion_s1.weight']
        ),
        'network.fuser.fc.bias': torch.zeros(1),
        'criterion.empty_weight': weight,
    }


def _adapter(
    name: str, layout: str, backbone: str, rules: tuple[KeyRule, ...]
) -> CheckpointAdapter:
    return CheckpointAdapter(
        name=name,
        head='EaseHead',
        layout=layout,
        signature=('network.audio_enhance.fusion_s2.weight', f'{_BACKBONE}{backbone}'),
        rules=(
            *prefixed(rules, _BACKBONE, 'backbone.model.'),
            *prefixed(_HEAD_RULES, 'network.', 'decode_head.'),
        ),
        unused=(
            'network.encoder.pixel_mean',
            'network.encoder.pixel_std',
            'network.audio_enhance.fusion_s2.weight',
            'network.fuser.fc.bias',
            'criterion.empty_weight',
        ),
        restore_unused=_restore_unused,
        audio_prefix='audio_encoder.',
    )


EASE = _adapter('EASE', '', 'patch_embed.cls_token', _VIT_RULES)
EASE_PVT = _adapter('EASE with PVTv2', 'pvt', 'stages.0.norm.weight', _PVT_RULES)
