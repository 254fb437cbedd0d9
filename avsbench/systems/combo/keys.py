"""Keys of COMBO's published checkpoints.

Repository: github.com/yannqi/COMBO-AVS, on detectron2: its files hold the state dict under `model`.
VGGish is inside. The weights of the classes are stored, but known from the configuration.
"""

import torch

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict, prefixed
from avsbench.checkpoint.backbones import DETECTRON_RESNET_RULES, PVT_V2_RULES

_NO_OBJECT = 0.1
_PREDICTOR = 'predictor'
_LAYERS = (
    ('transformer_self_attention_layers.{i}.self_attn', 'self_attn'),
    ('transformer_self_attention_layers.{i}.norm', 'norm1'),
    ('transformer_cross_attention_layers.{i}.multihead_attn', 'cross_attn'),
    ('transformer_cross_attention_layers.{i}.norm', 'norm2'),
    ('transformer_ffn_layers.{i}.linear1', 'ffn.fc1'),
    ('transformer_ffn_layers.{i}.linear2', 'ffn.fc2'),
    ('transformer_ffn_layers.{i}.norm', 'norm3'),
)
_FUSION = (
    ('audio_pos', 'audio_pos'),
    ('level_embed', 'level_embed'),
    ('b_attn.layer_norm_v_list.0', 'visual_norm'),
    ('b_attn.layer_norm_a_list.0', 'audio_norm'),
    ('b_attn.attn_list.0.v_proj', 'attn.visual_qk'),
    ('b_attn.attn_list.0.a_proj', 'attn.audio_qk'),
    ('b_attn.attn_list.0.values_v_proj', 'attn.visual_value'),
    ('b_attn.attn_list.0.values_a_proj', 'attn.audio_value'),
    ('b_attn.attn_list.0.out_v_proj', 'attn.visual_out'),
    ('b_attn.attn_list.0.out_a_proj', 'attn.audio_out'),
)
_ENCODER = 'pixel_decoder.transformer.encoder.layers.{i}', 'pixel_decoder.encoder.layers.{i}'


def _pixel_decoder_rules() -> list[KeyRule]:
    published, ours = _ENCODER
    convs = {'adapter_1': 'lateral_conv', 'layer_1': 'output_conv'}
    return [
        KeyRule(
            'pixel_decoder.input_proj.{i}.0.{rest}', 'pixel_decoder.input_convs.{i}.conv.{rest}'
        ),
        KeyRule('pixel_decoder.input_proj.{i}.1.{rest}', 'pixel_decoder.input_convs.{i}.gn.{rest}'),
        KeyRule('pixel_decoder.transformer.level_embed', 'pixel_decoder.level_embed'),
        KeyRule(f'{published}.linear1.{{rest}}', f'{ours}.ffn.fc1.{{rest}}'),
        KeyRule(f'{published}.linear2.{{rest}}', f'{ours}.ffn.fc2.{{rest}}'),
        KeyRule(f'{published}.{{rest}}', f'{ours}.{{rest}}'),
        KeyRule('pixel_decoder.mask_features.{rest}', 'pixel_decoder.mask_conv.{rest}'),
        *(
            KeyRule(
                f'pixel_decoder.{their_conv}.{their_end}', f'pixel_decoder.{our_conv}.{our_end}'
            )
            for their_conv, our_conv in convs.items()
            for their_end, our_end in (('norm.{rest}', 'gn.{rest}'), ('weight', 'conv.weight'))
        ),
    ]


def _fusion_rules() -> list[KeyRule]:
    return [
        *(
            KeyRule(f'fusion_module.{theirs}.{{rest}}', f'fusion.{ours}.{{rest}}')
            for theirs, ours in _FUSION
        ),
        KeyRule('fusion_module.b_attn.gamma_a', 'fusion.audio_scale'),
        KeyRule('fusion_module.b_attn.gamma_v_list.0', 'fusion.visual_scale'),
        *(
            KeyRule(
                f'audio_transformation.embeddings.{2 * index}.{{rest}}',
                f'audio_mlp.layers.{index}.{{rest}}',
            )
            for index in range(3)
        ),
    ]


def _decoder_rules() -> list[KeyRule]:
    return [
        *(
            KeyRule(
                f'{_PREDICTOR}.{theirs}.{{rest}}',
                f'transformer_decoder.layers.{{i}}.{ours}.{{rest}}',
            )
            for theirs, ours in _LAYERS
        ),
        KeyRule(f'{_PREDICTOR}.decoder_norm.{{rest}}', 'transformer_decoder.norm.{rest}'),
        KeyRule(f'{_PREDICTOR}.query_feat.{{rest}}', 'query_feature.{rest}'),
        KeyRule(f'{_PREDICTOR}.query_embed.{{rest}}', 'query_pos.{rest}'),
        KeyRule(f'{_PREDICTOR}.level_embed.{{rest}}', 'level_embed.{rest}'),
        KeyRule(f'{_PREDICTOR}.class_embed.{{rest}}', 'classifier.{rest}'),
        KeyRule(f'{_PREDICTOR}.mask_embed.{{rest}}', 'mask_mlp.{rest}'),
    ]


HEAD_RULES = (*_pixel_decoder_rules(), *_fusion_rules(), *_decoder_rules())
_BACKBONES = {'backbone.': 'image_backbone', 'pre_sam_backbone.': 'maskige_backbone'}


def restore_class_weights(state: StateDict) -> StateDict:
    """The weights of the classes, of a published state dict of Mask2Former's family."""
    weight = torch.ones(state['sem_seg_head.predictor.class_embed.bias'].shape[0])
    weight[-1] = _NO_OBJECT
    return {'criterion.empty_weight': weight}


COMBO = CheckpointAdapter(
    name='COMBO',
    head='ComboHead',
    signature=(
        'sem_seg_head.predictor.query_feat.weight',
        'sem_seg_head.fusion_module.level_embed.weight',
        'sem_seg_head.audio_transformation.embeddings.0.weight',
    ),
    rules=(
        *(
            rule
            for published, ours in _BACKBONES.items()
            for rule in prefixed(
                (*PVT_V2_RULES, *DETECTRON_RESNET_RULES), published, f'backbone.{ours}.model.'
            )
        ),
        KeyRule('scale_factor_module.{i}.{rest}', 'backbone.weights.{i}.{rest}'),
        *prefixed(HEAD_RULES, 'sem_seg_head.', 'decode_head.'),
        KeyRule('audio_backbone.{rest}', 'audio_encoder.{rest}'),
    ),
    unused=('criterion.empty_weight',),
    restore_unused=restore_class_weights,
)
