"""Keys of AVSegFormer's published checkpoints.

Repository: github.com/vvvb-github/AVSegFormer (Apache-2.0). The files are plain state dicts with
VGGish inside. `head.fpn`, `head.attn_fc` and the second ResNet branch are stored but never read.
"""

import torch

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict, prefixed
from avsbench.checkpoint.backbones import (
    PVT_V2_RULES,
    SECOND_BRANCH,
    TWO_BRANCH_RESNET_RULES,
    second_branch,
)

_ENCODER = 'transformer.encoder.layers.{i}', 'pixel_decoder.encoder.layers.{i}'
_DECODER = 'transformer.decoder.layers.{i}', 'transformer_decoder.layers.{i}'
_GENERATOR = 'query_generator.layers.{i}', 'query_generator.layers.{i}'


def _layer_rules(names: tuple[str, str], fc1: str, fc2: str) -> list[KeyRule]:
    published, ours = names
    return [
        KeyRule(f'{published}.{fc1}.{{rest}}', f'{ours}.ffn.fc1.{{rest}}'),
        KeyRule(f'{published}.{fc2}.{{rest}}', f'{ours}.ffn.fc2.{{rest}}'),
        KeyRule(f'{published}.{{rest}}', f'{ours}.{{rest}}'),
    ]


def _conv_rules(published: str, ours: str) -> list[KeyRule]:
    """A published Sequential(conv, group norm) and our ConvModule."""
    return [
        KeyRule(f'{published}.0.{{rest}}', f'{ours}.conv.{{rest}}'),
        KeyRule(f'{published}.1.{{rest}}', f'{ours}.gn.{{rest}}'),
    ]


HEAD_RULES = (
    KeyRule('level_embed', 'pixel_decoder.level_embed'),
    KeyRule('learnable_query.weight', 'learnable_query.weight'),
    KeyRule('query_generator.query.weight', 'query_generator.query.weight'),
    *_layer_rules(_GENERATOR, 'ffn.0', 'ffn.2'),
    *_layer_rules(_ENCODER, 'linear1', 'linear2'),
    *_layer_rules(_DECODER, 'linear1', 'linear2'),
    *_conv_rules('in_proj.{i}', 'pixel_decoder.input_convs.{i}'),
    *_conv_rules('lateral_conv', 'pixel_decoder.lateral_conv'),
    *_conv_rules('out_conv', 'pixel_decoder.output_conv'),
    KeyRule('mlp.layers.{i}.{rest}', 'query_mlp.layers.{i}.{rest}'),
    KeyRule('fusion_block.{rest}', 'fusion.{rest}'),
    KeyRule('fc.{i}.{rest}', 'predictor.{i}.{rest}'),
)


def _restore_unused(state: StateDict) -> StateDict:
    """Zeros for the parts that never run, a second copy for the second ResNet branch."""
    restored = second_branch(state, 'backbone.')
    width = state['head.lateral_conv.1.weight'].shape[0]
    for n in (1, 2, 3):
        restored[f'head.fpn.up{n}.1.weight'] = torch.zeros(width, width, 3, 3)
        restored[f'head.fpn.up{n}.1.bias'] = torch.zeros(width)
    for key, tensor in state.items():
        if key.startswith('head.fc.'):
            restored[key.replace('head.fc.', 'head.attn_fc.')] = torch.zeros_like(tensor)
    return restored


AVSEGFORMER = CheckpointAdapter(
    name='AVSegFormer',
    head='AVSegFormerHead',
    signature=(
        'head.learnable_query.weight',
        'head.query_generator.query.weight',
        'head.fusion_block.q_proj.weight',
        'head.lateral_conv.0.weight',
    ),
    rules=(
        *prefixed(PVT_V2_RULES + TWO_BRANCH_RESNET_RULES, 'backbone.', 'backbone.model.'),
        *prefixed(HEAD_RULES, 'head.', 'decode_head.'),
        KeyRule('audio_proj.{rest}', 'decode_head.audio_proj.{rest}'),
        KeyRule('vggish.{rest}', 'audio_encoder.{rest}'),
    ),
    unused=(
        'head.fpn.{rest}',
        'head.attn_fc.{rest}',
        *(f'backbone.{template}' for template in SECOND_BRANCH),
    ),
    restore_unused=_restore_unused,
)
