"""Keys of the checkpoints of TPAVI, the baseline of AVSBench.

Repository: github.com/OpenNLPLab/AVSBench (Apache-2.0). The files are plain state dicts without
VGGish, which is a separate file. The second ResNet branch and the first residual unit of the
coarsest fusion block are stored but never read.
"""

import torch

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule, StateDict, prefixed
from avsbench.checkpoint.backbones import (
    PVT_V2_RULES,
    SECOND_BRANCH,
    TWO_BRANCH_RESNET_RULES,
    second_branch,
)

_LEVELS = range(4)
_TPAVI_NAMES = {
    'align_channel.': 'audio_proj.',
    'norm_layer.': 'norm.',
    'W_z.': 'out_proj.',
    '': '',  # theta, phi and g
}


def _level_rules(level: int) -> list[KeyRule]:
    """The published code counts levels from 1."""
    number = level + 1
    decoder = f'pixel_decoder.blocks.{level}'
    return [
        KeyRule(f'conv{number}.conv2d_list.{{rest}}', f'projections.{level}.branches.{{rest}}'),
        KeyRule(f'path{number}.resConfUnit1.{{rest}}', f'{decoder}.skip_unit.{{rest}}'),
        KeyRule(f'path{number}.resConfUnit2.{{rest}}', f'{decoder}.unit.{{rest}}'),
        *(
            KeyRule(f'tpavi_b{number}.{theirs}{{rest}}', f'fusions.{level}.{ours}{{rest}}')
            for theirs, ours in _TPAVI_NAMES.items()
        ),
    ]


HEAD_RULES = (
    *(rule for level in _LEVELS for rule in _level_rules(level)),
    KeyRule('output_conv.{rest}', 'predictor.{rest}'),
)


def _restore_unused(state: StateDict) -> StateDict:
    """A second copy for the second ResNet branch, zeros for the unit that never runs."""
    unit = {
        key.replace('resConfUnit2', 'resConfUnit1'): torch.zeros_like(tensor)
        for key, tensor in state.items()
        if key.startswith('path4.resConfUnit2.')
    }
    return second_branch(state, 'resnet.') | unit


TPAVI = CheckpointAdapter(
    name='TPAVI',
    head='TPAVIHead',
    signature=(
        'conv1.conv2d_list.0.weight',
        'path1.resConfUnit1.conv1.weight',
        'output_conv.4.weight',
    ),
    rules=(
        *prefixed(PVT_V2_RULES, 'encoder_backbone.', 'backbone.model.'),
        *prefixed(TWO_BRANCH_RESNET_RULES, 'resnet.', 'backbone.model.'),
        *prefixed(HEAD_RULES, '', 'decode_head.'),
    ),
    unused=(
        'path4.resConfUnit1.{rest}',
        *(f'resnet.{template}' for template in SECOND_BRANCH),
    ),
    restore_unused=_restore_unused,
    audio_prefix='audio_encoder.',
)
