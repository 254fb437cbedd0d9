"""Keys of MED-VT's published checkpoints for videos without sound.

Repository: github.com/rkyuca/medvt. There are two layouts, by backbone. Networks for actor-action
segmentation have fewer parts (no label propagation; with Swin no layer between the scales).
"""

import torch
from torchvision.models.video.swin_transformer import ShiftedWindowAttention3d

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict, prefixed
from avsbench.checkpoint.backbones import RESNET_RULES
from avsbench.systems.medvt.keys import LABEL_PROPAGATION, fpn_rules, layer_rules

HEAD = 'decode_head.'
WINDOW = (8, 7, 7)  # frames, rows and columns of Video Swin's attention
INDEX = '.attn.relative_position_index'
TABLE = '.attn.relative_position_bias_table'


def swin_rules() -> list[KeyRule]:
    """Rules of Video Swin, from the names of its own repository."""
    rules = [
        KeyRule('patch_embed.{rest}', 'patch_embed.{rest}'),
        KeyRule('norm_layers.{i}.{rest}', 'norms.{i}.{rest}'),
    ]
    for stage in range(4):
        theirs, ours = f'layers.{stage}.blocks.{{i}}', f'features.{2 * stage}.{{i}}'
        rules += [
            KeyRule(f'{theirs}.mlp.fc1.{{rest}}', f'{ours}.mlp.0.{{rest}}'),
            KeyRule(f'{theirs}.mlp.fc2.{{rest}}', f'{ours}.mlp.3.{{rest}}'),
            KeyRule(f'{theirs}.{{rest}}', f'{ours}.{{rest}}'),
            KeyRule(f'layers.{stage}.downsample.{{rest}}', f'features.{2 * stage + 1}.{{rest}}'),
        ]
    return rules


def decoder_rules(transformer: str, attention: str) -> list[KeyRule]:
    """Rules of the decoder's layers and of what follows, from the prefixes of both."""
    layer = 'queries.transformer_decoder.layers.{i}'
    return [
        *layer_rules(f'{transformer}decoder.layers.{{i}}', layer),
        KeyRule(f'{transformer}decoder.norm.{{rest}}', 'queries.transformer_decoder.norm.{rest}'),
        KeyRule(f'{attention}bbox_attention.{{rest}}', 'queries.object_attention.{rest}'),
    ]


def _query_rule(queries: str) -> KeyRule:
    return KeyRule(f'{queries}query_embed.{{rest}}', 'queries.query_pos.{rest}')


def encoder_rules(their_layer: str, our_layer: str) -> list[KeyRule]:
    """Rules of a layer of the context encoder."""
    return [
        KeyRule(f'{their_layer}.self_attn.{{rest}}', f'{our_layer}.attn.{{rest}}'),
        *layer_rules(their_layer, our_layer),
    ]


def _predictor_rules() -> list[KeyRule]:
    return [
        KeyRule('insmask_head.{rest}', 'predictor.layers.{rest}'),
        *prefixed(LABEL_PROPAGATION.rules, '', 'predictor.propagation.'),
    ]


_BETWEEN = 'transformer.encoder.cross_res_layers.{i}', 'context_encoder.between.{i}'

SWIN_HEAD_RULES = (
    KeyRule('transformer.input_proj_modules.{i}.{rest}', 'projections.{i}.{rest}'),
    *encoder_rules('transformer.encoder.layers.{stage}.{i}', 'context_encoder.stages.{stage}.{i}'),
    KeyRule(f'{_BETWEEN[0]}.res_embed.weight', f'{_BETWEEN[1]}.deep_embed', is_row=True),
    KeyRule(f'{_BETWEEN[0]}.res_embed_shallow.weight', f'{_BETWEEN[1]}.shallow_embed', is_row=True),
    KeyRule(f'{_BETWEEN[0]}.self_attn.{{rest}}', f'{_BETWEEN[1]}.attn.{{rest}}'),
    KeyRule(f'{_BETWEEN[0]}.{{rest}}', f'{_BETWEEN[1]}.{{rest}}'),
    *fpn_rules('transformer.fpn'),
    _query_rule('transformer.'),
    *decoder_rules('transformer.', 'transformer.'),
    *_predictor_rules(),
)

_VISTR = 'vistr.transformer.'

RESNET_HEAD_RULES = (
    # The coarsest level's projection comes first there.
    KeyRule('vistr.input_proj.{rest}', 'projections.1.{rest}'),
    KeyRule('vistr.input_proj_2.{rest}', 'projections.0.{rest}'),
    # One list of layers: six on the coarsest level, then one on the next.
    *encoder_rules(f'{_VISTR}encoder.layers.6', 'context_encoder.stages.1.0'),
    *encoder_rules(f'{_VISTR}encoder.layers.{{i}}', 'context_encoder.stages.0.{i}'),
    *encoder_rules(f'vistr.{_BETWEEN[0]}', _BETWEEN[1]),
    *fpn_rules(f'{_VISTR}mask_head'),
    *(
        KeyRule(
            f'{_VISTR}mask_head.adapter{index + 1}.{{rest}}',
            f'pixel_decoder.adapters.{index}.{{rest}}',
        )
        for index in range(3)
    ),
    _query_rule('vistr.'),
    *decoder_rules(_VISTR, ''),
    *_predictor_rules(),
)


def _restore(state: StateDict) -> StateDict:
    """What the published networks have but never train or read: indices, and zeros."""
    restored = {}
    index = _window_index() if any(key.endswith(TABLE) for key in state) else None
    for key, tensor in state.items():
        if key.endswith(TABLE):
            restored[key.replace(TABLE, INDEX)] = index.clone()
        elif key.startswith('label_propagator.') and key.endswith('.WK.weight'):
            width = tensor.shape[1]
            values = key.removesuffix('WK.weight') + 'WV.'
            restored[values + 'weight'] = tensor.new_zeros(width, width)
            restored[values + 'bias'] = tensor.new_zeros(width)
        elif '.label_pred_tm.0.' in key:
            name = key.replace('.label_pred_tm.0.', '.samp_w_pred.')
            restored[name] = torch.zeros_like(tensor)
    return restored


def _window_index() -> torch.Tensor:
    """Index of the relative position of each pair of tokens of a window."""
    attention = ShiftedWindowAttention3d(1, list(WINDOW), [0, 0, 0], 1)
    return attention.relative_position_index


SWIN_VIDEO = CheckpointAdapter(
    name='MED-VT for videos, Swin',
    head='MEDVTVideoHead',
    layout='video_swin',
    signature=(
        'transformer.input_proj_modules.0.weight',
        'backbone.patch_embed.proj.weight',
        'insmask_head.0.weight',
    ),
    rules=(
        *prefixed(swin_rules(), 'backbone.', 'backbone.'),
        *prefixed(SWIN_HEAD_RULES, '', HEAD),
    ),
    unused=(*LABEL_PROPAGATION.unused, f'backbone.{{block}}{INDEX}'),
    restore_unused=_restore,
)

RESNET_VIDEO = CheckpointAdapter(
    name='MED-VT for videos, ResNet',
    head='MEDVTVideoHead',
    layout='video_resnet',
    signature=('vistr.input_proj.weight', 'vistr.input_proj_2.weight', 'insmask_head.0.weight'),
    rules=(
        *prefixed(RESNET_RULES, 'vistr.backbone.0.body.', 'backbone.model.'),
        *prefixed(RESNET_HEAD_RULES, '', HEAD),
    ),
    unused=LABEL_PROPAGATION.unused,
    restore_unused=_restore,
)
