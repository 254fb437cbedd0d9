"""Keys of VCT's published checkpoints.

Repository: github.com/spyflying/VCT_AVS, on detectron2: its files hold the state dict under
`model`. VGGish is inside, with layers that never run. The weights of the classes, and the tables of
Swin's windows, are stored, but known from the configuration.
"""

from timm.models.swin_transformer import get_relative_position_index

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict, prefixed
from avsbench.checkpoint.backbones import SWIN_RULES
from avsbench.systems.combo.keys import HEAD_RULES, restore_class_weights

BACKBONES = {'backbone.': 'image_backbone', 'pre_sam_backbone.': 'maskige_backbone'}
_TABLE = 'relative_position_bias_table'
_INDEX = 'relative_position_index'
_QUERIES = (
    ('prototype', 'prototypes'),
    ('pre_proj', 'pixel_proj'),
    ('query_mixer', 'mixer'),
    ('pre_attn.multihead_attn', 'prototype_attn'),
    ('pre_attn.norm', 'norm'),
    ('assign_attn', 'assignment'),
)
_LOSS = (('audio_proj', 'audio_proj'), ('proto_proj', 'prototype_proj'))


def _backbone_rules(published: str, ours: str) -> tuple[KeyRule, ...]:
    return (
        *prefixed(SWIN_RULES, published, f'backbone.{ours}.backbone.model.'),
        KeyRule(f'{published}norm{{i}}.{{rest}}', f'backbone.{ours}.norms.{{i}}.{{rest}}'),
    )


def _head_rules() -> tuple[KeyRule, ...]:
    return (
        *(
            KeyRule(
                f'predictor.visual_query_block.{theirs}.{{rest}}',
                f'query_generator.{ours}.{{rest}}',
            )
            for theirs, ours in _QUERIES
        ),
        *(
            KeyRule(f'predictor.{theirs}.{{rest}}', f'loss_prototype.{ours}.{{rest}}')
            for theirs, ours in _LOSS
        ),
        *HEAD_RULES,
    )


def _restore_unused(state: StateDict) -> StateDict:
    restored = restore_class_weights(state)
    for key, table in state.items():
        if key.endswith(_TABLE):
            window = (int(len(table) ** 0.5) + 1) // 2
            restored[key.replace(_TABLE, _INDEX)] = get_relative_position_index(window, window)
    return restored


VCT = CheckpointAdapter(
    name='VCT',
    head='VCTHead',
    signature=(
        'sem_seg_head.predictor.visual_query_block.pre_proj.0.weight',
        'sem_seg_head.audio_transformation.embeddings.0.weight',
    ),
    rules=(
        *(rule for pair in BACKBONES.items() for rule in _backbone_rules(*pair)),
        KeyRule('scale_factor_module.{i}.{rest}', 'backbone.weights.{i}.{rest}'),
        *prefixed(_head_rules(), 'sem_seg_head.', 'decode_head.'),
        KeyRule('criterion.logit_scale', 'decode_head.loss_prototype.logit_scale'),
        KeyRule('audio_backbone.{rest}', 'audio_encoder.{rest}'),
    ),
    unused=(
        'criterion.empty_weight',
        *(f'{prefix}layers.{{rest}}.attn.{_INDEX}' for prefix in BACKBONES),
    ),
    restore_unused=_restore_unused,
)
