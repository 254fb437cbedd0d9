"""Transforms of clips of videos without sound."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import interpolate

from avsbench.datasets.transforms import (
    ClipRandomCrop,
    ClipRandomScale,
    ClipRandomSizedCrop,
    ClipResizeMasks,
    ClipResizeShorter,
)
from avsbench.datasets.transforms.video_transforms import shorter_side_size
from avsbench.utils.errors import ConfigError, DataError


def clip(size: tuple[int, int] = (20, 30), frames: int = 3) -> dict:
    """A loaded clip whose masks are a function of its frames, so that a mismatch shows."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(frames)]
    return {
        'clip_id': 'bear/00000',
        'frames': images,
        'masks': np.stack([image[..., 0] // 64 for image in images]),
        'gt_valid': np.ones(frames, bool),
        'img_shape': size,
    }


def bilinear(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(frame).resize(size[::-1], Image.Resampling.BILINEAR))


def torch_nearest(masks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return interpolate(torch.from_numpy(masks)[:, None].double(), size).byte()[:, 0].numpy()


@pytest.mark.parametrize(
    ('size', 'shorter', 'longest', 'expected'),
    [
        ((480, 854), 473, 851, (473, 841)),
        ((480, 910), 473, 851, (449, 851)),  # limited by the longer side
        ((1280, 720), 473, 851, (840, 473)),
        ((480, 854), 800, 800, (450, 800)),
        ((480, 854), 480, None, (480, 854)),
        ((500, 500), 473, 851, (473, 473)),
        ((900, 300), 360, 648, (648, 216)),
        ((4, 10), 9, 5, (2, 5)),
        ((10, 20), 9, 5, (2, 4)),  # 2.5 is rounded to the even number
    ],
)
def test_size_rule(size: tuple, shorter: int, longest: int | None, expected: tuple) -> None:
    assert shorter_side_size(size, shorter, longest) == expected


class TestResizeShorter:
    def test_frames_as_by_pillow_and_masks_as_by_torch(self) -> None:
        before, after = clip(), ClipResizeShorter(13).transform(clip())
        assert after['img_shape'] == (13, 19)
        for old, new in zip(before['frames'], after['frames'], strict=True):
            assert (new == bilinear(old, (13, 19))).all()
        assert (after['masks'] == torch_nearest(before['masks'], (13, 19))).all()

    def test_masks_can_stay(self) -> None:
        after = ClipResizeShorter(13, 17, masks=False).transform(clip())
        assert after['img_shape'] == after['frames'][0].shape[:2] == (11, 16)
        assert (after['masks'] == clip()['masks']).all()
        with pytest.raises(ConfigError, match='masks of'):
            ClipRandomCrop((5, 5)).transform(after)

    def test_one_draw_for_a_clip(self) -> None:
        np.random.seed(0)
        transform = ClipResizeShorter([8, 12, 16])
        found = [transform.transform(clip()) for _ in range(40)]
        assert {results['img_shape'] for results in found} == {(8, 12), (12, 18), (16, 24)}
        assert all(len({frame.shape for frame in results['frames']}) == 1 for results in found)

    def test_settings_are_checked(self) -> None:
        with pytest.raises(ConfigError, match='shorter is empty'):
            ClipResizeShorter([])
        with pytest.raises(ConfigError, match='longest'):
            ClipResizeShorter(8, 0)


class TestRandomSizedCrop:
    def test_sides_and_places(self) -> None:
        np.random.seed(0)
        before, sizes, corners = clip((6, 9)), set(), set()
        for _ in range(600):
            after = ClipRandomSizedCrop(4, 7).transform(clip((6, 9)))
            height, width = after['img_shape']
            sizes.add((height, width))
            corner = next(
                (top, left)
                for top in range(7 - height)
                for left in range(10 - width)
                if (
                    after['masks'] == before['masks'][:, top : top + height, left : left + width]
                ).all()
            )
            corners.add((height, width, *corner))
            top, left = corner
            for old, new in zip(before['frames'], after['frames'], strict=True):
                assert (new == old[top : top + height, left : left + width]).all()
        assert sizes == {(height, width) for height in (4, 5, 6) for width in (4, 5, 6, 7)}
        assert {corner[2:] for corner in corners if corner[:2] == (4, 4)} == {
            (top, left) for top in range(3) for left in range(6)
        }

    def test_a_small_clip_is_an_error(self) -> None:
        with pytest.raises(DataError, match=r'bear/00000: .*smallest=21.*\(20, 30\)'):
            ClipRandomSizedCrop(21, 40).transform(clip())

    def test_settings_are_checked(self) -> None:
        with pytest.raises(ConfigError, match='exceeds'):
            ClipRandomSizedCrop(9, 8)


class TestRandomScale:
    def test_the_frame_is_scaled_and_kept_to(self) -> None:
        np.random.seed(0)
        for _ in range(30):
            results = clip((20, 40))
            height, width = ClipRandomScale((10, 17), (0.5, 2)).transform(results)['img_shape']
            # 17 limits the longer side before 10 does the shorter one.
            assert 8 <= width <= 34 and abs(2 * height - width) <= 1
        assert (results['masks'] == torch_nearest(clip((20, 40))['masks'], (height, width))).all()

    def test_settings_are_checked(self) -> None:
        with pytest.raises(ConfigError, match='ratio_range'):
            ClipRandomScale((10, 17), (2, 0.5))


class TestCropOfSeveralClasses:
    def filled(self) -> dict:
        """Class 1 but for two columns at the right edge, and an unlabelled frame of class 0."""
        results = clip((4, 40), 2)
        results['masks'][:] = 1
        results['masks'][:, :, 38:] = 2
        results['masks'][1] = 0
        results['gt_valid'] = np.array([True, False])
        return results

    def test_windows_of_one_class_are_drawn_again(self) -> None:
        def share(transform: ClipRandomCrop) -> float:
            np.random.seed(0)
            after = [transform.transform(self.filled())['masks'][0] for _ in range(200)]
            return np.mean([(masks == 2).any() for masks in after])

        plain = share(ClipRandomCrop((4, 4)))
        several = share(ClipRandomCrop((4, 4), max_class_share=0.76))
        assert plain < 0.12
        # Eleven draws of which two or three in 37 serve, and the last one counts in any case.
        assert 0.4 < several < 0.7

    def test_unlabelled_pixels_do_not_count(self) -> None:
        results = self.filled()
        results['masks'][0, :, :38] = 255
        results['masks'][0, 0, 0] = 1
        transform = ClipRandomCrop((4, 40), max_class_share=0.75)
        assert not transform._is_varied(results, (0, 0), (4, 40))  # 8 of 9 are of class 2
        results['masks'][0, 1, 0:2] = 1
        assert transform._is_varied(results, (0, 0), (4, 40))  # 8 of 11

    def test_settings_are_checked(self) -> None:
        with pytest.raises(ConfigError, match='max_class_share'):
            ClipRandomCrop((4, 4), max_class_share=75)


def test_masks_are_resized_alone() -> None:
    before, after = clip(), ClipResizeMasks((32, 48)).transform(clip())
    assert after['img_shape'] == (20, 30)
    assert all((a == b).all() for a, b in zip(before['frames'], after['frames'], strict=True))
    assert (after['masks'] == torch_nearest(before['masks'], (32, 48))).all()
    centre = np.asarray(Image.fromarray(before['masks'][0]).resize((48, 32), 0))
    assert (after['masks'][0] != centre).any()
