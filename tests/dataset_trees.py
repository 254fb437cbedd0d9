"""Small trees in AVSBench's layout."""

import json
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from avsbench.layouts.avss_classes import CLASSES, palette

SIZE = (24, 32)  # (H, W) of the small trees' frames
RATE = 16000


def write_image(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, format='PNG')


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = 'PCM_16') -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype=subtype, format='WAV')


def noise(name: str, seconds: float, rate: int = RATE) -> np.ndarray:
    rng = np.random.default_rng(sum(name.encode()))
    return np.clip(0.3 * rng.standard_normal(int(seconds * rate)), -0.99, 0.99)


def random_image(name: str, number: int) -> np.ndarray:
    rng = np.random.default_rng(sum(name.encode()) + number)
    return rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def mask(number: int) -> np.ndarray:
    values = np.zeros(SIZE, np.uint8)
    values[:, : 4 + number] = 255
    return values


S4_CLIPS = [
    ('-a_1', 'dog_barking', 'train'),
    ('b', 'cat_meowing', 'train'),
    ('c', 'dog_barking', 'val'),
    ('d', 'dog_barking', 'test'),
]
MS3_CLIPS = [('_x', 'train'), ('y', 'val'), ('z', 'test')]
AVSS_CLIPS = [
    ('one_0_5000', 'train', 'v1s'),
    ('two_0_10000', 'train', 'v2'),
    ('three_0_5000', 'val', 'v1s'),
    ('four_0_5000', 'test', 'v1m'),
]


def make_s4(tmp_path: Path) -> Path:
    """S4 in its layout: four clips, audio as wav."""
    root = tmp_path / 'Single-source'
    data = root / 's4_data'
    for name, category, split in S4_CLIPS:
        for k in range(1, 6):
            place = f'{split}/{category}/{name}/{name}_{k}.png'
            write_image(data / 'visual_frames' / place, random_image(name, k))
            if split != 'train' or k == 1:
                write_image(data / 'gt_masks' / place, mask(k))
        write_wav(data / 'audio_wav' / split / category / f'{name}.wav', noise(name, 5))
    rows = [f'{name},0,{category},{split}' for name, category, split in S4_CLIPS]
    (root / 's4_meta_data.csv').write_text('\n'.join(['name,start,category,split', *rows, '']))
    return root


def make_ms3(tmp_path: Path) -> Path:
    """MS3 in its layout: three clips, audio as wav."""
    root = tmp_path / 'Multi-sources'
    data = root / 'ms3_data'
    for name, split in MS3_CLIPS:
        for k in range(1, 6):
            write_image(data / f'visual_frames/{name}/{name}.mp4_{k}.png', random_image(name, k))
            write_image(data / f'gt_masks/{split}/{name}/{name}_{k}.png', mask(k))
        write_wav(data / f'audio_wav/{split}/{name}.wav', noise(name, 5))
    rows = [f'{name},{split}' for name, split in MS3_CLIPS]
    (root / 'ms3_meta_data.csv').write_text('\n'.join(['video_id,split', *rows, '']))
    return root


def avss_labels(count: int) -> np.ndarray:
    labels = np.zeros((count, *SIZE), np.uint8)
    for k in range(count):
        labels[k, : 3 + k] = 1 + k
        labels[k, :, -2:] = 70
    return labels


def make_avss(tmp_path: Path) -> Path:
    """AVSS in its layout: four clips of 5 or 10 frames, labels both as colours and as indices."""
    root = tmp_path / 'AVSS'
    for uid, split, label in AVSS_CLIPS:
        folder, count = root / label / uid, 10 if label == 'v2' else 5
        labels = avss_labels(count)
        for k in range(count):
            write_image(folder / f'frames/{k}.jpg', random_image(uid, k))
            if not (label == 'v1s' and split == 'train' and k):
                write_image(folder / f'labels_semantic/{k}.png', labels[k])
                write_image(folder / f'labels_rgb/{k}.png', palette()[labels[k]])
        write_wav(folder / 'audio.wav', noise(uid, count))
    header = 'vid,uid,s_min,s_sec,a_obj,split,label'
    rows = [f'x,{uid},0,0,dog,{split},{label}' for uid, split, label in AVSS_CLIPS]
    (root / 'metadata.csv').write_text('\n'.join([header, *rows, '']))
    (root / 'label2idx.json').write_text(json.dumps({n: i for i, n in enumerate(CLASSES)}))
    return root
