"""Published key names of the visual backbones and those of timm's `features_only` networks.

PVTv2: paper arXiv 2106.13797, repository github.com/whai362/PVT. ResNet-50: torchvision's file.
"""

from avsbench.checkpoint.adapter import KeyRule


def _pvt_v2_rules() -> tuple[KeyRule, ...]:
    rules = [KeyRule('patch_embed1.{rest}', 'patch_embed.{rest}')]
    for stage in range(4):
        number, own = stage + 1, f'stages_{stage}'
        if stage:
            rules.append(KeyRule(f'patch_embed{number}.{{rest}}', f'{own}.downsample.{{rest}}'))
        block = f'block{number}.{{i}}'
        rules += [
            KeyRule(
                f'{block}.mlp.dwconv.dwconv.{{rest}}', f'{own}.blocks.{{i}}.mlp.dwconv.{{rest}}'
            ),
            KeyRule(f'{block}.{{rest}}', f'{own}.blocks.{{i}}.{{rest}}'),
            KeyRule(f'norm{number}.{{rest}}', f'{own}.norm.{{rest}}'),
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
