"""Which clips of a data set to show together, a model's predictions for them, and an overview."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from PIL import Image

from avsbench.structures import AVSDataSample
from avsbench.utils.errors import DataError, counted
from avsbench.utils.folders import check_writable, visible
from avsbench.utils.text import read_json
from avsbench.visualization.local_visualizer import ClipView

SHEET = 'contact_sheet.png'
VIDEO_FRAMES = 8  # of a video in one image
COLUMNS = 3  # of a contact sheet
SHEET_WIDTH = 2200  # pixels at most, unless a single image is wider
_MASK_FIELDS = ('gt_masks', 'gt_valid', 'frame_valid', 'pred_masks')
TRUTH_FILE = 'truth.json'  # written beside the csv by the generator of synthetic data


def scenes(dataset: BaseDataset) -> list[list[int]]:
    """Positions of the clips, grouped by what they show.

    Clips of synthetic data with the same frames and different audio (twins) form a group, and so do
    the windows of a video; any other clip is a group of its own.

    Args:
        dataset: Its clips have `clip_id` and `csv_path`, windows of a video also `video`.

    Returns:
        Groups in the order of the data set.
    """
    groups: dict[Any, list[int]] = {}
    twins: dict[Path, dict[str, str]] = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if 'video' in info:
            groups.setdefault(info['video'], []).append(index)
            continue
        folder = Path(info['csv_path']).parent
        if folder not in twins:
            twins[folder] = _twin_groups(folder / TRUTH_FILE)
        group = twins[folder].get(info['clip_id'])
        groups.setdefault(index if group is None else (folder, group), []).append(index)
    return list(groups.values())


def spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, evenly spaced, the first one included."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def centred(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items: each is the middle one of an equal share of them."""
    count = min(count, len(items))
    return [items[(2 * index + 1) * len(items) // (2 * count)] for index in range(count)]


def view_of(item: dict, title: str | None = None) -> ClipView:
    """What a pipeline makes of one clip: frames, Maskiges, masks and audio, if there is any.

    Of a clip of which some frames only are predicted, these are shown. Frames of a video are
    labelled by the number in their file name, those of a clip by their second, from 1, also where
    the pipeline left some out.

    Args:
        item: One entry of a data set, as packed by its pipeline.
        title: Line above it; None for the clip id.
    """
    frames = item['inputs']['frames'].permute(0, 2, 3, 1).cpu().numpy()  # (T, H, W, 3 or 6)
    sample = item['data_samples']
    if sample.get('kept') is not None:
        frames = frames[list(sample.kept)]
    maskiges = frames[..., 3:] if frames.shape[-1] > 3 else None
    log_mel = item['inputs'].get('audio')
    return ClipView(frames[..., :3], sample, log_mel, title, _labels(sample), maskiges)


def _labels(sample: AVSDataSample) -> list[str] | None:
    """What the frames are called; None for the seconds of a whole clip."""
    if 'video' in sample:
        numbers = [_number(path) for path in sample.get('frame_paths', ())]
        return [f'frame {"?" if n is None else n}' for n in numbers]
    if 'frame_idx' in sample:
        return [f'second {position + 1}' for position in sample.frame_idx]
    return None


@torch.no_grad()
def predict_view(model: BaseModel, item: dict) -> ClipView:
    """What a model predicts for one clip.

    Args:
        model: In evaluation mode.
        item: One entry of a data set, as packed by its pipeline.
    """
    (sample,) = model.test_step(pseudo_collate([item]))
    return replace(view_of(item), sample=sample.cpu())


def predict_video(model: BaseModel, dataset: BaseDataset, windows: Sequence[int]) -> ClipView:
    """What a model predicts for some frames of a video, evenly spaced.

    Args:
        model: In evaluation mode.
        dataset: Of windows of videos.
        windows: Positions of those of one video.
    """
    info = dataset.get_data_info(windows[0])
    frames = len(info['kept'] or info['frame_paths'])
    chosen = spread(windows, max(1, VIDEO_FRAMES // frames))
    views = [predict_view(model, dataset[index]) for index in chosen]
    return ClipView(
        np.concatenate([view.frames for view in views]),
        joined_masks([view.sample for view in views]),
        title=info['video'],
        labels=[label for view in views for label in view.labels],
    )


def masks_of(sample: AVSDataSample) -> AVSDataSample:
    """The masks on the CPU; logits of many classes, which nothing draws, stay where they are."""
    kept = AVSDataSample(metainfo=sample.metainfo)
    maps = 'seg_logits' if 'seg_logits' in sample else 'seg_probs'
    for name in (*_MASK_FIELDS, *([maps] if sample.num_classes == 1 else [])):
        if name in sample:
            kept.set_field(sample.get(name).cpu(), name)
    return kept


def joined_masks(samples: Sequence[AVSDataSample]) -> AVSDataSample:
    """The masks of several clips of one video, as if they were of one clip."""
    parts = [masks_of(sample) for sample in samples]
    joined = AVSDataSample()
    for name in parts[0].keys():
        joined.set_field(torch.cat([part.get(name) for part in parts]), name)
    return joined


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that contains images or can't be written to, before anything is drawn.

    Raises:
        DataError: It contains some, and they must not be overwritten.
        ConfigError: It can't be made, or not be written to.
    """
    found = len(visible(folder.glob('*.png'), folder))
    if found and not overwrite:
        raise DataError(
            f'{folder}: contains {counted(found, "image")}; choose another folder, or pass '
            '--overwrite'
        )
    check_writable(folder, 'folder of images', 'choose another with --out', keep=False)


def save_gallery(images: Mapping[str, np.ndarray], folder: Path) -> str:
    """Write images, and all of them as a contact sheet.

    Args:
        images: Clip id -> image (h, w, 3) uint8.
        folder: Created if needed.

    Returns:
        A line for the user that says where they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        Image.fromarray(image).save(folder / f'{name.replace("/", "_")}.png')
    sheet = folder / SHEET
    Image.fromarray(contact_sheet(list(images.values()))).save(sheet)
    return f'{counted(len(images), "image")} in {folder}, all of them in {sheet}'


def contact_sheet(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images (h, w, 3) uint8 in rows of three, or fewer where they are wide; none is scaled."""
    columns = max(1, min(COLUMNS, len(images), SHEET_WIDTH // max(i.shape[1] for i in images)))
    rows = [images[first : first + columns] for first in range(0, len(images), columns)]
    widths = [
        max(row[place].shape[1] for row in rows if place < len(row)) for place in range(columns)
    ]
    return stacked(
        [
            np.concatenate(
                [
                    _padded(image, max(i.shape[0] for i in row), width)
                    for image, width in zip(row, widths, strict=False)
                ],
                axis=1,
            )
            for row in rows
        ]
    )


def stacked(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images (h, w, 3) uint8 below one another, on white."""
    width = max(image.shape[1] for image in images)
    return np.concatenate([_padded(image, image.shape[0], width) for image in images])


def _padded(image: np.ndarray, height: int, width: int) -> np.ndarray:
    missing = ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0))
    return np.pad(image, missing, constant_values=255)


def _number(path: str) -> int | None:
    """The number at the end of a frame's file name."""
    digits = re.search(r'(\d+)$', Path(path).stem)
    return int(digits.group()) if digits else None


def _twin_groups(truth: Path) -> dict[str, str]:
    """{clip id: group} of a synthetic tree; empty for any other data set."""
    if not truth.is_file():
        return {}
    try:
        return {clip['clip_id']: clip['group'] for clip in read_json(truth)}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{truth}: expected a list of clips with clip_id and group ({error}); make the data '
            'again with `python -m avsbench synthetic clips`'
        ) from error
