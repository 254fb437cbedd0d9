"""tools/refine_masks.py on the results of a test."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIZE = (10, 14)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A tree of DAVIS with one video of two frames, and the probability maps of a test."""
    root, out = tmp_path / 'DAVIS', tmp_path / 'out'
    rng = np.random.default_rng(2)
    for folder in ('JPEGImages/480p/bear', 'Annotations/480p/bear'):
        (root / folder).mkdir(parents=True)
    (out / 'logits/bear').mkdir(parents=True)
    (root / 'val_seqs.txt').write_text('bear\n')
    for index in range(2):
        frame = rng.integers(0, 60, (*SIZE, 3), dtype=np.uint8)
        frame[:, :6] += 150
        mask = np.zeros(SIZE, np.uint8)
        mask[:, :6] = 255
        levels = (mask // 2 + rng.integers(0, 90, SIZE)).astype(np.uint8)
        Image.fromarray(frame).save(root / f'JPEGImages/480p/bear/{index:05d}.jpg', quality=100)
        Image.fromarray(mask).save(root / f'Annotations/480p/bear/{index:05d}.png')
        Image.fromarray(levels).save(out / f'logits/bear/{index:05d}.png')
    return out


def read_only(**_: object) -> None:
    raise OSError(30, 'Read-only file system')


def test_masks_are_written_and_scored(tool, results, monkeypatch) -> None:
    words = ('refine_masks', results, '--data-root', results.parent / 'DAVIS', '--workers', 1)
    with monkeypatch.context() as patch:  # before an hour of work: can results be written?
        patch.setattr('tempfile.TemporaryFile', read_only)
        done = tool(*words)
    assert done.code == 2 and 'folder of masks (Read-only file system)' in done.err
    done = tool(*words)
    assert done.code == 0, done.err
    names = sorted(str(path.relative_to(results)) for path in results.glob('crf_mask/**/*.png'))
    assert names == ['crf_mask/bear/00000.png', 'crf_mask/bear/00001.png']
    assert f'2 masks in {results / "crf_mask"}' in done.out
    assert float(re.search(r'mIoU +([\d.]+)', done.out)[1]) > 0.9
    again = tool(*words)
    assert again.code == 2 and 'pass --overwrite' in again.err
    assert tool(*words, '--overwrite').code == 0
    (results / 'logits/bear/00001.png').unlink()
    missing = tool(*words, '--overwrite')
    assert missing.code == 2 and '1 of 2 probability maps are missing' in missing.err
