"""Colour jitter of clips."""

import cv2
import numpy as np
import pytest

from avsbench.datasets.transforms import ClipFloatPhotometric, ClipPhotoMetricDistortion
from avsbench.datasets.transforms.colour import (
    CHANNEL_ORDERS,
    Jitter,
    float_jittered,
    jittered,
)
from avsbench.utils.errors import ConfigError

NOTHING = Jitter(None, None, None, None, contrast_first=False)


def random_image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (12, 9, 3), dtype=np.uint8)


def clip(frames: int = 4) -> dict:
    return {
        'frames': [random_image() for _ in range(frames)],
        'maskiges': [random_image(1) for _ in range(frames)],
        'masks': np.zeros((frames, 12, 9), np.uint8),
    }


def hsv_of(rgb: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)


def check_ranges(drawn: list) -> None:
    """Half of the draws have each step, spread over its whole range."""
    for name, low, high in (
        ('brightness', -32, 32),
        ('contrast', 0.5, 1.5),
        ('saturation', 0.5, 1.5),
        ('hue', -18, 18),
    ):
        values = [getattr(d, name) for d in drawn if getattr(d, name) is not None]
        assert 0.46 < len(values) / len(drawn) < 0.54
        spread = high - low
        assert low <= min(values) < low + 0.05 * spread
        assert high - 0.05 * spread < max(values) <= high


class TestSteps:
    def test_nothing_drawn_changes_nothing(self) -> None:
        assert (jittered(random_image(), NOTHING) == random_image()).all()

    @pytest.mark.parametrize('delta', [-31.7, 20.5])
    def test_brightness(self, delta: float) -> None:
        expected = np.clip(random_image().astype(np.float32) + np.float32(delta), 0, 255)
        found = jittered(random_image(), NOTHING._replace(brightness=delta))
        assert (found == expected.astype(np.uint8)).all()

    @pytest.mark.parametrize('first', [True, False])
    def test_contrast(self, first: bool) -> None:
        expected = np.clip(random_image().astype(np.float32) * 1.3, 0, 255).astype(np.uint8)
        found = jittered(random_image(), NOTHING._replace(contrast=1.3, contrast_first=first))
        assert (found == expected).all()

    def test_saturation_and_hue_are_those_of_rgb(self) -> None:
        pure = np.zeros((1, 2, 3), np.uint8)
        pure[..., 0] = 200  # red
        grey = jittered(pure, NOTHING._replace(saturation=0.0))
        assert (grey == 200).all()
        green = jittered(pure, NOTHING._replace(hue=60))
        assert green[0, 0].tolist() == [0, 200, 0]
        blue = jittered(pure, NOTHING._replace(hue=-60))
        assert blue[0, 0].tolist() == [0, 0, 200]

    def test_saturation_is_cut_at_the_top(self) -> None:
        before = np.full((1, 1, 3), 100, np.uint8)
        before[..., 0] = 200
        after = hsv_of(jittered(before, NOTHING._replace(saturation=50.0)))
        assert after[0, 0, 1] == 255 and hsv_of(before)[0, 0, 1] < 255

    def test_order(self) -> None:
        """Contrast that saturates the channels does not commute with hue."""
        drawn = NOTHING._replace(contrast=3.0, hue=30)
        contrast, hue = NOTHING._replace(contrast=3.0), NOTHING._replace(hue=30)
        first = jittered(random_image(), drawn._replace(contrast_first=True))
        last = jittered(random_image(), drawn)
        assert (first == jittered(jittered(random_image(), contrast), hue)).all()
        assert (last == jittered(jittered(random_image(), hue), contrast)).all()
        assert (first != last).any()

    def test_the_original_stays(self) -> None:
        original = random_image()
        jittered(original, Jitter(10.0, 1.2, 1.2, 5, True))
        assert (original == random_image()).all()


class TestDraws:
    def test_ranges_and_probabilities(self) -> None:
        np.random.seed(0)
        transform = ClipPhotoMetricDistortion()
        drawn = [transform._draw() for _ in range(4000)]
        check_ranges(drawn)
        assert {d.hue for d in drawn} - {None} == set(range(-18, 19))
        assert 0.46 < sum(d.contrast_first for d in drawn) / len(drawn) < 0.54
        flags = np.array([[value is not None for value in d[:4]] for d in drawn])
        assert abs(np.corrcoef(flags.T) - np.eye(4)).max() < 0.06  # independent of each other

    def test_once_a_clip(self) -> None:
        np.random.seed(1)
        changed = 0
        for _ in range(20):
            after = ClipPhotoMetricDistortion().transform(clip())
            assert all((frame == after['frames'][0]).all() for frame in after['frames'])
            assert all((maskige == random_image(1)).all() for maskige in after['maskiges'])
            changed += (after['frames'][0] != random_image()).any()
        assert changed > 12

    def test_each_frame_and_the_maskiges(self) -> None:
        np.random.seed(1)
        transform = ClipPhotoMetricDistortion(per_frame=True, maskiges=True)
        after = transform.transform(clip(8))
        for key in ('frames', 'maskiges'):
            assert len({frame.tobytes() for frame in after[key]}) > 4
        assert not after['masks'].any()

    def test_maskiges_get_the_draw_of_the_clip(self) -> None:
        np.random.seed(3)
        for _ in range(10):
            results = clip(2)
            results['maskiges'] = [random_image() for _ in range(2)]
            after = ClipPhotoMetricDistortion(maskiges=True).transform(results)
            assert (after['maskiges'][1] == after['frames'][0]).all()

    def test_same_seed_same_jitter(self) -> None:
        runs = []
        for _ in range(2):
            np.random.seed(5)
            transform = ClipPhotoMetricDistortion(per_frame=True)
            runs.append(np.stack(transform.transform(clip())['frames']))
        assert (runs[0] == runs[1]).all()

    def test_clips_without_maskiges(self) -> None:
        results = clip()
        del results['maskiges']
        assert 'maskiges' not in ClipPhotoMetricDistortion(maskiges=True).transform(results)


@pytest.mark.parametrize('name', ['contrast_range', 'saturation_range'])
def test_bad_ranges(name: str) -> None:
    with pytest.raises(ConfigError, match=rf'ClipPhotoMetricDistortion: {name}=\(1.5, 0.5\)'):
        ClipPhotoMetricDistortion(**{name: (1.5, 0.5)})


class TestFloat:
    """`ClipFloatPhotometric`; the fixture `video_data` compares it with the published code."""

    def test_bright_areas_wrap_or_are_clipped(self) -> None:
        image = np.full((2, 2, 3), 250, np.uint8)
        drawn = NOTHING._replace(brightness=20.75)
        assert (float_jittered(image, drawn, 'wrap') == 14).all()  # 270.75 - 256, cut off
        assert (float_jittered(image, drawn, 'clip') == 255).all()

    def test_dark_areas_wrap_or_are_clipped(self) -> None:
        drawn = NOTHING._replace(brightness=-20.75)
        image = np.full((2, 2, 3), 10, np.uint8)
        assert (float_jittered(image, drawn, 'wrap') == 246).all()  # -10.75 is cut to -10
        assert (float_jittered(image, drawn, 'clip') == 0).all()

    def test_hue_turns_with_red_for_blue(self) -> None:
        red = np.full((1, 1, 3), (200, 0, 0), np.uint8)
        turned = float_jittered(red, NOTHING._replace(hue=-60.0), 'clip')
        # OpenCV takes it for blue, hue 240, and returns cyan: blue, then green, in its order.
        assert abs(turned.astype(int) - [200, 200, 0]).max() <= 1
        around = float_jittered(red, NOTHING._replace(hue=180.0), 'clip')  # 420 is 60
        assert abs(around.astype(int) - [0, 200, 200]).max() <= 1

    def test_contrast_before_or_after_the_colours(self) -> None:
        drawn = Jitter(None, 1.3, 1.4, None, contrast_first=False, channel_order=(2, 0, 1))
        image = random_image()
        after = float_jittered(image, drawn, 'clip')
        first = float_jittered(image, drawn._replace(contrast_first=True), 'clip')
        # Both scale the whole triple of a pixel, so that only rounding tells them apart.
        assert abs(after.astype(int) - first).max() <= 1
        plain = float_jittered(image, drawn._replace(channel_order=None), 'clip')
        assert (after == plain[..., [2, 0, 1]]).all()

    def test_draws(self) -> None:
        np.random.seed(0)
        drawn = [ClipFloatPhotometric('wrap')._draw() for _ in range(3000)]
        check_ranges(drawn)
        orders = [d.channel_order for d in drawn if d.channel_order is not None]
        assert 0.46 < len(orders) / len(drawn) < 0.54
        assert set(orders) == set(CHANNEL_ORDERS)
        assert 0.46 < sum(d.contrast_first for d in drawn) / len(drawn) < 0.54

    def test_each_frame_is_drawn_anew(self) -> None:
        np.random.seed(0)
        after = ClipFloatPhotometric('clip').transform(clip(8))
        assert len({frame.tobytes() for frame in after['frames']}) > 4
        assert all((maskige == random_image(1)).all() for maskige in after['maskiges'])

    def test_overflow_is_checked(self) -> None:
        with pytest.raises(ConfigError, match="overflow='warp'.*'wrap'"):
            ClipFloatPhotometric('warp')
