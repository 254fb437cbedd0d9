"""Masks of an earlier stage: as a test saves them, moved with the frames, checked."""

from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SIZE
from PIL import Image

from avsbench.datasets import S4Dataset
from avsbench.datasets.transforms import (
    ClipPad,
    ClipRandomFlip,
    ClipResize,
    KeepAnnotatedFrames,
    LoadPriorMasks,
    PackAVSInputs,
)
from avsbench.media.faults import BrokenFileError, ClipCheck
from avsbench.utils.errors import ConfigError, DataError


def saved(root: Path, folder: Path, split: str = 'train') -> list[dict]:
    """Masks of a split as `MaskSavingHook` names them: the frame's number of columns from left."""
    infos = list(S4Dataset(str(root), split, check='off').clip_infos())
    for info in infos:
        for number, frame in enumerate(info['frame_paths'], 1):
            values = np.zeros(SIZE, np.uint8)
            values[:, : 2 * number] = 255
            path = folder / info['clip_id'] / f'{Path(frame).stem}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)
    return infos


def load(root: Path, folder: Path, *steps: object) -> dict:
    pipeline = [dict(type='LoadClip'), LoadPriorMasks(str(folder)), *steps]
    dataset = S4Dataset(str(root), 'train', pipeline=pipeline)
    return dataset[0]


def test_they_come_with_their_frames(s4_root: Path, tmp_path: Path) -> None:
    saved(s4_root, tmp_path / 'masks')
    packed = load(s4_root, tmp_path / 'masks', PackAVSInputs())
    masks = packed['inputs']['prior_masks']
    assert masks.shape == (5, *SIZE) and masks.max() == 1
    assert masks[:, 0].sum(1).tolist() == [2, 4, 6, 8, 10]


def test_they_move_as_frames_do_and_stay_masks(s4_root: Path, tmp_path: Path) -> None:
    saved(s4_root, tmp_path / 'masks')
    moved = load(
        s4_root,
        tmp_path / 'masks',
        ClipResize((48, 64), mask_size=(24, 32)),  # labels alone keep another size
        ClipRandomFlip(1.0),
        ClipPad((50, 70)),
    )
    masks = moved['prior_masks']
    assert masks.shape == (5, 50, 70) and set(np.unique(masks)) == {0, 1}  # not ClipPad's label
    assert masks[0, 0].nonzero()[0].tolist() == [60, 61, 62, 63]
    kept = load(s4_root, tmp_path / 'masks', KeepAnnotatedFrames())
    assert len(kept['prior_masks']) == len(kept['frames']) == 1


def test_what_is_missing_or_of_another_size(s4_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='no folder .*--save-masks'):
        LoadPriorMasks(str(tmp_path / 'masks'))
    folder = tmp_path / 'masks'
    info = saved(s4_root, folder)[0]
    with pytest.raises(ConfigError, match="'frme' is no field"):
        LoadPriorMasks(str(folder), name='{clip_id}/{frme}.png')
    with pytest.raises(ConfigError, match='directly behind LoadClip'):
        LoadPriorMasks(str(folder))({**info, 'ori_shape': SIZE, 'img_shape': (8, 8)})
    path = folder / info['clip_id'] / f'{Path(info["frame_paths"][1]).stem}.png'
    Image.new('L', (3, 3)).save(path)
    with pytest.raises(BrokenFileError, match='3 x 3 pixels, but its frame has 32 x 24'):
        load(s4_root, folder)
    path.unlink()
    with pytest.raises(DataError, match=r'missing prior mask: 1 in 1 clips(?s:.)*save-masks DIR'):
        load(s4_root, folder)
    found = ClipCheck('x', 2, first_image=('frame', SIZE))
    LoadPriorMasks(str(folder)).check(info, found, full=False)
    assert [fault.kind for fault in found.faults] == ['missing prior mask']
