"""Keys of MoDAT's published checkpoints.

Repository: github.com/jnjz/MoDAT. Like AVSegFormer's, with VGGish inside, but for the query
generator and the fusion; the convolution of the early fusion is stored but never read.
"""

import torch

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict, prefixed
from avsbench.systems.avsegformer.keys import AVSEGFORMER, HEAD_RULES

_MIXTURES = {'channel_attn': 'channel_mixture', 'spatial_attn': 'spatial_mixture'}
_EARLY = 'query_generator.early_fusion.layers.{i}', 'query_generator.level_layers.{i}'
_GENERATOR = 'query_generator.decoder.{i}', 'query_generator.layers.{i}'


def _fusion_rules() -> list[KeyRule]:
    rules = []
    for theirs, ours in _MIXTURES.items():
        their_mixture, our_mixture = f'fusion_block.{theirs}', f'fusion.{ours}'
        rules.append(KeyRule(f'{their_mixture}.gate.w_gating', f'{our_mixture}.gate'))
        rules.append(
            KeyRule(
                f'{their_mixture}.experts.experts.{{i}}.{{rest}}',
                f'{our_mixture}.experts.{{i}}.{{rest}}',
            )
        )
    return [
        *rules,
        KeyRule('fusion_block.gate_c.{rest}', 'fusion.channel_weight.{rest}'),
        KeyRule('fusion_block.gate_s.{rest}', 'fusion.spatial_weight.{rest}'),
    ]


def _generator_rules() -> list[KeyRule]:
    early, our_early = _EARLY
    layer, our_layer = _GENERATOR
    return [
        KeyRule(f'{early}.multihead_attn.{{rest}}', f'{our_early}.attn.{{rest}}'),
        KeyRule(f'{early}.linear1.{{rest}}', f'{our_early}.ffn.fc1.{{rest}}'),
        KeyRule(f'{early}.linear2.{{rest}}', f'{our_early}.ffn.fc2.{{rest}}'),
        KeyRule(f'{early}.{{rest}}', f'{our_early}.{{rest}}'),
        KeyRule(f'{layer}.ffn.0.{{rest}}', f'{our_layer}.ffn.fc1.{{rest}}'),
        KeyRule(f'{layer}.ffn.2.{{rest}}', f'{our_layer}.ffn.fc2.{{rest}}'),
        KeyRule(f'{layer}.{{rest}}', f'{our_layer}.{{rest}}'),
        KeyRule('query_generator.conv.{rest}', 'query_generator.layer_mix.{rest}'),
    ]


_SHARED_RULES = tuple(
    rule
    for rule in HEAD_RULES
    if not rule.published.startswith(('query_generator.', 'fusion_block.'))
)


def _restore_unused(state: StateDict) -> StateDict:
    restored = AVSEGFORMER.restore_unused(state)
    width = state['head.lateral_conv.1.weight'].shape[0]
    conv = 'head.query_generator.early_fusion.conv'
    return restored | {
        f'{conv}.0.weight': torch.zeros(width, width, 3, 3),
        f'{conv}.0.bias': torch.zeros(width),
        f'{conv}.1.weight': torch.ones(width),
        f'{conv}.1.bias': torch.zeros(width),
        f'{conv}.1.running_mean': torch.zeros(width),
        f'{conv}.1.running_var': torch.ones(width),
        f'{conv}.1.num_batches_tracked': torch.zeros((), dtype=torch.long),
    }


MODAT = CheckpointAdapter(
    name='MoDAT',
    head='AVSegFormerHead with DualMixtureFusion',
    signature=(
        'head.learnable_query.weight',
        'head.query_generator.conv.weight',
        'head.fusion_block.gate_c.weight',
    ),
    rules=(
        *prefixed([*_generator_rules(), *_fusion_rules(), *_SHARED_RULES], 'head.', 'decode_head.'),
        *(rule for rule in AVSEGFORMER.rules if not rule.published.startswith('head.')),
    ),
    unused=(*AVSEGFORMER.unused, 'head.query_generator.early_fusion.conv.{rest}'),
    restore_unused=_restore_unused,
)
