"""Maskiges: the format, where segments come from, and the making of many."""

import json
from pathlib import Path

import numpy as np
import pytest
from mmseg.utils import ade_palette
from PIL import Image
from pycocotools import mask as coco

from avsbench.maskiges import (
    MAX_SEGMENTS,
    PALETTE,
    is_good,
    rank_map,
    read_segments,
    save_maskige,
    segments,
    superpixels,
)
from avsbench.media.faults import BrokenFileError

SIZE = (9, 13)


def random_masks(count: int, size: tuple[int, int] = SIZE, seed: int = 0) -> np.ndarray:
    """Rectangles that overlap, of different and of equal areas."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, *size), bool)
    for mask in masks:
        top, left = (rng.integers(side - 1) for side in size)
        height, width = rng.integers(1, 5, 2)
        mask[top : top + height, left : left + width] = True
    return masks


class TestRankMap:
    @pytest.mark.parametrize('seed', range(5))
    def test_by_its_definition(self, seed: int) -> None:
        masks = random_masks(20, seed=seed)
        values, left_out = rank_map(masks)
        areas = [int(mask.sum()) for mask in masks]
        ranked = sorted(range(20), key=lambda i: areas[i])  # stable
        for row in range(SIZE[0]):
            for column in range(SIZE[1]):
                over = [rank for rank, i in enumerate(ranked) if masks[i, row, column]]
                assert values[row, column] == (1 + min(over) if over else 0)
        assert values.dtype == np.uint8 and left_out == 0

    @pytest.mark.parametrize('count', [MAX_SEGMENTS, MAX_SEGMENTS + 1, 300])
    def test_the_palette_has_an_end(self, count: int) -> None:
        """Columns of growing length: of more than 149, the shortest are left out."""
        masks = np.arange(count)[:, None] >= np.arange(count)  # column k is k + 1 pixels long
        masks = masks[:, None, :] & np.eye(count, dtype=bool)[:, :, None]  # in a row of its own
        values, left_out = rank_map(masks[::-1])
        assert left_out == count - MAX_SEGMENTS
        expected = np.zeros(count, int)
        expected[left_out:] = np.arange(1, MAX_SEGMENTS + 1)
        assert values[:, 0].tolist() == expected.tolist()
        assert values.max() == MAX_SEGMENTS

    def test_what_is_left_out_shows_what_is_behind_it(self) -> None:
        masks = np.zeros((MAX_SEGMENTS + 1, 20, 20), bool)
        masks[0] = True
        masks[1:].reshape(MAX_SEGMENTS, -1)[:, :2] = True
        masks[1:, 0, 1] = False
        masks[1:, 1, 0] = True
        masks[5, 1, 0] = False  # the smallest one: the first pixel alone
        values, left_out = rank_map(masks)
        assert left_out == 1
        assert values[0, 0] == 1 and values[10, 10] == MAX_SEGMENTS

    @pytest.mark.parametrize('count', [0, 1])
    def test_nothing_found(self, count: int) -> None:
        values, left_out = rank_map(np.zeros((count, *SIZE), bool))
        assert values.shape == SIZE and not values.any() and left_out == 0


class TestFile:
    def test_is_a_palette_png(self, tmp_path: Path) -> None:
        values = np.arange(150, dtype=np.uint8).reshape(10, 15)
        path = tmp_path / 'a' / 'b_mask_color.png'
        save_maskige(path, values, 'somewhere')
        with Image.open(path) as image:
            assert (image.format, image.mode) == ('PNG', 'P')
            assert (np.asarray(image) == values).all()
            rgb = np.asarray(image.convert('RGB'))
        assert (rgb == np.array(ade_palette())[values]).all()
        assert PALETTE[0].tolist() == [120, 120, 120]
        assert [entry.name for entry in path.parent.iterdir()] == [path.name]

    def test_an_older_file_outlives_a_failing_save(self, tmp_path: Path, monkeypatch) -> None:
        path = tmp_path / 'a.png'
        save_maskige(path, np.ones(SIZE, np.uint8), 'x')
        before = path.read_bytes()
        written = Image.Image.save

        def fail(image, target, **options):
            written(image, target, **options)
            raise OSError('disk full')

        monkeypatch.setattr(Image.Image, 'save', fail)
        with pytest.raises(OSError, match='disk full'):
            save_maskige(path, np.zeros(SIZE, np.uint8), 'x')
        assert path.read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == ['a.png']

    def test_is_good(self, tmp_path: Path) -> None:
        path = tmp_path / 'a.png'
        assert is_good(path, SIZE) is None
        save_maskige(path, np.ones(SIZE, np.uint8), 'x')
        assert is_good(path, SIZE) == 'x'
        assert is_good(path, SIZE[::-1]) is None
        path.write_bytes(path.read_bytes()[:-4])
        assert is_good(path, SIZE) is None
        image = Image.fromarray(np.ones(SIZE, np.uint8)).convert('P')
        image.save(path)
        assert is_good(path, SIZE) == ''
        image.convert('RGB').save(path)
        assert is_good(path, SIZE) is None


class TestSuperpixels:
    def test_parts_of_one_colour(self) -> None:
        frame = np.zeros((40, 60, 3), np.uint8)
        frame[:, 30:] = (200, 40, 90)
        frame[10:25, 5:20] = (20, 250, 30)
        masks = superpixels(frame)
        assert (masks.sum(axis=0) == 1).all()
        values, _ = rank_map(masks)
        places = [values[0, 0], values[0, 50], values[17, 12]]
        assert len(set(places)) == 3
        assert (values[14:21, 9:16] == values[17, 12]).all()

    @pytest.mark.parametrize('size', [(24, 32), (64, 64), (224, 224)])
    def test_always_fit_into_the_palette(self, size: tuple[int, int]) -> None:
        frame = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
        masks = superpixels(frame)
        assert len(masks) <= MAX_SEGMENTS
        assert (masks.sum(axis=0) == 1).all()
        assert (masks == superpixels(frame)).all()


def rle(mask: np.ndarray) -> dict:
    found = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': found['size'], 'counts': found['counts'].decode()}


def plain_rle(mask: np.ndarray) -> dict:
    """Run lengths as SAM writes them: a list, columns first, beginning with zeros."""
    flat = [0, *mask.T.ravel().astype(int).tolist()]
    runs, last = [], 0
    for position in range(1, len(flat) + 1):
        if position == len(flat) or flat[position] != flat[last]:
            runs.append(position - last)
            last = position
    runs[0] -= 1
    return {'size': list(mask.shape), 'counts': runs}


def write_segments(path: Path, masks: np.ndarray, kind: str) -> Path:
    """A file of masks in one of the accepted forms; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == 'npy':
        np.save(path.with_suffix('.npy'), masks)
    elif kind.startswith('npz'):
        name = {'npz': 'masks', 'npz of another name': 'arr', 'npz of 0 and 1': 'masks'}[kind]
        masks = masks.astype(np.uint8) if kind.endswith('1') else masks
        np.savez_compressed(path.with_suffix('.npz'), **{name: masks})
    else:
        encode = plain_rle if kind == 'plain json' else rle
        content = [{'segmentation': encode(mask), 'area': int(mask.sum())} for mask in masks]
        content = {'annotations': content} if kind == 'SA-1B json' else content
        path.with_suffix('.json').write_text(json.dumps(content))
    return next(path.parent.glob(f'{path.stem}.*'))


KINDS = [
    'npz',
    'npz of another name',
    'npz of 0 and 1',
    'npy',
    'json',
    'plain json',
    'SA-1B json',
]


class TestReadSegments:
    @pytest.mark.parametrize('kind', KINDS)
    def test_forms(self, tmp_path: Path, kind: str) -> None:
        masks = random_masks(6)
        masks[0, 0, 0] = True  # run lengths that begin with a foreground pixel
        masks[1] = True
        path = write_segments(tmp_path / 'x', masks, kind)
        found = read_segments(path)
        assert found.dtype == bool and (found == masks).all()

    def test_nothing_found(self, tmp_path: Path) -> None:
        (tmp_path / 'a.json').write_text('[]')
        assert read_segments(tmp_path / 'a.json').shape == (0, 0, 0)
        np.savez(tmp_path / 'b.npz', masks=np.zeros((0, 4, 5), bool))
        assert read_segments(tmp_path / 'b.npz').shape == (0, 4, 5)

    @pytest.mark.parametrize(
        ('segmentation', 'words'),
        [
            ({'size': [4, 4], 'counts': [3, 5]}, 'do not add up to 4 x 4'),
            ({'size': [4, 4], 'counts': [-3, 19]}, 'do not add up'),
            ({'size': [4, 4], 'counts': '0000'}, 'not those of a mask of 4 x 4'),
            ({'size': [4, 4], 'counts': ''}, 'not those of a mask'),
            ({'size': [4, 4], 'counts': 'zzzz'}, 'not readable as masks'),
            ({'size': [1 << 20, 1 << 20], 'counts': '1'}, '1048576 x 1048576'),
            ({'size': [0, 4], 'counts': []}, '0 x 4 pixels'),
            ({'size': [4], 'counts': []}, 'not readable as masks'),
            ({'counts': []}, 'size'),
        ],
    )
    def test_broken_run_lengths(self, tmp_path: Path, segmentation: dict, words: str) -> None:
        path = tmp_path / 'x.json'
        path.write_text(json.dumps([{'segmentation': segmentation}]))
        with pytest.raises(BrokenFileError, match=words) as caught:
            read_segments(path)
        assert str(path) in str(caught.value) and caught.value.kind == 'broken masks'

    @pytest.mark.parametrize(
        ('name', 'content'),
        [
            ('cut.json', b'[{"segm'),
            ('other.json', b'{"masks": []}'),
            ('number.json', b'3'),
            ('binary.json', b'\xff\xfe\x00'),
            ('empty.npz', b''),
            ('text.npz', b'hello'),
            ('text.npy', b'hello'),
        ],
    )
    def test_broken_files(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BrokenFileError, match=f'{name}: not readable as masks'):
            read_segments(tmp_path / name)

    def test_cut_npz(self, tmp_path: Path) -> None:
        path = write_segments(tmp_path / 'x', random_masks(50), 'npz')
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(BrokenFileError, match='not readable as masks'):
            read_segments(path)

    def test_spoilt_npz(self, tmp_path: Path) -> None:
        path = write_segments(tmp_path / 'x', random_masks(50), 'npz')
        content = bytearray(path.read_bytes())
        content[60:100] = bytes(40)
        path.write_bytes(content)
        with pytest.raises(BrokenFileError, match='not readable as masks'):
            read_segments(path)

    @pytest.mark.parametrize(
        ('arrays', 'words'),
        [
            ({'masks': np.zeros((4, 5), bool)}, r'shape \(4, 5\), expected \(n, H, W\)'),
            ({'masks': np.full((1, 4, 5), 7, np.uint8)}, 'expected bool'),
            ({'masks': np.full((1, 4, 5), -1, np.int8)}, 'no mask'),
            ({'masks': np.zeros((1, 4, 5), np.float32)}, 'float32 values'),
            ({'masks': np.zeros((1, 0, 5), bool)}, 'no mask'),
            ({'a': np.zeros(1), 'b': np.zeros(1)}, 'no array "masks" but a, b'),
            ({'masks': np.array([{}])}, 'not readable as masks'),  # a pickled object
        ],
    )
    def test_arrays_that_are_no_masks(self, tmp_path: Path, arrays: dict, words: str) -> None:
        np.savez(tmp_path / 'x.npz', **arrays)
        with pytest.raises(BrokenFileError, match=words):
            read_segments(tmp_path / 'x.npz')

    @pytest.mark.parametrize('kind', KINDS)
    def test_what_claims_to_be_huge_is_refused_before_it_is_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        masks = random_masks(6)
        path = write_segments(tmp_path / 'x', masks, kind)
        monkeypatch.setattr(segments, 'MAX_VALUES', masks.size - 1)
        with pytest.raises(BrokenFileError, match=f'{masks.size} values, more than'):
            read_segments(path)

    def test_masks_of_two_sizes(self, tmp_path: Path) -> None:
        masks = [np.ones((3, 4), bool), np.ones((4, 3), bool)]
        path = tmp_path / 'x.json'
        path.write_text(json.dumps([{'segmentation': rle(mask)} for mask in masks]))
        with pytest.raises(BrokenFileError, match='different sizes'):
            read_segments(path)
