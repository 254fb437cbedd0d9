"""The stages of a job: what counts as which, and that nothing is counted unasked."""

import pytest
from video_clips import HIGH, LOW, tone, toy_listener, write_video

from avsbench.apis import AVSInferencer, timing
from avsbench.apis.outputs import Outputs
from avsbench.apis.render import render_video
from avsbench.apis.timing import measure_stages, stage, timed
from avsbench.video import VideoFile


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
    """Every stage of the report is measured, and they and the rest make up the whole."""
    inferencer = AVSInferencer(*toy_listener(tmp_path), device='cpu', show_progress=False)
    video = write_video(tmp_path / 'in.mp4', 50, tone([LOW, HIGH]))
    report = render_video(inferencer, VideoFile(video), Outputs(tmp_path / 'out.mp4'))
    shares = report.shares()
    assert set(shares) == {'decode', 'audio', 'network', 'encode', 'sheet', 'rest'}
    assert min(shares.values()) > 0 and sum(shares.values()) == pytest.approx(1)
