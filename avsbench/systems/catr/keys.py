"""Keys of CATR's checkpoints.

Repository: github.com/aspirinone/CATR.github.io. The files are plain state dicts without VGGish,
which is a separate file. 74 of their 1351 tensors are never read: the finest projection, TPAVI's
fusion blocks, three attentions, and a convolution in each attention between audio and video.
"""

import torch

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict, prefixed
from avsbench.checkpoint.backbones import PVT_V2_RULES

_TRANSFORMER = 'transformer.temporal_encoder'
_LAYER = (
    ('self_attn.{rest}', 'attn.{rest}'),
    ('linear1.{rest}', 'ffn.fc1.{rest}'),
    ('linear2.{rest}', 'ffn.fc2.{rest}'),
    ('{rest}', '{rest}'),
)
_DECODER_LAYER = (
    ('self_attn.{rest}', 'self_attn.{rest}'),
    ('multihead_attn.{rest}', 'cross_attn.{rest}'),
    *_LAYER[1:],
)
_ATTENTIONS = ('av_atten', 'va_atten')


def _layer_rules(
    names: tuple[tuple[str, str], ...], their_layer: str, our_layer: str
) -> list[KeyRule]:
    return [KeyRule(f'{their_layer}.{theirs}', f'{our_layer}.{ours}') for theirs, ours in names]


def _pixel_decoder_rules() -> list[KeyRule]:
    rules = [KeyRule('spatial_decoder.out_lay.{rest}', 'pixel_decoder.out_conv.{rest}')]
    for index in range(4):
        conv = f'pixel_decoder.convs.{index}'
        rules.append(KeyRule(f'spatial_decoder.lay{index + 1}.{{rest}}', f'{conv}.conv.{{rest}}'))
        rules.append(KeyRule(f'spatial_decoder.gn{index + 1}.{{rest}}', f'{conv}.gn.{{rest}}'))
    for index in range(2):
        theirs = f'spatial_decoder.adapter{index + 1}'
        rules.append(KeyRule(f'{theirs}.{{rest}}', f'pixel_decoder.skip_convs.{index}.{{rest}}'))
    return rules


HEAD_RULES = (
    *(
        KeyRule(f'conv{level + 1}.conv2d_list.{{rest}}', f'projections.{level}.branches.{{rest}}')
        for level in (1, 2, 3)
    ),
    KeyRule('vid_embed_proj.{rest}', 'video_proj.{rest}'),
    KeyRule('obj_queries.{rest}', 'query_pos.{rest}'),
    KeyRule('transformer.audio_proj.fc.{rest}', 'audio_proj.0.{rest}'),
    KeyRule('transformer.audio_proj.layer_norm.{rest}', 'audio_proj.1.{rest}'),
    *_layer_rules(_LAYER, 'transformer.spatial_encoder.layers.{i}', 'encoder.spatial_layers.{i}'),
    KeyRule(
        f'{_TRANSFORMER}.layers.{{i}}.av_atten.multihead_attn.{{rest}}',
        'encoder.temporal_blocks.{i}.video_attn.{rest}',
    ),
    KeyRule(
        f'{_TRANSFORMER}.layers.{{i}}.va_atten.multihead_attn.{{rest}}',
        'encoder.temporal_blocks.{i}.audio_attn.{rest}',
    ),
    *_layer_rules(_LAYER, f'{_TRANSFORMER}.layers.{{i}}', 'encoder.temporal_blocks.{i}.layer'),
    KeyRule(f'{_TRANSFORMER}.attention_feature.0.{{rest}}', 'encoder.gate.conv.{rest}'),
    KeyRule(f'{_TRANSFORMER}.output1.{{rest}}', 'encoder.gate.merge1.{rest}'),
    KeyRule(f'{_TRANSFORMER}.output2.{{rest}}', 'encoder.gate.merge2.{rest}'),
    *_layer_rules(
        _DECODER_LAYER, 'transformer.decoder.layers.{i}', 'transformer_decoder.layers.{i}'
    ),
    KeyRule('transformer.decoder.norm.{rest}', 'transformer_decoder.norm.{rest}'),
    *_pixel_decoder_rules(),
    KeyRule('is_referred_head.{rest}', 'classifier.{rest}'),
    KeyRule('instance_kernels_head.{rest}', 'kernel_mlp.{rest}'),
)


def _restore_unused(state: StateDict) -> StateDict:
    """Zeros, of the sizes that the published network has for 448 pixels and 5 frames."""
    width = state['obj_queries.weight'].shape[1]
    convs = [(f'conv1.conv2d_list.{index}', (width, 64, 3, 3)) for index in range(4)]
    convs += [
        (f'path{path}.resConfUnit{unit}.conv{conv}', (width, width, 3, 3))
        for path in range(1, 5)
        for unit in (1, 2)
        for conv in (1, 2)
    ]
    dead = ['fusion_module', *(f'{_TRANSFORMER}.{name}' for name in _ATTENTIONS)]
    layers = [f'{_TRANSFORMER}.layers.{index}.{name}' for index in range(3) for name in _ATTENTIONS]
    convs += [(f'{name}.vid_embed_proj', (15680, 5, 1, 1)) for name in (*dead, *layers)]
    made = {}
    for name, shape in convs:
        made[f'{name}.weight'], made[f'{name}.bias'] = torch.zeros(shape), torch.zeros(shape[0])
    for name in (*dead, f'{_TRANSFORMER}.layers.2.va_atten'):
        attn = f'{name}.multihead_attn'
        made[f'{attn}.in_proj_weight'] = torch.zeros(3 * width, width)
        made[f'{attn}.in_proj_bias'] = torch.zeros(3 * width)
        made[f'{attn}.out_proj.weight'] = torch.zeros(width, width)
        made[f'{attn}.out_proj.bias'] = torch.zeros(width)
    return made


CATR = CheckpointAdapter(
    name='CATR',
    head='CATRHead',
    signature=(
        'obj_queries.weight',
        'is_referred_head.weight',
        'transformer.audio_proj.fc.weight',
    ),
    rules=(
        *prefixed(PVT_V2_RULES, 'encoder_backbone.', 'backbone.model.'),
        *prefixed(HEAD_RULES, '', 'decode_head.'),
    ),
    unused=(
        'conv1.{rest}',
        'path{i}.{rest}',
        'fusion_module.{rest}',
        f'{_TRANSFORMER}.layers.{{i}}.av_atten.vid_embed_proj.{{rest}}',
        f'{_TRANSFORMER}.layers.{{i}}.va_atten.vid_embed_proj.{{rest}}',
        f'{_TRANSFORMER}.layers.2.va_atten.{{rest}}',
        *(f'{_TRANSFORMER}.{name}.{{rest}}' for name in _ATTENTIONS),
    ),
    restore_unused=_restore_unused,
    audio_prefix='audio_encoder.',
)
