import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from avsbench.media.faults import BrokenFileError
from avsbench.media.scored_masks import ScoredMask, read_scored, scored_chunks


def saved(path, shown, scored):
    Image.fromarray(shown).save(path, pnginfo=scored_chunks(scored, shown))
    return path


def test_round_trip_at_another_size(tmp_path):
    rng = np.random.default_rng(0)
    shown = rng.integers(0, 2, (8, 12), dtype=np.uint8)
    mask = rng.integers(0, 2, (4, 6), dtype=np.uint8)
    levels = rng.integers(0, 256, (4, 6), dtype=np.uint8)
    path = saved(tmp_path / 'a.png', shown, ScoredMask(mask, levels, 10, False))
    found = read_scored(path, shown)
    assert (found.mask == mask).all() and (found.levels == levels).all()
    assert (found.clip_frames, found.count_padded) == (10, False)
    assert (np.asarray(Image.open(path)) == shown).all()


def test_a_mask_of_the_same_size_is_kept_once(tmp_path):
    shown = np.eye(40, dtype=np.uint8)
    path = saved(tmp_path / 'a.png', shown, ScoredMask(shown.copy(), None, 5, True))
    with Image.open(path) as image:
        assert [name for name, _ in image.private_chunks] == [b'avSF']
    found = read_scored(path, shown)
    assert (found.mask == shown).all() and found.levels is None


def test_a_changed_image_says_nothing(tmp_path):
    shown = np.eye(8, dtype=np.uint8)
    path = saved(tmp_path / 'a.png', shown, ScoredMask(shown, None, 5, True))
    with Image.open(path) as image:
        turned = image.rotate(90)
    turned.save(path)
    assert read_scored(path, np.asarray(turned)) is None


@pytest.mark.parametrize(
    ('content', 'text'),
    [
        (b'{"version": 2, "clip_frames": 5, "count_padded": true}', 'newer version'),
        (b'{"version": 1}', 'damaged'),
        (b'no json', 'damaged'),
    ],
)
def test_damage(tmp_path, content, text):
    info = PngInfo()
    info.add(b'avSF', content)
    shown = np.zeros((4, 4), np.uint8)
    Image.fromarray(shown).save(tmp_path / 'a.png', pnginfo=info)
    with pytest.raises(BrokenFileError, match=text):
        read_scored(tmp_path / 'a.png', shown)
