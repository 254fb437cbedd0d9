"""Which clips of a data set to show together, what a model makes of them, and an overview."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from PIL import Image

from avsbench.utils.errors import DataError
from avsbench.visualization.local_visualizer import ClipView

TRUTH_FILE = 'truth.json'  # written beside the csv by the generator of synthetic data


def scenes(dataset: BaseDataset) -> list[list[int]]:
    """Positions of the clips, grouped by what they show.

    Clips of synthetic data that have one picture and different sounds (twins) form a group; any
    other clip is a group of its own.

    Args:
        dataset: its clips have `clip_id` and `csv_path`.

    Returns:
        Groups in the order of the data set.
    """
    groups: dict[Any, list[int]] = {}
    twins: dict[Path, dict[str, str]] = {}
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
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


@torch.no_grad()
def predict_view(model: BaseModel, item: dict) -> ClipView:
    """What a model makes of one clip.

    Args:
        model: in evaluation mode.
        item: one entry of a data set, as packed by its pipeline.
    """
    (sample,) = model.test_step(pseudo_collate([item]))
    frames = item['inputs']['frames'].permute(0, 2, 3, 1).numpy()  # (T, H, W, 3)
    return ClipView(frames, sample.cpu(), item['inputs']['audio'])


def contact_sheet(pictures: Sequence[np.ndarray], width: int = 1600) -> np.ndarray:
    """Pictures (h, w, 3) uint8 below one another, each scaled down to fit `width`."""
    thumbs = []
    for picture in pictures:
        image = Image.fromarray(picture)
        if image.width > width:
            image = image.resize((width, round(image.height * width / image.width)), Image.LANCZOS)
        thumbs.append(image)
    sheet = Image.new('RGB', (max(t.width for t in thumbs), sum(t.height for t in thumbs)), 'white')
    top = 0
    for thumb in thumbs:
        sheet.paste(thumb, (0, top))
        top += thumb.height
    return np.asarray(sheet)


def _twin_groups(truth: Path) -> dict[str, str]:
    """{clip id: group} of a synthetic tree; empty for any other data set."""
    if not truth.is_file():
        return {}
    try:
        return {clip['clip_id']: clip['group'] for clip in json.loads(truth.read_text())}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{truth}: expected a list of clips with clip_id and group ({error}); make the data '
            f'anew with `python tools/make_synthetic.py`'
        ) from error
