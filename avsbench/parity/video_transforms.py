"""MED-VT's clip transforms with the random draws that a fixture recorded.

The published transforms ran with these draws; ours get them instead of drawing themselves, so
that the results must agree.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from avsbench.datasets.clip_info import ClipResults
from avsbench.datasets.transforms.clip_transforms import crop_clip, mirror_clip, resize_clip
from avsbench.datasets.transforms.colour import Jitter, float_jittered
from avsbench.datasets.transforms.video_transforms import corner_nearest, shorter_side_size
from avsbench.models.data_preprocessor import AVSDataPreprocessor
from avsbench.parity.data import pixels
from avsbench.parity.fixture import Computed, Fixture, Limit

EXACT = Limit(0.0)
# Values that may be off by a grey level, where OpenCV or Pillow rounds otherwise.
BYTES = Limit(0.0, share=0.999)
IMAGES = Limit(2e-3, share=0.999)


def recorded_transforms(fixture: Fixture, read_clip: Callable[[str], ClipResults]) -> Computed:
    """Compute every output of a fixture that follows from recorded draws.

    Args:
        fixture: Its `photometric_cases` are images with one draw each, and those of its `items`
            that have `draws` are clips of a training.
        read_clip: Reads the clip of an item, whose name it is given: `frames`, `masks` and
            `img_shape`, as on disk.

    Returns:
        The outputs, named as the items and, for the images, `photometric.<number>`.
    """
    computed = Computed()
    for index, case in enumerate(fixture.content['photometric_cases']):
        kind, *values = case['picture']
        image = pixels(kind, values, fixture.seeded)
        name = f'photometric.{index}'
        computed.outputs[name] = float_jittered(image, jitter(case['draws']), 'wrap')
        computed.limits[name] = BYTES
    for name, item in fixture.content['items'].items():
        if 'draws' in item:
            found = augmented(read_clip(name), item['draws'])
            outputs = {f'{name}.{kind}': value for kind, value in found.items()}
            computed.outputs |= outputs
            computed.limits |= {output: _limit(output) for output in outputs}
    return computed


def augmented(clip: ClipResults, draws: dict) -> dict[str, np.ndarray | Tensor]:
    """Apply the transforms of a training with recorded draws.

    Args:
        clip: As read from disk.
        draws: `hflip`, `resize` (three, with the lengths of the shorter side), `photometric` (one
            for each frame) and `crop` (top, left, height, width).

    Returns:
        `image` (T, 3, H, W) float32, normalised; `masks` (T, H, W); and of each frame t
        `photometric_in_<t>` and `photometric_out_<t>` (h, w, 3) uint8.
    """
    found = {}
    first, second, third = draws['resize']
    if draws['hflip']:
        mirror_clip(clip)
    _resize(clip, first)
    for index, drawn in enumerate(draws['photometric']):
        found[f'photometric_in_{index}'] = frame = clip['frames'][index]
        clip['frames'][index] = float_jittered(frame, jitter(drawn), 'wrap')
        found[f'photometric_out_{index}'] = clip['frames'][index]
    _resize(clip, second)
    top, left, *size = draws['crop']
    crop_clip(clip, top, left, tuple(size))
    _resize(clip, third)
    frames = torch.from_numpy(np.stack(clip['frames'])).permute(0, 3, 1, 2)
    batch = AVSDataPreprocessor(clip_policy='pack')({'inputs': {'frames': [frames]}})
    return found | {'image': batch['inputs']['frames'], 'masks': clip['masks']}


def resized_shapes(fixture: Fixture) -> list[list[int]]:
    """The size [H, W] of each entry of a fixture's table of resized images."""
    return [
        list(
            shorter_side_size(
                (entry['height'], entry['width']), entry['shorter'], entry['longer_at_most']
            )
        )
        for entry in fixture.content['resize_sizes']
    ]


def jitter(draws: dict) -> Jitter:
    """A recorded draw of the photometric step."""
    order = draws['order']
    return Jitter(
        brightness=draws['brightness_add'],
        contrast=draws['contrast_multiply'],
        saturation=draws['saturation_multiply'],
        hue=draws['hue_add_degrees'],
        contrast_first=order.index('contrast_multiply') < order.index('saturation_multiply'),
        channel_order=draws['channel_order'],
    )


def _resize(clip: ClipResults, drawn: dict) -> None:
    size = shorter_side_size(clip['img_shape'], drawn['shorter'], drawn['longer_at_most'])
    resize_clip(clip, size, corner_nearest)


def _limit(output: str) -> Limit:
    kind = output.rpartition('.')[2]
    return {'image': IMAGES, 'masks': EXACT}.get(kind, BYTES)
