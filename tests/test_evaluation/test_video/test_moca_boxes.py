import cv2
import numpy as np
import pytest

from avsbench.evaluation.video import moca


def painted(*rects, size=(30, 50)):
    mask = np.zeros(size, np.uint8)
    for x, y, width, height, value in rects:
        mask[y : y + height, x : x + width] = value
    return mask


def test_border_counts_corners_once():
    mask = painted((0, 0, 50, 1, 255))
    assert moca.border_share(mask) == 50 / (2 * 30 + 2 * 50 - 4)
    assert moca.border_share(painted((0, 0, 50, 30, 127))) == 0
    assert moca.border_share(painted((0, 0, 50, 30, 128))) == 1
    assert moca.border_share(painted((1, 1, 48, 28, 255))) == 0


def test_mask_is_inverted_above_half_of_the_border():
    half = painted((0, 0, 40, 1, 255), (0, 0, 1, 39, 255), size=(40, 40))  # 78 of 156
    more = painted((0, 0, 40, 1, 255), (0, 0, 1, 40, 255), size=(40, 40))
    assert moca.upright(half) is half
    assert np.array_equal(moca.upright(more), 255 - more)
    hole = painted((0, 0, 50, 30, 255), (20, 9, 6, 5, 0))
    assert moca.find_box(moca.upright(hole)) == (20, 9, 6, 5)


def test_foreground_begins_at_26():
    assert moca.find_box(painted((4, 5, 6, 7, 25))) is None
    assert moca.find_box(painted((4, 5, 6, 7, 26))) == (4, 5, 6, 7)


def test_the_box_with_the_most_foreground_counts():
    large_but_thin = [(2, 2, 2, 20, 255), (2, 20, 20, 2, 255)]
    assert moca.find_box(painted(*large_but_thin, (30, 2, 12, 12, 255))) == (30, 2, 12, 12)
    # what lies in a ring counts for the ring, pixels that touch by a corner are one blob
    ring = [(5, 5, 20, 20, 255), (7, 7, 16, 16, 0), (12, 12, 4, 4, 255), (25, 25, 3, 3, 255)]
    assert moca.find_box(painted(*ring)) == (5, 5, 23, 23)


def test_equal_boxes():
    row = painted((5, 5, 6, 6, 255), (30, 5, 6, 6, 255))
    assert moca.find_box(row) == (30, 5, 6, 6)  # the rightmost in a row
    column = painted((30, 2, 6, 6, 255), (5, 15, 6, 6, 255))
    assert moca.find_box(column) == (5, 15, 6, 6)  # the lowest
    # the first pixel counts, not the corner of the box
    lean = painted((8, 3, 6, 2, 255), (3, 5, 6, 2, 255), (33, 3, 6, 2, 255), (38, 5, 6, 2, 255))
    assert moca.find_box(lean) == (33, 3, 11, 4)


def published_box(mask):
    """The published rule, in OpenCV's order."""
    foreground = np.where(mask > 25.5, 255, 0).astype(np.uint8)
    contours = cv2.findContours(foreground, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    best, most = None, 0
    for x, y, width, height in map(cv2.boundingRect, contours):
        held = foreground[y : y + height, x : x + width].sum(dtype=np.int64)
        if held > most:
            best, most = (x, y, width, height), held
    return best


@pytest.mark.parametrize('seed', range(8))
def test_boxes_are_those_of_contours(seed):
    share = (0.02, 0.1, 0.3, 0.5)[seed % 4]  # from many equal blobs to few with holes
    mask = (np.random.default_rng(seed).random((40, 60)) < share).astype(np.uint8) * 255
    assert moca.find_box(mask) == published_box(mask)


def test_scaling_and_iou():
    assert moca.scaled_box((4, 5, 6, 10), (30, 50), (60, 200)) == (16, 10, 40, 30)
    assert moca.box_iou((0, 0, 4, 4), (2, 2, 6, 6)) == 4 / 28
    assert moca.box_iou((0, 0, 4, 4), (4, 0, 8, 4)) == 0
    assert moca.box_iou((0, 0, 4, 4), (9, 9, 8, 8)) == 0  # both sides negative
    assert moca.corners([-3, 2, 10, 5]) == (0, 2, 10, 7)  # 0 before the width is added
    assert moca.frame_iou(painted(), [0, 0, 5, 5], (30, 50)) == 0
    assert moca.frame_iou(painted((0, 2, 10, 5, 255)), [-3, 2, 10, 5], (30, 50)) == 1


def test_scores_of_motions():
    frames = [moca.FrameScore(0.5, 0), moca.FrameScore(0.95, 0), moca.FrameScore(0.7, 2)]
    scores = moca.motion_scores(frames)
    assert scores['locomotion'] == (pytest.approx(0.725), (1, 1, 1, 1, 1), 2)  # strictly above
    assert scores['deformation'] == (-1, (0, 0, 0, 0, 0), 0)
    assert scores['static'] == (0.7, (1, 1, 0, 0, 0), 1)
    assert scores['all'].frames == 3
    assert moca.success_rates(scores['all'])[0.6] == 2 / 3
    assert set(moca.success_rates(scores['deformation']).values()) == {-1}


def test_mean_over_videos():
    videos = {'a': [moca.FrameScore(1, 0)] * 3, 'b': [moca.FrameScore(0, 0)]}
    assert moca.mean_iou(videos) == 0.5
