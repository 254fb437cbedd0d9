import math

import pytest

from avsbench.evaluation.video import youtube_objects


def test_shots_are_pooled_sequences_and_classes_are_not():
    ious = {
        ('cat', '2'): [1.0, 0.0, 0.5],
        ('bird', '1'): [0.2],
        ('bird', '7'): [0.4, 0.6],
        ('bird', '9'): [],  # listed, but without a mask
    }
    classes, overall = youtube_objects.class_means(ious)
    assert list(classes) == ['bird', 'cat']
    assert classes == pytest.approx({'bird': 0.35, 'cat': 0.5})
    assert overall == pytest.approx(0.425)


def test_nothing_to_average():
    classes, overall = youtube_objects.class_means({('cat', '1'): []})
    assert classes == {} and math.isnan(overall)
