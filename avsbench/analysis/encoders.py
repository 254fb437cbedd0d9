"""The table of visual encoders, docs/encoders.md: what they give and cost, and whose weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import timm
import torch
from mmengine.registry import DefaultScope
from torch import nn

from avsbench.analysis.complexity import flop_counter
from avsbench.models.timm_networks import whole_network
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError
from avsbench.utils.signatures import arguments

# Names in timm, with those of the weights where a network has several.
ENCODERS = (
    'vit_small_patch14_dinov2.lvd142m',
    'vit_base_patch14_dinov2.lvd142m',
    'vit_large_patch14_dinov2.lvd142m',
    'vit_small_patch16_dinov3.lvd1689m',
    'vit_base_patch16_dinov3.lvd1689m',
    'vit_large_patch16_dinov3.lvd1689m',
    'convnext_tiny.dinov3_lvd1689m',
    'convnext_small.dinov3_lvd1689m',
    'convnext_base.dinov3_lvd1689m',
    'convnext_large.dinov3_lvd1689m',
    'sam2_hiera_tiny.fb_r896',
    'sam2_hiera_small.fb_r896',
    'sam2_hiera_base_plus.fb_r896',
    'sam2_hiera_large.fb_r1024',
    'samvit_base_patch16.sa1b',
    'samvit_large_patch16.sa1b',
    'swin_tiny_patch4_window7_224.ms_in1k',
    'swin_base_patch4_window7_224.ms_in22k_ft_in1k',
    'swinv2_tiny_window8_256.ms_in1k',
    'swinv2_base_window8_256.ms_in1k',
    'convnext_tiny.in12k_ft_in1k',
    'convnext_base.fb_in22k_ft_in1k',
    'pvt_v2_b0.in1k',
    'pvt_v2_b1.in1k',
    'pvt_v2_b2.in1k',
    'pvt_v2_b3.in1k',
    'pvt_v2_b4.in1k',
    'pvt_v2_b5.in1k',
    'resnet18.a1_in1k',
    'resnet50.a1_in1k',
    'resnet101.a1h_in1k',
    'efficientvit_b0.r224_in1k',
    'efficientvit_b2.r224_in1k',
    'efficientvit_l1.r224_in1k',
    'fastvit_t8.apple_in1k',
    'fastvit_sa12.apple_in1k',
    'repvit_m0_9.dist_300e_in1k',
    'repvit_m1_1.dist_300e_in1k',
    'mobilenetv4_conv_small.e2400_r224_in1k',
    'mobilenetv4_conv_medium.e500_r256_in1k',
)

COLUMNS = (
    'Network in timm',
    'Levels: stride (channels)',
    'Options',
    'Parameters',
    'GFLOPs',
    'Licence',
    'Weights',
)
SIZES = ((224, 224), (256, 320))  # (H, W) of images that each runs on; FLOPs are of the first
PATCH = 16  # pixels, where patches of another size make no strides of 4 to 32


@dataclass(frozen=True)
class Encoder:
    """A row of the table.

    Attributes:
        name: Name in timm.
        config: Config of the backbone.
        strides: Strides of the levels.
        channels: Channels of the levels.
        params: Parameters, those of the pyramid of a plain vision transformer included.
        flops: Operations for an image of `SIZES[0]`, twice the multiply-adds.
        licence: Licence of the weights, as timm states it.
        source: Place of the weights.
    """

    name: str
    config: dict[str, Any]
    strides: tuple[int, ...]
    channels: tuple[int, ...]
    params: int
    flops: int
    licence: str
    source: str


def encoder_config(name: str, weights: str | None = 'timm') -> dict[str, Any]:
    """Config of a backbone with strides 4 to 32 for any image size, of a network of timm.

    Args:
        name: Name in timm.
        weights: See `TimmBackbone`.
    """
    whole = whole_network(name, {})
    known = arguments(type(whole))[0]
    options: dict[str, Any] = {}
    if 'dynamic_img_size' in known:
        options['dynamic_img_size'] = True
    reductions = {info['reduction'] for info in whole.feature_info}
    plain = len(reductions) == 1
    if plain and reductions.pop() % 4:
        options['patch_size'] = PATCH  # timm brings the weights of the patches to this size
    config: dict[str, Any] = {'type': 'TimmBackbone', 'model_name': name}
    if options:
        config['options'] = options
    if plain:
        config['out_strides'] = (16,)
    config['weights'] = weights
    return {'type': 'SimpleFeaturePyramid', 'backbone': config} if plain else config


def measure_encoder(name: str) -> Encoder:
    """Build an encoder without values, and run it on images of each size of `SIZES`.

    Raises:
        ConfigError: It gives other levels than it announces.
    """
    config = encoder_config(name)
    with DefaultScope.overwrite_default_scope('avsbench'), torch.device('meta'):
        backbone = MODELS.build(config).eval()
    counts = [_run(name, backbone, size) for size in SIZES]
    source = timm.get_pretrained_cfg(name)
    return Encoder(
        name,
        config,
        tuple(backbone.out_strides),
        tuple(backbone.out_channels),
        sum(parameter.numel() for parameter in backbone.parameters()),
        counts[0],
        source.license,
        f'https://huggingface.co/{source.hf_hub_id}',
    )


@torch.no_grad()
def _run(name: str, backbone: nn.Module, size: tuple[int, int]) -> int:
    with flop_counter() as counter:
        levels = backbone(torch.zeros(1, 3, *size, device='meta'))
    wanted = [
        (1, channels, *(-(-side // stride) for side in size))
        for channels, stride in zip(backbone.out_channels, backbone.out_strides, strict=True)
    ]
    if [tuple(level.shape) for level in levels] != wanted:
        raise ConfigError(
            f'{name}: levels {[tuple(level.shape) for level in levels]}, not {wanted}'
        )
    return counter.get_total_flops()


INTRODUCTION = """# Visual encoders

Made by `python tools/list_encoders.py`; a test compares it with the networks.

Any network of timm that gives features is a backbone by config, under every head:

```python
_base_ = './avsegformer_pvt2.py'
model = dict(
    backbone=dict(_delete_=True, type='TimmBackbone', model_name='convnext_tiny', weights='timm'),
)
```

A plain vision transformer has one map, of stride 16. `SimpleFeaturePyramid` makes four levels:

```python
model = dict(
    backbone=dict(
        _delete_=True,
        type='SimpleFeaturePyramid',
        backbone=dict(
            type='TimmBackbone',
            model_name='vit_small_patch14_dinov2',
            options=dict(dynamic_img_size=True, patch_size=16),
            out_strides=(16,),
            weights='timm',
            frozen_parts='all',
        ),
    ),
)
```

`options` are arguments of timm by their names. `frozen_parts` takes names of parts, a number of
blocks (of stages, where the network has stages) or `'all'`. `out_indices=(2, 5, 8, 11)` in place of
`out_strides` takes blocks of a transformer, one for each level of the pyramid. With
`optim_wrapper.constructor='ModuleKindOptimWrapperConstructor'`,
`optim_wrapper.paramwise_cfg=dict(layer_decay=0.8)` lets the learning rate fall from block to block,
and `layer_decay_keep_last=4` leaves the last four at the whole rate.
`python tools/list_encoders.py --config NETWORK` prints the config of any network of timm.

The same head on several encoders, over several seeds, with intervals, on generated clips:

```bash
python tools/compare_systems.py --systems tpavi --backbones resnet18 convnext_atto pvt_v2_b0
```

trains each system of demo size on each encoder and writes the tables of [listening](listening.md).
Encoders start from random numbers, or from timm's weights with `--backbone-weights timm`. A
training takes minutes on a CPU. On AVSBench's data the same is a config of five lines for each
encoder, and `tools/compare_results.py` compares the results.

Weights come from timm's places on the Hugging Face Hub when a training starts (`weights='timm'`),
or from a file in timm's layout or, for most networks, that of the authors
(`weights='pretrained/FILE.pth'`).

Each ran on images of 224 x 224 and 256 x 320 pixels. Parameters and operations are those of the
backbone, with the pyramid where there is one (256 channels); a multiply-add is two operations, and
the image has 224 x 224 pixels. Licences are those that timm states for the weights, not compared
with the authors' pages: read them before you use or pass on a network.
"""

NOTES = {
    'dinov3-license': (
        "The licence of DINOv3. Meta's repositories (facebook/dinov3-*) are gated: they ask for a "
        "name and consent. Whether timm's copies do was not tried. Free alternative: DINOv2 of the "
        'same size (Apache-2.0), and for ConvNeXt the weights of ImageNet-12k or -22k.'
    ),
    'fastvit-license': (
        "Apple's licence of FastViT. Free alternative: RepViT or MobileNetV4 (Apache-2.0)."
    ),
}


def encoders_page(rows: Sequence[Encoder]) -> str:
    """The page, as Markdown."""
    used = [licence for licence in NOTES if any(row.licence == licence for row in rows)]
    table = [
        f'| {" | ".join(COLUMNS)} |',
        '| --- | --- | --- | ---: | ---: | --- | --- |',
        *(_line(row, used) for row in rows),
    ]
    notes = [f'{number}. {NOTES[licence]}' for number, licence in enumerate(used, 1)]
    return '\n'.join([INTRODUCTION, *table, '', *notes]) + '\n'


def _line(row: Encoder, used: Sequence[str]) -> str:
    plain = row.config['type'] == 'SimpleFeaturePyramid'
    options = (row.config['backbone'] if plain else row.config).get('options', {})
    if plain or len(set(row.channels)) == 1:
        levels = f'{", ".join(map(str, row.strides))} ({row.channels[0]} each, pyramid)'
    else:
        pairs = zip(row.strides, row.channels, strict=True)
        levels = ', '.join(f'{stride} ({channels})' for stride, channels in pairs)
    note = f' [{used.index(row.licence) + 1}]' if row.licence in used else ''
    cells = (
        f'`{row.name}`',
        levels,
        ', '.join(f'`{key}={value}`' for key, value in options.items()),
        f'{row.params / 1e6:.1f} M',
        f'{row.flops / 1e9:.1f}',
        f'{row.licence}{note}',
        f'[{row.source.removeprefix("https://huggingface.co/")}]({row.source})',
    )
    return f'| {" | ".join(cells)} |'
