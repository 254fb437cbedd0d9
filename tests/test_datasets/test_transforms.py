"""Transforms of clips: geometry, randomness drawn once a clip, packing."""

import numpy as np
import pytest
from mmengine.dataset import Compose
from PIL import Image

from avsbench.datasets.transforms import (
    ClipPad,
    ClipRandomAffine,
    ClipRandomChoiceResize,
    ClipRandomCrop,
    ClipRandomFlip,
    ClipResize,
    ClipShortSideCrop,
    LoadClip,
    LoadFrames,
)
from avsbench.datasets.transforms.clip_transforms import fitted_size
from avsbench.utils.errors import ConfigError, DataError


def clip(size: tuple[int, int] = (20, 30), frames: int = 3) -> dict:
    """A loaded clip whose masks are a function of its frames, so that a mismatch shows."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(frames)]
    return {
        'clip_id': 'a/b',
        'subset': 's4',
        'sample_idx': 4,
        'frame_paths': [f'{k}.png' for k in range(frames)],
        'frames': images,
        'masks': np.stack([image[..., 0] // 64 for image in images]),
        'gt_valid': np.array([True] + [False] * (frames - 1)),
        'log_mel': np.zeros((frames, 1, 96, 64), np.float32),
        'front_end': 'vggish',
        'ori_shape': size,
        'img_shape': size,
    }


def test_resize_is_pillows() -> None:
    before, after = clip(), ClipResize((11, 17)).transform(clip())
    for old, new in zip(before['frames'], after['frames'], strict=True):
        expected = Image.fromarray(old).resize((17, 11), Image.Resampling.BILINEAR)
        assert (new == np.asarray(expected)).all()
    for old, new in zip(before['masks'], after['masks'], strict=True):
        expected = Image.fromarray(old).resize((17, 11), Image.Resampling.NEAREST)
        assert (new == np.asarray(expected)).all()
    assert after['img_shape'] == (11, 17)
    assert after['ori_shape'] == (20, 30)


def test_resize_to_the_same_size_changes_nothing() -> None:
    before, after = clip(), ClipResize([20, 30]).transform(clip())
    assert all(
        (old == new).all() for old, new in zip(before['frames'], after['frames'], strict=True)
    )
    assert (before['masks'] == after['masks']).all()


@pytest.mark.parametrize(
    ('size', 'resized', 'corner'),
    [
        ((20, 31), (10, 15), (0, 2)),  # int(15.5), then round(2.5) to the even number
        ((31, 20), (15, 10), (2, 0)),
        ((20, 34), (10, 17), (0, 4)),  # round(3.5)
        ((20, 20), (10, 10), (0, 0)),
        ((5, 8), (10, 16), (0, 3)),
    ],
)
def test_short_side_crop(size: tuple, resized: tuple, corner: tuple) -> None:
    before, after = clip(size), ClipShortSideCrop(10).transform(clip(size))
    top, left = corner
    for old, new in zip(before['frames'], after['frames'], strict=True):
        expected = Image.fromarray(old).resize(resized[::-1], Image.Resampling.BILINEAR)
        assert (new == np.asarray(expected)[top : top + 10, left : left + 10]).all()
    for old, new in zip(before['masks'], after['masks'], strict=True):
        expected = Image.fromarray(old).resize(resized[::-1], Image.Resampling.NEAREST)
        assert (new == np.asarray(expected)[top : top + 10, left : left + 10]).all()
    assert after['img_shape'] == (10, 10)


def in_step(results: dict) -> bool:
    """Masks still belong to their frames."""
    pairs = zip(results['frames'], results['masks'], strict=True)
    return all((frame[..., 0] // 64 == mask).all() for frame, mask in pairs)


def test_flip_takes_all_frames_or_none() -> None:
    np.random.seed(0)
    flips, before = [], clip()
    for _ in range(40):
        after = ClipRandomFlip(0.5).transform(clip())
        step = -1 if after['flip'] else 1
        for old, new in zip(before['frames'], after['frames'], strict=True):
            assert (new == old[:, ::step]).all()
        assert in_step(after)
        flips.append(after['flip'])
    assert 8 < sum(flips) < 32
    assert not any(ClipRandomFlip(0.0).transform(clip())['flip'] for _ in range(20))
    assert all(ClipRandomFlip(1.0).transform(clip())['flip'] for _ in range(20))


def test_affine_turns_all_frames_alike() -> None:
    np.random.seed(0)
    before, images = clip(), set()
    turn = ClipRandomAffine(degrees=20, scale=(0.5, 1.0), shear=10)
    for _ in range(10):
        results = clip()
        results['frames'] = [results['frames'][0]] * 3
        results['masks'] = results['masks'][[0, 0, 0]]
        results['maskiges'] = [frame // 2 for frame in results['frames']]
        after = turn.transform(results)
        assert in_step(after)
        assert all((frame == after['frames'][0]).all() for frame in after['frames'])
        assert all((maskige == after['frames'][0] // 2).all() for maskige in after['maskiges'])
        assert after['img_shape'] == before['img_shape']
        images.add(after['frames'][0].tobytes())
    assert len(images) == 10


def test_affine_draws_within_its_ranges() -> None:
    np.random.seed(0)
    turn = ClipRandomAffine(degrees=20, scale=(0.5, 1.0), shear=10)
    drawn = np.array([turn._draw() for _ in range(300)])
    for column, (low, high) in zip(drawn.T, ((-20, 20), (0.5, 1.0), (-10, 10)), strict=True):
        spread = high - low
        assert low <= column.min() < low + 0.1 * spread
        assert high >= column.max() > high - 0.1 * spread


def test_affine_about_the_centre_fills_with_black() -> None:
    same = ClipRandomAffine(degrees=0, scale=(1.0, 1.0), shear=0).transform(clip())
    for old, new in zip(clip()['frames'], same['frames'], strict=True):
        assert (old == new).all()
    half = clip()
    half['frames'] = [np.full_like(frame, 200) for frame in half['frames']]
    half = ClipRandomAffine(degrees=0, scale=(0.5, 0.5), shear=0).transform(half)
    wanted = np.zeros((20, 30, 3), np.uint8)
    wanted[5:15, 7:23] = 200
    # The edge of 15 columns lies on pixel centres: nearest takes either of them.
    assert (half['frames'][0] != wanted).sum() <= 2 * 10 * 3


def test_crop_takes_one_window_of_all_frames() -> None:
    np.random.seed(0)
    before, corners = clip(), set()
    for _ in range(300):
        after = ClipRandomCrop((18, 27)).transform(clip())
        places = [
            (top, left)
            for top in range(3)
            for left in range(4)
            if all(
                (new == old[top : top + 18, left : left + 27]).all()
                for old, new in zip(before['frames'], after['frames'], strict=True)
            )
        ]
        assert len(places) == 1
        assert in_step(after)
        assert after['img_shape'] == (18, 27)
        corners.update(places)
    assert len(corners) == 12  # every window, also those at the edges


def with_maskiges(size: tuple[int, int] = (20, 30), frames: int = 3) -> dict:
    """A clip whose Maskiges are its frames in other colours."""
    results = clip(size, frames)
    results['maskiges'] = [255 - frame for frame in results['frames']]
    return results


@pytest.mark.parametrize(
    'transform',
    [
        ClipResize((11, 17)),
        ClipShortSideCrop(10),
        ClipRandomCrop((18, 27)),
        ClipRandomFlip(0.5),
        ClipRandomChoiceResize([10, 15, 25], 40),
    ],
    ids=lambda transform: type(transform).__name__,
)
def test_maskiges_move_as_frames_do(transform) -> None:
    for seed in range(8):
        np.random.seed(seed)
        plain = transform.transform(clip())
        np.random.seed(seed)
        both = transform.transform(with_maskiges())
        assert len(both['maskiges']) == 3
        for alone, frame, maskige in zip(
            plain['frames'], both['frames'], both['maskiges'], strict=True
        ):
            assert (alone == frame).all()
            # bilinear on the inverted image differs by rounding alone
            assert abs(255 - maskige.astype(int) - frame).max() <= 2


@pytest.mark.parametrize(
    ('shape', 'short_side', 'expected'),
    [
        ((224, 224), 112, (112, 112)),
        ((224, 224), 448, (448, 448)),
        ((405, 720), 112, (112, 199)),  # 199.11
        ((720, 405), 201, (357, 201)),  # 357.33
        ((100, 150), 125, (125, 188)),  # 187.5, upwards
        ((100, 400), 448, (224, 896)),  # the longer side is limited
        ((400, 100), 224, (896, 224)),
    ],
)
def test_sizes_of_the_choice(shape: tuple, short_side: int, expected: tuple) -> None:
    assert fitted_size(shape, short_side, 896) == expected


def test_choice_resizes_all_frames_to_one_size() -> None:
    np.random.seed(0)
    transform, sizes = ClipRandomChoiceResize([10, 15, 20], 24), set()
    for _ in range(60):
        before, after = clip(), transform.transform(clip())
        height, width = after['img_shape']
        sizes.add((height, width))
        for old, new in zip(before['frames'], after['frames'], strict=True):
            expected = Image.fromarray(old).resize((width, height), Image.Resampling.BILINEAR)
            assert (new == np.asarray(expected)).all()
        assert after['masks'].shape == (3, height, width)
    assert sizes == {(10, 15), (15, 23), (16, 24)}


def test_crop_that_keeps_smaller_sides() -> None:
    np.random.seed(0)
    corners, before = set(), clip((20, 30))
    for _ in range(200):
        after = ClipRandomCrop((25, 27), keep_smaller=True).transform(clip((20, 30)))
        assert after['img_shape'] == (20, 27) == after['frames'][0].shape[:2]
        assert in_step(after)
        corners |= {
            x for x in range(4) if (after['frames'][0] == before['frames'][0][:, x : x + 27]).all()
        }
    assert corners == {0, 1, 2, 3}
    whole = ClipRandomCrop((25, 40), keep_smaller=True).transform(clip((20, 30)))
    assert whole['img_shape'] == (20, 30)


def test_pad() -> None:
    before, after = with_maskiges(), ClipPad((24, 32), value=128).transform(with_maskiges())
    assert after['img_shape'] == (24, 32)
    assert after['masks'].dtype == np.uint8
    for key in ('frames', 'maskiges'):
        for old, new in zip(before[key], after[key], strict=True):
            assert new.shape == (24, 32, 3) and new.dtype == np.uint8
            assert (new[:20, :30] == old).all()
            assert (new[20:] == 128).all() and (new[:, 30:] == 128).all()
    assert (after['masks'][:, :20, :30] == before['masks']).all()
    assert (after['masks'][:, 20:] == 255).all() and (after['masks'][:, :, 30:] == 255).all()


def test_pad_of_the_same_size_changes_nothing() -> None:
    before, after = clip(), ClipPad((20, 30)).transform(clip())
    assert (np.stack(before['frames']) == np.stack(after['frames'])).all()
    assert (before['masks'] == after['masks']).all()


def test_pad_does_not_cut() -> None:
    with pytest.raises(DataError, match=r'a/b: ClipPad\(size=\(10, 40\)\).*put ClipRandomCrop'):
        ClipPad((10, 40)).transform(clip())


def test_augmentation_of_published_sizes_gives_batches() -> None:
    """Whatever is drawn, a clip comes out at 224 x 224, with the frame in the upper left corner."""
    steps = [
        ClipRandomChoiceResize([112, 224, 448], 896),
        ClipRandomCrop((224, 224), keep_smaller=True),
        ClipPad((224, 224)),
    ]
    np.random.seed(0)
    shares = set()
    for _ in range(12):
        results = with_maskiges((30, 40), frames=1)
        for step in steps:
            results = step.transform(results)
        assert np.stack(results['frames']).shape == (1, 224, 224, 3)
        inside = results['masks'][0] != 255
        assert inside[0, 0]
        shares.add(round(float(inside.mean()), 3))
    assert shares == {round(112 * 149 / 224**2, 3), 1.0}


def test_crop_needs_large_enough_frames() -> None:
    with pytest.raises(DataError, match=r'a/b: ClipRandomCrop\(size=\(21, 10\)\).*ClipResize'):
        ClipRandomCrop((21, 10)).transform(clip())


BAD_ARGUMENTS = [
    (ClipRandomChoiceResize, {'short_sides': [], 'max_long': 5}, 'short_sides is empty'),
    (ClipRandomChoiceResize, {'short_sides': [5, 0], 'max_long': 5}, 'short_sides=[5, 0]'),
    (ClipRandomChoiceResize, {'short_sides': [5], 'max_long': 2.5}, 'max_long=(2.5,)'),
    (ClipPad, {'size': (5, 0)}, 'size=(5, 0)'),
    (ClipResize, {'size': (0, 5)}, 'size=(0, 5)'),
    (ClipResize, {'size': (5, 5, 5)}, 'size=(5, 5, 5)'),
    (ClipShortSideCrop, {'size': 2.5}, 'size=(2.5, 2.5)'),
    (ClipRandomCrop, {'size': (5, -1)}, 'size=(5, -1)'),
    (ClipRandomFlip, {'prob': 2}, 'prob=2'),
    (ClipRandomAffine, {'degrees': 1, 'scale': (1.0, 0.5), 'shear': 0}, 'scale=(1.0, 0.5)'),
    (LoadClip, {'grey': 'eror'}, "did you mean 'error'?"),
    (LoadFrames, {'grey': 'eror'}, "did you mean 'error'?"),
    (LoadClip, {'unknown_colour': 'ignore'}, "expected one of 'error', 'background'"),
]


@pytest.mark.parametrize(('kind', 'arguments', 'words'), BAD_ARGUMENTS)
def test_bad_arguments(kind: type, arguments: dict, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(**arguments)
    assert words in str(caught.value)
    assert kind.__name__ in str(caught.value)


def test_names_in_configs() -> None:
    names = ('LoadClip', 'KeepAnnotatedFrames', 'PackAVSInputs')
    pipeline = Compose([dict(type=name) for name in names])
    assert [type(transform).__name__ for transform in pipeline.transforms] == list(names)
