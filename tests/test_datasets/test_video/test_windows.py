"""Which frames of a video make up a clip."""

import pytest

from avsbench.datasets.video.windows import annotated_window, centre_window, disjoint_windows
from avsbench.utils.errors import ConfigError


@pytest.mark.parametrize(
    ('total', 'centre', 'frames', 'kept'),
    [
        (8, 0, [5, 6, 7, 0, 1, 2], 3),
        (8, 4, [1, 2, 3, 4, 5, 6], 3),
        (8, 7, [4, 5, 6, 7, 0, 1], 3),
        (5, 4, [1, 2, 3, 4, 0, 1], 3),
        (4, 1, [2, 3, 0, 1, 2, 3], 3),
        (3, 2, [2, 0, 1, 2, 0, 1], 0),
        (2, 0, [1, 0, 1, 0, 1, 0], 1),
        (1, 0, [0] * 6, 0),
    ],
)
def test_centre_window(total: int, centre: int, frames: list[int], kept: int) -> None:
    assert centre_window(total, centre, 6) == (frames, [kept], centre)


def test_centre_window_of_another_length() -> None:
    assert centre_window(9, 4, 3).frame_idx == [3, 4, 5]
    assert centre_window(9, 4, 1) == ([4], [0], 4)


@pytest.mark.parametrize('total', range(1, 20))
def test_disjoint_windows_predict_each_frame_once(total: int) -> None:
    windows = list(disjoint_windows(total, 6))
    frames = [window.frame_idx[position] for window in windows for position in window.kept]
    assert frames == list(range(total))
    assert all(len(window.frame_idx) == 6 for window in windows)
    assert len({window.centre for window in windows}) == len(windows) == -(-total // 6)


def test_the_last_disjoint_window_is_shifted_back() -> None:
    assert list(disjoint_windows(8, 6))[-1] == ([2, 3, 4, 5, 6, 7], [4, 5], 5)
    assert list(disjoint_windows(2, 6)) == [([0, 1, 0, 1, 0, 1], [0, 1], 1)]


@pytest.mark.parametrize(
    ('total', 'number', 'first', 'kept'),
    [
        (14, 1, 1, 0),
        (14, 3, 3, 0),
        (14, 4, 1, 3),
        (14, 11, 8, 3),
        (14, 12, 9, 3),
        (14, 13, 9, 4),
        (14, 14, 9, 5),
        (7, 3, 2, 1),  # g + 5 > n: the last six
    ],
)
def test_annotated_window(total: int, number: int, first: int, kept: int) -> None:
    """Numbers from 1, as in A2D's files."""
    window = annotated_window(total, number - 1, 6, 'last_frames')
    assert window == (list(range(first - 1, first + 5)), [kept], number - 1)


def test_annotated_window_of_a_short_video() -> None:
    assert annotated_window(4, 1, 6, 'last_frames') == ([0, 1, 2, 3, 3, 3], [1], 1)
    assert annotated_window(1, 0, 6, 'last_frames') == ([0] * 6, [0], 0)


@pytest.mark.parametrize(
    ('number', 'frames', 'kept'),
    [(1, range(6), 0), (3, range(2, 8), 0), (4, range(6), 3), (11, range(7, 13), 3)],
)
def test_published_windows(number: int, frames: range, kept: int) -> None:
    window = annotated_window(14, number - 1, 6, 'published')
    assert window == (list(frames), [kept], number - 1)


def test_published_windows_near_the_end() -> None:
    """Three frames before the annotated one, the last taken for it; or frames that aren't there."""
    assert annotated_window(14, 11, 6, 'published') == ([8, 9, 10], [-1], 11)
    assert annotated_window(7, 2, 6, 'published').frame_idx[-1] == 7
    with pytest.raises(ConfigError, match="expected one of 'last_frames', 'published'"):
        annotated_window(14, 11, 6, 'publish')
