"""What the page says about a network."""

from pathlib import Path

import numpy as np
from motion_clips import toy_motion
from video_clips import toy_listener

from avsbench.apis import AVSInferencer
from avsbench.layouts.avss_classes import CLASSES, palette
from avsbench.page import texts


def test_a_network_that_listens(tmp_path: Path) -> None:
    inferencer = AVSInferencer(*toy_listener(tmp_path), device='cpu')
    assert 'what makes the sound. It was trained on the data set S4.' in texts.introduction(
        inferencer
    )
    inferencer.synthetic = True
    assert 'drawn shapes with made-up sounds' in texts.introduction(inferencer)
    assert texts.legend(inferencer) == ''


def test_a_network_without_sound(tmp_path: Path) -> None:
    inferencer = AVSInferencer(*toy_motion(tmp_path), device='cpu')
    inferencer.synthetic = True
    said = texts.introduction(inferencer)
    assert 'In each frame' in said and 'sound' not in said
    assert '6 consecutive frames' in texts.about(inferencer)


def test_classes_have_their_colours_and_names(tmp_path: Path) -> None:
    inferencer = AVSInferencer(*toy_listener(tmp_path, 'avss'), device='cpu')
    assert 'of 70 kinds' in texts.introduction(inferencer)
    assert texts.legend(inferencer).count('<span') == 70
    one = texts.legend(inferencer, ['bird', 'no class'])
    colour = inferencer.visualizer.class_colours['bird']
    assert one.count('<span') == 1 and 'bird' in one and f'rgb{tuple(colour)}' in one
    assert not np.array_equal(colour, palette()[CLASSES.index('bird')])  # grey in mask files


def test_each_class_counts_where_none_is_the_background(tmp_path: Path) -> None:
    inferencer = AVSInferencer(*toy_listener(tmp_path, 'avss'), device='cpu')
    assert 'finds 70 classes' in texts.clips(inferencer)
    inferencer.background = False
    assert 'finds 71 classes' in texts.clips(inferencer)
    assert 'of 71 kinds' in texts.introduction(inferencer)


def test_errors_are_text() -> None:
    assert texts.fault('a <b> & c') == '<p class="fault" role="alert">a &lt;b&gt; &amp; c</p>'
