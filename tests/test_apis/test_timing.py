"""The stages of a job: what counts as which, and that nothing is counted unasked."""

import threading

import pytest
from video_clips import HIGH, LOW, tone, toy_listener, write_video

from avsbench.apis import AVSInferencer, timing
from avsbench.apis.outputs import Outputs
from avsbench.apis.overlap import ahead
from avsbench.apis.render import render_video
from avsbench.apis.timing import measure_stages, stage, timed
from avsbench.video import VideoFile

DONE = threading.Event()


def _begins():
    with stage('theirs'):
        yield 'begun'
        DONE.wait(60)
    yield 'done'


@pytest.fixture
def wait(monkeypatch):
    """Function that lets seconds pass."""
    now = [0.0]
    monkeypatch.setattr(timing.time, 'perf_counter', lambda: now[0])
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_inner_stages_count_for_themselves(wait):
    with measure_stages() as clock:
        with stage('outer'):
            wait(1)
            with stage('inner'):
                wait(3)
            wait(1)
        wait(5)
    with stage('outer'):
        wait(100)  # nobody measures any more
    assert clock.seconds == {'outer': 2, 'inner': 3}
    assert clock.shares(10) == {'outer': 0.2, 'inner': 0.3, 'rest': 0.5}


def test_items_count_without_what_is_done_with_them(wait):
    def items():
        for number in range(3):
            wait(1)
            yield number

    with measure_stages() as clock:
        for _ in timed('items', items()):
            wait(10)
    assert clock.seconds == {'items': 3}


def test_stages_of_a_video(tmp_path):
    """Every stage of the report is measured; they work side by side."""
    inferencer = AVSInferencer(*toy_listener(tmp_path), device='cpu', show_progress=False)
    video = write_video(tmp_path / 'in.mp4', 50, tone([LOW, HIGH]))
    report = render_video(inferencer, VideoFile(video), Outputs(tmp_path / 'out.mp4'))
    shares = report.shares()
    assert set(shares) == {'decode', 'audio', 'network', 'encode', 'sheet', 'rest'}
    assert min(shares.values()) >= 0 and sum(shares.values()) >= 1 - 1e-6
    assert 0 < report.clock.busy <= report.wall
    assert report.real_time_factor == pytest.approx(report.wall / 2)


def test_stages_of_several_threads_count_each_and_once_as_busy(wait):
    """Here the thread's stage runs for all 4 s, and the caller's for the last 2 of them."""
    with measure_stages() as clock, ahead(_begins(), 2, 'test') as items:
        assert next(items) == 'begun'
        wait(2)
        with stage('mine'):
            wait(2)
        DONE.set()
        assert list(items) == ['done']
        wait(5)
    assert clock.seconds == {'theirs': 4, 'mine': 2} and clock.busy == 4
    assert clock.shares(10) == {'theirs': 0.4, 'mine': 0.2, 'rest': 0.6}
