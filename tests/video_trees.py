"""Small trees in the layouts of the video sets."""

import json
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

SIZE = (12, 20)  # (H, W)


def image(path: Path, pixels: np.ndarray | int = 0, size: tuple[int, int] = SIZE) -> None:
    """Write a PNG, whatever the suffix; a number fills a frame with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(pixels, int):
        pixels = np.full((*size, 3), pixels, np.uint8)
    Image.fromarray(pixels).save(path, format='PNG')


def mask(path: Path, rows: int, value: int = 255, size: tuple[int, int] = SIZE) -> None:
    """Write a mask whose first rows are foreground."""
    pixels = np.zeros(size, np.uint8)
    pixels[:rows] = value
    image(path, pixels)


def write_davis(root: Path, videos: dict[str, int], splits: dict[str, Sequence[str]]) -> Path:
    """Videos of so many frames; frame k is grey k, its mask has k % 5 + 1 rows."""
    for name, frames in videos.items():
        for k in range(frames):
            image(root / f'JPEGImages/480p/{name}/{k:05d}.jpg', k)
            mask(root / f'Annotations/480p/{name}/{k:05d}.png', k % 5 + 1)
    for split, names in splits.items():
        (root / f'{split}_seqs.txt').write_text(''.join(f'{name}\n' for name in names))
    return root


COLOURS = [0, 0, 0, 9, 0, 0, 0, 128, 0, 128, 128, 0]


def palette_mask(path: Path, values: Sequence[int], palette: Sequence[int] = COLOURS) -> None:
    """Write a palette image whose rows have these indices, the others 0."""
    pixels = np.zeros(SIZE, np.uint8)
    pixels[: len(values)] = np.array(values)[:, None]
    found = Image.fromarray(pixels)
    found.putpalette(list(palette))
    path.parent.mkdir(parents=True, exist_ok=True)
    found.save(path, format='PNG')


def write_youtube_vos(root: Path, videos: dict[str, int]) -> Path:
    for name, frames in videos.items():
        for k in range(0, 5 * frames, 5):
            image(root / f'train/JPEGImages/{name}/{k:05d}.jpg', k)
            palette_mask(root / f'train/Annotations/{name}/{k:05d}.png', [2, 0, 3])
    return root


def write_mat(path: Path, labels: np.ndarray, name: str = 'reS_id') -> None:
    """Write a label (H, W) as MATLAB 7.3 does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, 'w') as file:
        file[name] = labels.T.astype(np.float64)


def a2d_label(number: int) -> np.ndarray:
    """The label of a frame: its first row has the frame's number, the rest is background."""
    labels = np.zeros(SIZE, int)
    labels[0] = number
    return labels


def write_a2d(root: Path, videos: dict[str, tuple[int, Sequence[int], int]]) -> Path:
    """Videos of so many frames, with these labelled ones, of usage 0 or 1."""
    rows = []
    for name, (frames, labelled, usage) in videos.items():
        for number in range(1, frames + 1):
            image(root / f'frames/{name}/{number:05d}.png', number)
        for number in labelled:
            path = root / f'Release/Annotations/mat/{name}/{number:05d}.mat'
            write_mat(path, a2d_label(number))
        rows.append(f'{name},48,0:00:01,0:00:05,12,20,{frames},{len(labelled)},{usage}\n')
    (root / 'Release/videoset.csv').write_text(''.join(rows))
    return root


def write_vspw(root: Path, videos: dict[str, Sequence[int]], splits: dict[str, list[str]]) -> Path:
    """Videos whose frames have these numbers; labels have a row of each of 0, 1, 2, 124, 255."""
    for name, numbers in videos.items():
        for number in numbers:
            image(root / f'data/{name}/origin/{number:08d}.jpg', number)
            label = np.full(SIZE, 3, np.uint8)
            label[:5] = np.array([0, 1, 2, 124, 255])[:, None]
            image(root / f'data/{name}/mask/{number:08d}.png', label)
    for split, names in splits.items():
        (root / f'{split}.txt').write_text('\n'.join(names))
    return root


def write_youtube_objects(root: Path, shots: dict[str, tuple[int, Sequence[int]]]) -> Path:
    """Shots of so many frames, with masks of these: a row of 79, then a row of 80 per number."""
    for name, (frames, masked) in shots.items():
        for number in range(1, frames + 1):
            image(root / f'frames/{name}/frame{number:04d}.jpg', number)
        for number in masked:
            pixels = np.zeros(SIZE, np.uint8)
            pixels[0] = 79
            pixels[1 : 1 + number] = 80
            image(root / f'youtube_masks/{name}/labels/{number:05d}.jpg', pixels)
    return root


def write_moca(root: Path, videos: dict[str, int], rows: Sequence[str]) -> Path:
    for name, frames in videos.items():
        for k in range(frames):
            image(root / f'JPEGImages/{name}/{k:05d}.jpg', k)
    header = ',file_list,spatial_coordinates,metadata\n'
    (root / 'annotations.csv').write_text(header + '\n'.join(rows) + '\n')
    return root


def write_classes(root: Path, names: Sequence[str]) -> None:
    table = {name: str(number) for number, name in enumerate(names)}
    (root / 'label_num_dic_final.json').write_text(json.dumps(table))
