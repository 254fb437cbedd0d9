from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from avsbench.apis import summary
from avsbench.apis.prediction import NO_CLASS, MaskPrediction, TableRow
from avsbench.apis.selection import MaskSpan
from avsbench.apis.summary import VideoSummary


def prediction(index, fps=1, sound=True):
    return MaskPrediction(
        span=MaskSpan(index, Fraction(index, fps), Fraction(index + 1, fps)),
        size=(8, 8),
        labels=None,
        score=torch.zeros(4, 4),
        frame=np.zeros((4, 4, 3), np.uint8),
        log_mel=np.full((96, 64), index, np.float32) if sound else None,
    )


def test_probabilities_are_taken_as_they_are():
    one = replace(prediction(0), score=torch.full((4, 4), 0.6), has_logit=False)
    mask, probability = one.masked()
    assert (mask == 1).all() and np.allclose(probability, 0.6)
    assert (replace(one, threshold=0.7).masked()[0] == 0).all()


def filled(count, fps=1):
    found = VideoSummary()
    for index in range(count):
        row = TableRow(index + 1, index / fps, 'sounding', index / count, 0.5)
        found.add(prediction(index, fps), [row])
    return found


def test_all_of_a_short_video():
    found = filled(6, fps=2)
    assert [p.span.index for p in found.frames] == list(range(6)) and found.end == 3
    assert found.starts == [0, 0.5, 1, 1.5, 2, 2.5]
    assert found.areas == {'sounding': [0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6]}
    log_mel, span = found.log_mel
    assert log_mel.shape == (3, 12, 64) and span == 3
    assert log_mel[:, 0, 0].tolist() == [0, 2, 4]


def test_a_long_video_stays_within_the_bounds(monkeypatch):
    monkeypatch.setattr(summary, 'MAX_POINTS', 10)
    found = filled(1000)
    assert len(found.frames) <= summary.MAX_FRAMES and len(found.starts) <= 10
    indices = [p.span.index for p in found.frames]
    assert indices[0] == 0 and len(set(np.diff(indices))) == 1 and indices[-1] > 900
    log_mel, span = found.log_mel
    assert len(log_mel) <= 10 and span == pytest.approx(1000, rel=0.15)
    assert found.end == 1000


def test_empty_masks_count_as_area_0():
    found = VideoSummary()
    found.add(prediction(0), [TableRow(1, 0, NO_CLASS, 0.0, None)])
    found.add(prediction(1), [TableRow(2, 1, 'dog', 0.25, 0.9)])
    assert found.areas == {'dog': [0.0, 0.25]}
