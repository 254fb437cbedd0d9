"""Published key names of the visual backbones and those of timm's `features_only` networks.

PVTv2: paper arXiv 2106.13797, repository github.com/whai362/PVT. Swin: paper arXiv 2103.14030,
repository github.com/microsoft/Swin-Transformer. ResNet-50: torchvision's file;
the AVS systems use the class of a saliency network with a second copy of the last two stages,
which is stored but never read.
"""

from avsbench.checkpoint.adapter import KeyRule, StateDict


def _pvt_v2_rules() -> tuple[KeyRule, ...]:
    rules = [KeyRule('patch_embed1.{rest}', 'patch_embed.{rest}')]
    for stage in range(4):
        number, ours = stage + 1, f'stages_{stage}'
        if stage:
            rules.append(KeyRule(f'patch_embed{number}.{{rest}}', f'{ours}.downsample.{{rest}}'))
        block = f'block{number}.{{i}}'
        rules += [
            KeyRule(
                f'{block}.mlp.dwconv.dwconv.{{rest}}', f'{ours}.blocks.{{i}}.mlp.dwconv.{{rest}}'
            ),
            KeyRule(f'{block}.{{rest}}', f'{ours}.blocks.{{i}}.{{rest}}'),
            KeyRule(f'norm{number}.{{rest}}', f'{ours}.norm.{{rest}}'),
        ]
    return tuple(rules)


PVT_V2_RULES = _pvt_v2_rules()

# detectron2's names of a ResNet.
DETECTRON_RESNET_RULES = (
    KeyRule('stem.conv1.norm.{rest}', 'bn1.{rest}'),
    KeyRule('stem.conv1.{rest}', 'conv1.{rest}'),
    *(
        KeyRule(f'res{stage + 1}.{{i}}.{theirs}', f'layer{stage}.{{i}}.{ours}')
        for stage in (1, 2, 3, 4)
        for theirs, ours in (
            ('shortcut.norm.{rest}', 'downsample.1.{rest}'),
            ('shortcut.{rest}', 'downsample.0.{rest}'),
            ('conv1.norm.{rest}', 'bn1.{rest}'),
            ('conv2.norm.{rest}', 'bn2.{rest}'),
            ('conv3.norm.{rest}', 'bn3.{rest}'),
            ('{rest}', '{rest}'),
        )
    ),
)

RESNET_RULES = (
    KeyRule('conv1.{rest}', 'conv1.{rest}'),
    KeyRule('bn1.{rest}', 'bn1.{rest}'),
    *(KeyRule(f'layer{n}.{{rest}}', f'layer{n}.{{rest}}') for n in (1, 2, 3, 4)),
)

TWO_BRANCH_RESNET_RULES = (
    *(rule for rule in RESNET_RULES if not rule.published.startswith(('layer3', 'layer4'))),
    *(KeyRule(f'layer{n}_1.{{rest}}', f'layer{n}.{{rest}}') for n in (3, 4)),
)
SECOND_BRANCH = tuple(f'layer{n}_2.{{rest}}' for n in (3, 4))


def second_branch(state: StateDict, prefix: str) -> StateDict:
    """A copy of the first branch of a published ResNet below `prefix`, for the second one."""
    return {
        key.replace(f'{prefix}layer{n}_1.', f'{prefix}layer{n}_2.'): tensor.clone()
        for n in (3, 4)
        for key, tensor in state.items()
        if key.startswith(f'{prefix}layer{n}_1.')
    }


def _swin_rules() -> tuple[KeyRule, ...]:
    rules = [KeyRule('patch_embed.{rest}', 'patch_embed.{rest}')]
    for stage in range(4):
        if stage:  # published at the end of the stage before
            rules.append(
                KeyRule(
                    f'layers.{stage - 1}.downsample.{{rest}}',
                    f'layers_{stage}.downsample.{{rest}}',
                )
            )
        rules.append(KeyRule(f'layers.{stage}.blocks.{{rest}}', f'layers_{stage}.blocks.{{rest}}'))
    return tuple(rules)


SWIN_RULES = _swin_rules()
