"""Keys of MED-VT++'s published audio-visual checkpoints.

Repository: github.com/rkyuca/medvt. The files are plain state dicts without VGGish, which is read
from its own file; the frame embeddings of the interaction are saved nowhere.
"""

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, prefixed
from avsbench.checkpoint.backbones import PVT_V2_RULES

_INTERACTION = 'mm_context_encoder.attn_modules.{i}', 'interactions.{i}'
_LAYER = (
    ('multihead_attn_ctx.{rest}', 'context_attn.{rest}'),
    ('mm_norm.{rest}', 'context_norm.{rest}'),
    ('multihead_attn.{rest}', 'cross_attn.{rest}'),
    ('linear1.{rest}', 'ffn.fc1.{rest}'),
    ('linear2.{rest}', 'ffn.fc2.{rest}'),
    ('{rest}', '{rest}'),
)


def layer_rules(their_layer: str, our_layer: str) -> list[KeyRule]:
    """Rules of a transformer layer."""
    return [KeyRule(f'{their_layer}.{theirs}', f'{our_layer}.{ours}') for theirs, ours in _LAYER]


def fpn_rules(theirs: str) -> list[KeyRule]:
    """Rules of the pixel decoder, which is called `theirs`."""
    rules = []
    for index in range(4):
        conv = f'pixel_decoder.convs.{index}'
        rules.append(KeyRule(f'{theirs}.lay{index + 1}.{{rest}}', f'{conv}.conv.{{rest}}'))
        rules.append(KeyRule(f'{theirs}.gn{index + 1}.{{rest}}', f'{conv}.gn.{{rest}}'))
    return [
        *rules,
        KeyRule(f'{theirs}.gn5.{{rest}}', 'pixel_decoder.norm.{rest}'),
        KeyRule(f'{theirs}.conv_offset.{{rest}}', 'pixel_decoder.offset_conv.{rest}'),
        KeyRule(f'{theirs}.dcn.{{rest}}', 'pixel_decoder.deform_conv.{rest}'),
    ]


def _interaction_rules() -> list[KeyRule]:
    names = {
        'to_qk': 'attn.visual_qk',
        'context_to_qk': 'attn.audio_qk',
        'to_v': 'attn.visual_value',
        'context_to_v': 'attn.audio_value',
        'to_out': 'attn.visual_out',
        'context_to_out': 'attn.audio_out',
    }
    their_block, our_block = _INTERACTION
    return [
        KeyRule(
            'mm_context_encoder.context_proj_modules.{i}.{rest}', f'{our_block}.audio_proj.{{rest}}'
        ),
        *(
            KeyRule(f'{their_block}.{theirs}.{{rest}}', f'{our_block}.{ours}.{{rest}}')
            for theirs, ours in names.items()
        ),
    ]


HEAD_RULES = (
    KeyRule('visual_feat_proj.input_proj_modules.{i}.{rest}', 'projections.{i}.{rest}'),
    *_interaction_rules(),
    KeyRule(
        'visual_context_encoder.encoder.layers.{stage}.{i}.self_attn.{rest}',
        'context_encoder.stages.{stage}.{i}.attn.{rest}',
    ),
    *layer_rules(
        'visual_context_encoder.encoder.layers.{stage}.{i}', 'context_encoder.stages.{stage}.{i}'
    ),
    *fpn_rules('fpn'),
    KeyRule('query_decoder.query.{rest}', 'query_generator.query.{rest}'),
    KeyRule('query_decoder.query_pos.{rest}', 'query_pos.{rest}'),
    KeyRule('query_decoder.context_proj.{rest}', 'query_generator.context_proj.{rest}'),
    *layer_rules('query_decoder.query_initializer.layers.{i}', 'query_generator.layers.{i}'),
    *layer_rules('query_decoder.decoder.layers.{i}', 'transformer_decoder.layers.{i}'),
    KeyRule('query_decoder.decoder.norm.{rest}', 'transformer_decoder.norm.{rest}'),
    KeyRule('query_decoder.query_feat_norm.{rest}', 'affinity_norm.{rest}'),
    KeyRule('output_conv.{rest}', 'predictor.layers.{rest}'),
)

MEDVT = CheckpointAdapter(
    name='MED-VT++',
    head='MEDVTHead',
    signature=(
        'visual_feat_proj.input_proj_modules.0.weight',
        'query_decoder.query_pos.weight',
        'fpn.conv_offset.weight',
    ),
    rules=(
        *prefixed(PVT_V2_RULES, 'encoder_backbone.', 'backbone.model.'),
        *prefixed(HEAD_RULES, '', 'decode_head.'),
    ),
    audio_prefix='audio_encoder.',
)

_PROPAGATION = 'label_propagator'
_BLOCK = f'{_PROPAGATION}.label_encoder.res{{i}}_tm'
LABEL_PROPAGATION = CheckpointAdapter(
    name='MED-VT label propagation',
    head='none (a part of the network)',
    signature=(f'{_PROPAGATION}.prop_layer.self_attn.WK.weight',),
    rules=(
        KeyRule(f'{_PROPAGATION}.prop_layer.{{attn}}.WK.{{rest}}', '{attn}.key_proj.{rest}'),
        KeyRule(f'{_PROPAGATION}.label_encoder.conv_block.{{rest}}', 'encoder.stem.{rest}'),
        KeyRule(f'{_BLOCK}.bn{{n}}.{{rest}}', 'encoder.block{i}.norm{n}.{rest}'),
        KeyRule(f'{_BLOCK}.downsample.{{rest}}', 'encoder.block{i}.shortcut.{rest}'),
        KeyRule(f'{_BLOCK}.{{rest}}', 'encoder.block{i}.{rest}'),
        KeyRule(
            f'{_PROPAGATION}.label_encoder.label_pred_tm.0.{{rest}}', 'encoder.output_conv.{rest}'
        ),
        KeyRule(f'{_PROPAGATION}.label_decoder.{{rest}}', 'decoder.{rest}'),
    ),
    unused=(
        f'{_PROPAGATION}.prop_layer.{{attn}}.WV.{{rest}}',
        f'{_PROPAGATION}.label_encoder.samp_w_pred.{{rest}}',
    ),
)
