"""The files of a tree: how each is encoded, the csv of a subset, the manifest."""

import csv
import hashlib
import io
import json
import pickle
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile
from PIL import Image

from avsbench.layouts import Layout
from avsbench.layouts.avss_classes import CLASSES, palette
from avsbench.synthetic.audio import RATE
from avsbench.synthetic.classes import avss_index

MANIFEST = 'MANIFEST.sha256'
JPEG_QUALITY = 95
PNG_LEVEL = 1  # noise hardly compresses; the level decides the speed, not the size


def encode_frame(frame: np.ndarray, path: str) -> bytes:
    """An image (H, W, 3) uint8 as PNG or JPEG, by the path's suffix."""
    if path.endswith('.jpg'):
        return encode_image(Image.fromarray(frame), format='JPEG', quality=JPEG_QUALITY)
    return encode_image(Image.fromarray(frame), format='PNG', compress_level=PNG_LEVEL)


def encode_masks(
    layout: Layout, labels: np.ndarray, kinds: np.ndarray, sounding: np.ndarray
) -> dict[str, bytes]:
    """The mask files of one frame, by the codings of the layout.

    Args:
        layout: Of the tree.
        labels: (H, W) position of the object in the scene, -1 = background.
        kinds: (N,) classes of the candidates.
        sounding: (N,) bool.
    """
    # One more entry than objects, so that background (-1) picks the last; decoys never sound.
    indices = np.zeros(max(len(kinds), int(labels.max()) + 1) + 1, dtype=np.uint8)
    indices[: len(kinds)] = np.where(sounding, avss_index(kinds), 0)
    values = indices[labels]
    coded = {
        'binary': lambda: np.where(values, np.uint8(255), np.uint8(0)),
        'index': lambda: values,
        'palette': lambda: palette()[values],
    }
    return {
        coding: encode_image(Image.fromarray(coded[coding]()), format='PNG')
        for coding in layout.masks
    }


def encode_wav(samples: np.ndarray) -> bytes:
    """A soundtrack (n,) int16 as 16 kHz mono PCM16 wav."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, subtype='PCM_16', format='WAV')
    return buffer.getvalue()


def encode_log_mel(samples: np.ndarray, layout: Layout) -> bytes:
    """A soundtrack (n,) int16 as AVSBench's pickle of VGGish patches.

    As published: a float32 leaf tensor that requires a gradient, (5, 1, 96, 64), or (10, 1, 96, 64)
    for AVSS with zeros behind the five patches of a short clip. The pickle holds a memory address,
    so its bytes, unlike its values, differ from run to run.
    """
    # Only here: torch takes seconds to import, and every worker would pay for it.
    import torch

    from avsbench.media.log_mel import log_mel_patches

    patches = log_mel_patches(samples / 32768, RATE)
    if layout.short_audio == 'zero':
        patches = np.pad(patches, ((0, layout.frames - len(patches)), (0, 0), (0, 0), (0, 0)))
    return pickle.dumps(torch.from_numpy(patches).requires_grad_())


def write_file(root: Path, path: str, content: bytes) -> tuple[str, str]:
    """Writes a file below root; returns its path and sha256."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def index_files(layout: Layout, clips: list[dict]) -> Iterable[tuple[str, bytes]]:
    """The csv (and label2idx.json) of a subset as (path, content).

    Args:
        layout: Of the tree.
        clips: Entries of truth.json.
    """
    rows = [tuple(csv_row(layout, clip).values()) for clip in clips]
    yield layout.csv, _csv(tuple(layout.columns), rows)
    if layout.semantic:
        names = {name: index for index, name in enumerate(CLASSES)}
        yield 'label2idx.json', encode_json(names)


def csv_row(layout: Layout, clip: dict) -> dict[str, str]:
    """The row of the csv for an entry of truth.json."""
    return layout.row(
        name=clip['name'],
        split=clip['split'],
        category=clip['category'],
        label=clip['part'],
        video=clip['video'],
    )


def encode_json(value: object) -> bytes:
    """JSON text, one line an entry of the outer level."""
    if isinstance(value, list):
        lines = ',\n'.join(json.dumps(entry, separators=(',', ':')) for entry in value)
        return f'[\n{lines}\n]\n'.encode()
    return (json.dumps(value, indent=1) + '\n').encode()


def top_level(layout: Layout) -> tuple[str, ...]:
    """Names of all entries that a generated subset folder has."""
    records = ('truth.json', 'ceilings.json', 'generator.json', 'README.md', MANIFEST)
    return (*layout.top_level, *records)


def manifest(files: dict[str, str]) -> bytes:
    """MANIFEST.sha256 in the format of sha256sum, sorted by path."""
    paths = sorted(files, key=PurePosixPath)
    return ''.join(f'{files[path]}  {path}\n' for path in paths).encode()


def _csv(header: tuple[str, ...], rows: list[tuple]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerows([header, *rows])
    return buffer.getvalue().encode()


def encode_image(image: Image.Image, **options: object) -> bytes:
    """An image file in memory; `options` are those of `Image.save`, `format` among them."""
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()
