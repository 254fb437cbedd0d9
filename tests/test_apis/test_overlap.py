"""Stages that work at the same time: order, errors, early ends, and that no thread stays."""

import threading
import time
from itertools import count

import pytest
from video_clips import HIGH, LOW, tone, toy_listener, write_video

from avsbench.apis import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.overlap import ahead
from avsbench.apis.render import render_video
from avsbench.utils.errors import DataError
from avsbench.video import VideoFile

NAMES = {'test', 'clips', 'masks', 'frames'}


def left():
    return [thread.name for thread in threading.enumerate() if thread.name in NAMES]


def test_same_items_in_the_same_order():
    with ahead(range(100), 3, 'test') as items:
        assert list(items) == list(range(100))
    assert left() == []


def test_no_more_than_asked_are_computed_ahead():
    made = []

    def numbers():
        for number in count():
            made.append(number)
            yield number

    with ahead(numbers(), 2, 'test') as items:
        for number in range(5):
            assert next(items) == number
        time.sleep(0.1)
        assert 5 <= len(made) <= 7
    assert left() == []


def test_errors_come_where_their_item_was_asked_for():
    def numbers():
        yield 1
        raise DataError('in.mp4: broken')

    with (
        pytest.raises(DataError, match='in.mp4: broken'),
        ahead(numbers(), 2, 'test') as items,
    ):
        assert next(items) == 1
        next(items)
    assert left() == []


@pytest.mark.parametrize('error', [KeyboardInterrupt, DataError, GeneratorExit])
def test_whatever_ends_the_block_ends_the_thread_and_closes_the_items(error):
    closed = []

    def numbers():
        try:
            yield from count()
        finally:
            closed.append(threading.current_thread().name)

    with pytest.raises(error), ahead(numbers(), 2, 'test') as items:
        next(items)
        raise error
    assert closed == ['test'] and left() == []


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    files = toy_listener(tmp_path_factory.mktemp('listener'))
    return AVSInferencer(*files, device='cpu', show_progress=False)


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / 'in.mp4', 120, tone([LOW, HIGH] * 6), rate=10)


def test_closing_the_stream_early_leaves_no_thread(inferencer, video):
    stream = inferencer.stream(video)
    next(stream)
    stream.close()
    assert left() == []


@pytest.mark.parametrize(
    'place',
    [
        'avsbench.apis.pipeline.ClipPipeline.resize',  # decodes for the network
        'avsbench.apis.render.write_mask',  # beside the network
        'avsbench.apis.render.MaskPainter.paint',  # of the caller
        'avsbench.video.reading.Orientation.upright',  # decodes for the overlay, too
    ],
)
@pytest.mark.parametrize('error', [DataError, KeyboardInterrupt])
def test_an_error_of_any_stage_reaches_the_caller(
    inferencer, video, tmp_path, monkeypatch, place, error
):
    def fail(*_):
        raise error('in.mp4: broken')

    outputs = Outputs(tmp_path / 'out.mp4', tmp_path / 'masks')
    monkeypatch.setattr(place, fail)
    with pytest.raises(error, match='in.mp4: broken'):
        render_video(inferencer, VideoFile(video), outputs)
    assert left() == []
    assert not [path for path in tmp_path.iterdir() if 'out' in path.name or 'mask' in path.name]
