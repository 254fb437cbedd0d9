"""Running our data sets on the fixture of what the published ones return for a small tree."""

import json
import pickle
import re
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
import PIL
import soundfile
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from PIL import Image
from torch import Tensor

from avsbench.config.paths import config_file
from avsbench.layouts import LAYOUTS
from avsbench.layouts.avss_classes import palette
from avsbench.media.images import palette_image
from avsbench.parity.fixture import Computed, Fixture, Limit, Noise
from avsbench.registry import CHECKERS, DATASETS, MODELS
from avsbench.utils.extras import OptionalModule

h5py = OptionalModule('h5py', "writing A2D's labels")

FULL_SCALE = 32767  # of the 16-bit samples that the fixture's clips are written with
# Pillow 13's bilinear reduction rounds to other grey levels than the one before: by one level in a
# tenth of the pixels, divided by the smallest deviation of the normalisation.
GREY_LEVEL = 1.01 / 255 / 0.224


@CHECKERS.register_module(name='data_pipeline')
def run(fixture: Fixture, **dataset_options: object) -> Computed:
    """Read the fixture's tree with our data sets and pipelines.

    Args:
        fixture: Its outputs are named `<code base>.<subset>.<split>[.<clip>].<kind>`; without the
            clip it is the split's first.
        dataset_options: Options of the data sets instead of those of the configs.

    Returns:
        What the network is given, under the published names.
    """
    computed = Computed({'palette': torch.from_numpy(palette()).long()})
    prefixes = {name.rpartition('.')[0] for name in fixture.stored} - {''}
    with tempfile.TemporaryDirectory() as folder:
        write_tree(fixture, Path(folder))
        for prefix in sorted(prefixes):
            outputs, noise = _read(fixture, prefix, Path(folder), dataset_options)
            computed.outputs |= outputs
            computed.noise |= noise
    exact = [name for name in computed.outputs if not name.endswith(('.imgs', '.collated'))]
    computed.limits = dict.fromkeys(exact, Limit(0.0))
    return computed


def write_tree(fixture: Fixture, folder: Path) -> None:
    """Write the files of a fixture's tree into a folder."""
    for path, kind, *values in fixture.content['files']:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        write_entry(target, kind, values, fixture.seeded)


def write_entry(target: Path, kind: str, values: list, seeded: ModuleType) -> None:
    """Write one file of the tree.

    Args:
        target: The file, in a folder that exists.
        kind: One of the fixture's `file_kinds`.
        values: Its content, or the arguments of the function that makes it.
        seeded: The fixture's functions.
    """
    if kind == 'text':
        target.write_text(values[0])
    elif kind == 'json':
        target.write_text(json.dumps(values[0]))
    elif kind == 'log_mel_pkl':
        target.write_bytes(pickle.dumps(torch.from_numpy(seeded.log_mel(*values)).requires_grad_()))
    elif kind == 'wav':
        wave = np.rint(seeded.waveform(*values).astype(np.float64) * FULL_SCALE)
        soundfile.write(target, wave.astype(np.int16), values[2], subtype='PCM_16', format='WAV')
    elif kind == 'mat73':
        _write_mat(target, seeded.labels(*values))
    elif kind == 'palette_labels':
        labels = seeded.labels(*values).astype(np.uint8)
        palette_image(labels, palette()).save(target, format='PNG')
    else:
        Image.fromarray(pixels(kind, values, seeded)).save(target, format='PNG')


def _write_mat(target: Path, labels: np.ndarray) -> None:
    """Write class indices (H, W) as MATLAB 7.3 does, columns first."""
    with h5py.File(target, 'w') as file:
        file['reS_id'] = labels.T.astype(np.float64)
        file['reS_id'].attrs['MATLAB_class'] = np.bytes_('double')


def pixels(kind: str, values: list, seeded: ModuleType) -> np.ndarray:
    """The pixels of an image of the tree, (H, W) or (H, W, 3) uint8; see `write_entry`."""
    if kind == 'image':
        grey = np.rint(128 + 50 * seeded.image(*values).astype(np.float64))
        return np.clip(grey, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()
    if kind == 'mask':
        name, shape, *value = values
        return (seeded.mask(name, shape) * (value[0] if value else 255)).astype(np.uint8)
    if kind == 'grey':
        grey = np.rint(80 + 60 * seeded.image(*values).astype(np.float64))
        return np.clip(grey, 0, 255).astype(np.uint8)
    labels = seeded.labels(*values)
    return {'label_rgb': palette()[labels], 'label_index': labels.astype(np.uint8)}[kind]


def _read(
    fixture: Fixture, prefix: str, root: Path, options: dict
) -> tuple[dict[str, Tensor], Noise]:
    """Everything that is stored of one clip, and what Pillow's version may change."""
    _, subset, split, *clip = prefix.split('.')
    kinds = {
        name.rpartition('.')[2]: described['shape']
        for name, described in fixture.content['outputs'].items()
        if name.rpartition('.')[0] == prefix
    }
    # Masks are read at the size that frames are read at; CATR then enlarges the frames.
    height, width = kinds.get('masks', kinds.get('labels'))[-2:]
    cfg = Config.fromfile(config_file(f'{subset}/pvt2.py'))
    dataset = cfg[f'{split.partition("_")[0]}_dataloader'].dataset
    dataset.update(data_root=str(root / LAYOUTS[subset].folder), **options)
    for transform in dataset.pipeline:
        if 'cache_dir' in transform:
            transform.cache_dir = None
        if transform.type == 'ClipResize':
            transform.size = (height, width)
        elif transform.type == 'ClipShortSideCrop':
            transform.size = height
    dataset = DATASETS.build(dataset)
    batch = pseudo_collate([dataset[_index(dataset, clip)]])
    inputs = MODELS.build(cfg.model.data_preprocessor)(batch)
    frames, sample = inputs['inputs']['frames'], inputs['data_samples'][0]
    shrunk = max(sample.ori_shape) > max(height, width)
    if 'imgs' in kinds and list(frames.shape) != kinds['imgs']:
        size = kinds['imgs'][-2:]
        frames = F.interpolate(frames, size, mode='bilinear', align_corners=False)
    masks = sample.gt_masks[:, None]
    found = {
        'imgs': frames,
        'collated': frames[:, None],
        'audio': inputs['inputs']['audio'],
        'masks': masks[sample.gt_valid].reshape(kinds.get('masks', [-1, 1, height, width])),
        'labels': masks,
        'vid_flag': sample.frame_valid,
        'gt_flag': sample.gt_valid,
    }
    noise = GREY_LEVEL if shrunk and not _same_pillow(fixture) else 0.0
    return {f'{prefix}.{kind}': found[kind] for kind in kinds}, {
        ('output', f'{prefix}.imgs'): noise
    }


def _index(dataset: BaseDataset, clip: list[str]) -> int:
    """Position of the clip that is named, or of the first."""
    if not clip:
        return 0
    names = [dataset.get_data_info(index)['clip_id'] for index in range(len(dataset))]
    return next(index for index, name in enumerate(names) if name.endswith(clip[0]))


def _same_pillow(fixture: Fixture) -> bool:
    """Whether the fixture was made with a Pillow that resizes as the installed one does."""
    theirs = int(re.search(r'Pillow (\d+)', fixture.content['mode']).group(1))
    return (theirs >= 13) == (int(PIL.__version__.split('.')[0]) >= 13)
