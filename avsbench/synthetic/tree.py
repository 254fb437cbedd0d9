"""AVSBench's folders and files: where each lies, how it is encoded, and the index of a subset."""

import csv
import hashlib
import io
import json
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile
from PIL import Image

from avsbench.synthetic.classes import avss_index, avss_names, avss_palette
from avsbench.synthetic.sound import RATE

MANIFEST = 'MANIFEST.sha256'
JPEG_QUALITY = 95
PNG_LEVEL = 1  # noise hardly compresses; the level decides the speed, not the size


@dataclass(frozen=True)
class Place:
    """The paths of one clip, relative to the subset's folder.

    Args:
        clip_id: Unique in its split: S4 category/name, MS3 name, AVSS label/uid.
        frames: T pictures.
        masks: T tuples of mask files: one for S4 and MS3; labels_rgb and labels_semantic for AVSS.
        wav: The soundtrack.
        log_mel: The log-mel pickle.
    """

    clip_id: str
    frames: list[str]
    masks: list[tuple[str, ...]]
    wav: str
    log_mel: str


def place(
    subset: str, part: str, split: str, name: str, category: str | None, seconds: int
) -> Place:
    """Where a clip's files lie.

    Args:
        subset: `s4`, `ms3` or `avss`.
        part: Label of an AVSS clip.
        split: `train`, `val` or `test`.
        name: Clip name; for AVSS its uid.
        category: Folder of an S4 clip.
        seconds: T.
    """
    if subset == 'avss':
        base = f'{part}/{name}'
        masks = [(f'{base}/labels_{kind}/{{}}.png') for kind in ('rgb', 'semantic')]
        return Place(
            clip_id=base,
            frames=[f'{base}/frames/{t}.jpg' for t in range(seconds)],
            masks=[tuple(path.format(t) for path in masks) for t in range(seconds)],
            wav=f'{base}/audio.wav',
            log_mel=f'{base}/audio.pkl',
        )
    numbers = range(1, seconds + 1)
    if subset == 'ms3':
        frames = [f'ms3_data/visual_frames/{name}/{name}.mp4_{t}.png' for t in numbers]
        clip_id, inner = name, f'{split}/{name}'
    else:
        clip_id, inner = f'{category}/{name}', f'{split}/{category}/{name}'
        frames = [f's4_data/visual_frames/{inner}/{name}_{t}.png' for t in numbers]
    return Place(
        clip_id=clip_id,
        frames=frames,
        masks=[(f'{subset}_data/gt_masks/{inner}/{name}_{t}.png',) for t in numbers],
        wav=f'{subset}_data/audio_wav/{inner}.wav',
        log_mel=f'{subset}_data/audio_log_mel/{inner}.pkl',
    )


def encode_frame(frame: np.ndarray, path: str) -> bytes:
    """A picture (H, W, 3) uint8 as PNG or JPEG, by the path's suffix."""
    if path.endswith('.jpg'):
        return _encode(Image.fromarray(frame), format='JPEG', quality=JPEG_QUALITY)
    return _encode(Image.fromarray(frame), format='PNG', compress_level=PNG_LEVEL)


def encode_masks(subset: str, labels: np.ndarray, kinds: np.ndarray, sounding: np.ndarray) -> tuple:
    """The mask files of one frame, in the order of `Place.masks`.

    Args:
        subset: `s4`, `ms3` or `avss`.
        labels: (H, W) position of the object in the scene, -1 = background.
        kinds: (N,) classes of the candidates.
        sounding: (N,) bool.
    """
    # One more entry than objects, so that background (-1) picks the last; decoys never sound.
    values = np.zeros(max(len(kinds), int(labels.max()) + 1) + 1, dtype=np.uint8)
    if subset == 'avss':
        values[: len(kinds)] = np.where(sounding, avss_index(kinds), 0)
        index = values[labels]
        return tuple(
            _encode(Image.fromarray(picture), format='PNG')
            for picture in (avss_palette()[index], index)
        )
    values[: len(kinds)] = np.where(sounding, 255, 0)
    return (_encode(Image.fromarray(values[labels]), format='PNG'),)


def encode_wav(samples: np.ndarray) -> bytes:
    """A soundtrack (n,) int16 as 16 kHz mono PCM16 wav."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, subtype='PCM_16', format='WAV')
    return buffer.getvalue()


def encode_log_mel(samples: np.ndarray, subset: str) -> bytes:
    """A soundtrack (n,) int16 as AVSBench's pickle of VGGish patches.

    As published: a float32 leaf tensor that requires a gradient, (5, 1, 96, 64), or (10, 1, 96, 64)
    for AVSS with zeros behind the five patches of a short clip. The pickle holds a memory address,
    so its bytes, unlike its values, differ from run to run.
    """
    # Only here: torch takes seconds to import, and every worker would pay for it.
    import torch

    from avsbench.media.log_mel import log_mel_patches

    patches = log_mel_patches(samples / 32768, RATE)
    if subset == 'avss':
        patches = np.pad(patches, ((0, 10 - len(patches)), (0, 0), (0, 0), (0, 0)))
    return pickle.dumps(torch.from_numpy(patches).requires_grad_())


def write_file(root: Path, path: str, content: bytes) -> tuple[str, str]:
    """Writes a file below root; returns its path and sha256."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def index_files(subset: str, clips: list[dict]) -> Iterable[tuple[str, bytes]]:
    """The csv (and label2idx.json) of a subset as (path, content).

    Args:
        subset: `s4`, `ms3` or `avss`.
        clips: Entries of truth.json.
    """
    if subset == 's4':
        rows = [(c['name'], 0, c['category'], c['split']) for c in clips]
        yield 's4_meta_data.csv', _csv(('name', 'start', 'category', 'split'), rows)
    elif subset == 'ms3':
        rows = [(c['name'], c['split']) for c in clips]
        yield 'ms3_meta_data.csv', _csv(('video_id', 'split'), rows)
    else:
        header = ('vid', 'uid', 's_min', 's_sec', 'a_obj', 'split', 'label')
        rows = [(c['video'], c['name'], 0, 0, c['category'], c['split'], c['part']) for c in clips]
        yield 'metadata.csv', _csv(header, rows)
        names = {name: index for index, name in enumerate(avss_names())}
        yield 'label2idx.json', encode_json(names)


def encode_json(value: object) -> bytes:
    """JSON text, one line an entry of the outer level."""
    if isinstance(value, list):
        lines = ',\n'.join(json.dumps(entry, separators=(',', ':')) for entry in value)
        return f'[\n{lines}\n]\n'.encode()
    return (json.dumps(value, indent=1) + '\n').encode()


def top_level(subset: str) -> tuple[str, ...]:
    """Names of all entries that a generated subset folder has."""
    data = {
        's4': ('s4_data', 's4_meta_data.csv'),
        'ms3': ('ms3_data', 'ms3_meta_data.csv'),
        'avss': ('v1s', 'v1m', 'v2', 'metadata.csv', 'label2idx.json'),
    }
    records = ('truth.json', 'ceilings.json', 'generator.json', 'README.md', MANIFEST)
    return (*data[subset], *records)


def manifest(files: dict[str, str]) -> bytes:
    """MANIFEST.sha256 in the format of sha256sum, sorted by path."""
    paths = sorted(files, key=PurePosixPath)
    return ''.join(f'{files[path]}  {path}\n' for path in paths).encode()


def _csv(header: tuple[str, ...], rows: list[tuple]) -> bytes:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerows([header, *rows])
    return buffer.getvalue().encode()


def _encode(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()
