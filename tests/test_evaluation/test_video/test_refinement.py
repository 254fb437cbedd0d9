"""Refinement of saved maps: which files, which score, and that processes change nothing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avsbench.evaluation.video.crf import refine_mask
from avsbench.evaluation.video.davis_metric import frame_score
from avsbench.evaluation.video.refinement import (
    RefinedFrame,
    davis_numbers,
    refine,
    refinement_tasks,
)
from avsbench.utils.errors import DataError

SIZE = (12, 16)


def info(root: Path, video: str, count: int, centre: int) -> dict:
    """`data_info` of a window of three frames, of which the one in the middle is kept."""
    frame_idx = [(centre + offset) % count for offset in (-1, 0, 1)]
    return dict(
        video=video, frame_idx=frame_idx, kept=[1],
        frame_paths=[str(root / f'{video}/{index:05d}.jpg') for index in frame_idx],
        mask_paths=[str(root / f'{video}/{index:05d}_mask.png') for index in frame_idx],
    )  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> tuple[list[dict], Path]:
    """Two videos with frames, annotations and probability maps."""
    rng = np.random.default_rng(0)
    infos, out = [], tmp_path / 'out'
    for video, count in (('bear', 3), ('cow', 2)):
        (tmp_path / video).mkdir()
        (out / 'logits' / video).mkdir(parents=True)
        for index in range(count):
            frame = rng.integers(0, 80, (*SIZE, 3), dtype=np.uint8)
            frame[:, : 5 + index] += 120
            Image.fromarray(frame).save(tmp_path / video / f'{index:05d}.jpg', format='PNG')
            mask = np.zeros(SIZE, np.uint8)
            mask[:, : 5 + index] = 255
            levels = np.clip(60 + mask // 2 + rng.integers(0, 90, SIZE), 0, 255).astype(np.uint8)
            mask[0, :5] = 7  # neither: background, as in the published evaluation
            Image.fromarray(mask).save(tmp_path / video / f'{index:05d}_mask.png')
            Image.fromarray(levels).save(out / 'logits' / video / f'{index:05d}.png')
            infos.append(info(tmp_path, video, count, index))
    return infos, out


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize('workers', [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_kept_frame_is_refined_written_and_scored(tree, workers) -> None:
    infos, out = tree
    frames = list(refine(refinement_tasks(infos, out), workers))
    assert [frame[:2] for frame in frames] == [
        ('bear', 0), ('bear', 1), ('bear', 2), ('cow', 0), ('cow', 1),
    ]  # fmt: skip
    for frame, window in zip(frames, infos, strict=True):
        image = pixels(Path(window['frame_paths'][1]))
        name = f'{frame.video}/{frame.place:05d}.png'
        wanted = refine_mask(image, pixels(out / 'logits' / name))
        written = pixels(out / 'crf_mask' / name)
        assert written.dtype == np.uint8 and (written == 255 * wanted).all()
        truth = pixels(Path(window['mask_paths'][1])) == 255
        assert frame.score == frame_score(wanted, truth) and 0 < frame.score.iou < 1
    numbers = davis_numbers([*frames, frames[0]])  # a repeat, as of a padded sampler
    means = [np.mean([f.score.iou for f in frames if f.video == v]) for v in ('bear', 'cow')]
    assert numbers['mIoU'] == pytest.approx(np.mean(means)) and numbers['frames'] == 5


def test_errors_name_what_is_missing_or_does_not_fit(tree) -> None:
    infos, out = tree
    (out / 'logits/cow/00001.png').unlink()
    with pytest.raises(DataError, match=r'1 of 5 probability maps are missing \(.*cow/00001.png'):
        refinement_tasks(infos, out)
    tasks = refinement_tasks(infos[:3], out)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tasks[1].levels)
    with pytest.raises(DataError, match=r'logits/bear/00001.png: has size \(4, 4\)'):
        list(refine(tasks, 1))
    with pytest.raises(DataError, match='none of the refined frames is annotated'):
        davis_numbers([RefinedFrame('bear', 0, None)])
