"""Loading of an AVSS sample: published 71 colour comparisons against tables, with equal labels.

One clip of frames and labels, squashed to 224 x 224 as in testing, from large sources and from
sources that have that size already. The baseline is the published loader, rewritten from its
description; labels are read from the coloured files as there, and from the files of class indices,
which the toolbox prefers where a clip has both (the original download does). Audio is another
benchmark (`audio`);
here it is compared once, computed against kept on disk.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from mmengine.registry import init_default_scope
from PIL import Image
from torch import Tensor

from avsbench.datasets import AVSSDataset
from avsbench.datasets.transforms import LoadClip
from avsbench.layouts import AVSS
from avsbench.layouts.avss_classes import palette
from avsbench.media.log_mel import log_mel_patches, read_wav
from avsbench.media.log_mel_cache import LogMelCache
from benchmarks.harness import Result, compare, exit_code, header

SIZE = 224
FRAMES = AVSS.frames  # a clip with fewer has lost some
SOURCES = {'720p': (720, 1280), '224': (SIZE, SIZE)}
GOALS = {
    ('720p', 'semantic'): {'must': 8},
    # 8x is met by the files of indices, which the toolbox prefers. With the coloured ones about 6x
    # is the bound: of the baseline's 82 ms per frame, unpacking a PNG of 720p and three channels
    # (6.5 ms), the JPEG (2.2 ms) and Pillow's exact resize of it (3.5 ms) stay with any loader.
    ('720p', 'rgb'): {'stretch': 8},
    ('224', 'semantic'): {'must': 8, 'stretch': 90},
    ('224', 'rgb'): {'must': 8, 'stretch': 90},
}
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RATE = 44100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--source', choices=SOURCES, nargs='+', default=list(SOURCES))
    parser.add_argument('--labels', choices=('rgb', 'semantic'), nargs='+')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=7)


def run(args: argparse.Namespace) -> int:
    header(args.threads)
    init_default_scope('avsbench')
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for source in args.source:
            root = Path(folder, source)
            write_clip(root, SOURCES[source])
            for labels in args.labels or ('semantic', 'rgb'):
                results.append(compare_sample(root, source, labels, args))
        results.append(compare_log_mel(Path(folder), args))
    return exit_code(results)


def compare_sample(root: Path, source: str, labels: str, args: argparse.Namespace) -> Result:
    """One sample through the published loader and through the toolbox's pipeline."""
    dataset = AVSSDataset(
        root,
        'test',
        label_source=labels,
        check='off',
        pipeline=[
            LoadClip().add_images,  # the published sample has no audio
            dict(type='ClipResize', size=(SIZE, SIZE)),
            dict(type='PackAVSInputs'),
        ],
    )
    info = dataset.get_data_info(0) | {
        'log_mel': np.zeros((FRAMES, 1, 96, 64), np.float32),
        'front_end': 'vggish',
    }
    clip = root / 'v2' / 'clip'
    return compare(
        f'AVSS sample, {FRAMES} frames and labels of {source}, ours from labels_{labels}',
        lambda: published_sample(clip),
        lambda: dataset.pipeline(dict(info)),
        rounds=args.rounds,
        check=sample_error,
        tolerance=1e-6,
        **GOALS[source, labels],
    )


def compare_log_mel(folder: Path, args: argparse.Namespace) -> Result:
    """Log-mel of 10 s at 44.1 kHz, computed and from the cache."""
    rng = np.random.default_rng(0)
    wav = folder / 'audio.wav'
    soundfile.write(wav, 0.1 * rng.standard_normal(10 * RATE), RATE, subtype='PCM_16')
    cache = LogMelCache(folder / 'cache')
    return compare(
        'log-mel of 10 s at 44.1 kHz, computed against kept on disk',
        lambda: log_mel_patches(*read_wav(wav)),
        lambda: cache.get(wav),
        rounds=args.rounds,
        check=lambda computed, cached: float(np.abs(computed - cached).max()),
    )


def published_sample(clip: Path) -> tuple[Tensor, Tensor]:
    """Normalised frames (T, 3, 224, 224) and labels (T, 1, 224, 224) as the published code does."""
    images, labels = [], []
    for k in range(FRAMES):
        frame = Image.open(clip / 'frames' / f'{k}.jpg').convert('RGB')
        pixels = np.asarray(frame.resize((SIZE, SIZE), Image.Resampling.BILINEAR))
        image = torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous().float().div(255)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        images.append((image - mean) / std)
        label = Image.open(clip / 'labels_rgb' / f'{k}.png').convert('RGB')
        label = np.array(label.resize((SIZE, SIZE), Image.Resampling.NEAREST))
        one_hot = np.stack([np.all(label == colour, axis=-1) for colour in palette()], axis=-1)
        labels.append(torch.from_numpy(np.argmax(one_hot.astype(np.float32), axis=-1))[None])
    return torch.stack(images), torch.stack(labels)


def sample_error(published: tuple[Tensor, Tensor], packed: dict) -> float:
    """Largest difference of the normalised frames; infinity if a label differs."""
    images, labels = published
    if not torch.equal(labels[:, 0], packed['data_samples'].gt_masks.long()):
        return float('inf')
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    ours = (packed['inputs']['frames'].float() / 255 - mean) / std
    return (ours - images).abs().max().item()


def write_clip(root: Path, size: tuple[int, int]) -> None:
    """One v2 clip with smooth images and labels of three objects."""
    clip = root / 'v2' / 'clip'
    for name in ('frames', 'labels_rgb', 'labels_semantic'):
        (clip / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(*(np.linspace(0, 1, side) for side in size), indexing='ij')
    for k in range(FRAMES):
        waves = [np.cos(rng.uniform(4, 30) * x + rng.uniform(4, 30) * y + c) for c in range(9)]
        colour = np.stack([sum(waves[c::3]) for c in range(3)], axis=-1)
        image = 128 + 30 * colour + rng.normal(0, 4, colour.shape)
        image = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
        image.save(clip / 'frames' / f'{k}.jpg', quality=85)
        label = np.zeros(size, np.uint8)
        for _ in range(3):
            centre, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.05, 0.2)
            ellipse = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) < radius**2
            label[ellipse] = rng.integers(1, 71)
        Image.fromarray(label).save(clip / 'labels_semantic' / f'{k}.png')
        Image.fromarray(palette()[label]).save(clip / 'labels_rgb' / f'{k}.png')
    soundfile.write(clip / 'audio.wav', np.zeros(16000), 16000)
    (root / 'metadata.csv').write_text('uid,split,label\nclip,test,v2\n')
