"""What the page does on a click: marks, draws again, and says what is wrong."""

from pathlib import Path

import numpy as np
import pytest
from video_clips import LOW, tone, toy_listener, write_video

gradio = pytest.importorskip('gradio')

from avsbench.apis import AVSInferencer  # noqa: E402
from avsbench.page import build_page  # noqa: E402
from avsbench.page.marking import Marker  # noqa: E402
from avsbench.page.recording import Recording  # noqa: E402
from avsbench.video import VideoFile  # noqa: E402
from avsbench.visualization.local_visualizer import PREDICTION_COLOUR  # noqa: E402

RECORDING = -1  # place in a result


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory: pytest.TempPathFactory) -> AVSInferencer:
    return AVSInferencer(*toy_listener(tmp_path_factory.mktemp('s4')), device='cpu')


@pytest.fixture(scope='module')
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second whose left half is marked."""
    return write_video(tmp_path_factory.mktemp('video') / 'clip.mp4', 25, tone([LOW]))


def last(results) -> tuple[tuple, np.ndarray | None]:
    """The only result, and the mean colour of what is marked in it, before its file is removed."""
    result = next(results)
    colour = None
    if isinstance(result[1], str):
        colour = next(VideoFile(result[1]).frames()).rgb()[30:, 5:25].mean((0, 1))
    assert next(results, None) is None
    return result, colour


def mark(marker: Marker, video: Path | None, colour: str | None = '#e69f00', recording=None):
    words = (None if video is None else str(video), 0.5, 1, None, colour, recording)
    return last(marker.mark(*words, lambda done, total: None))


def test_another_colour_needs_no_network(inferencer: AVSInferencer, video: Path) -> None:
    marker = Marker(gradio, inferencer, 10)
    result, orange = mark(marker, video)
    calls = list(inferencer.model.lengths)
    assert orange[0] > orange[1] > orange[2] + 40
    for colour in ('blue', '#0000ff'):
        result, blue = last(marker.redraw(result[RECORDING], 0.5, colour))
        assert blue[2] > blue[0] + 60, blue
    assert inferencer.model.lengths == calls


def test_what_was_moved_while_the_network_ran_is_drawn_afterwards(
    inferencer: AVSInferencer, video: Path
) -> None:
    marker = Marker(gradio, inferencer, 10)
    before, _ = mark(marker, video)
    result, _ = mark(marker, video, recording=before[RECORDING])
    during = next(marker.redraw(before[RECORDING], 0, '#e69f00'))  # its scores are gone
    assert during == gradio.skip()
    same, _ = last(marker.redraw(result[RECORDING], 0.5, '#e69f00'))
    assert not same[0].visible and all(part == gradio.skip() for part in same[1:])
    moved, _ = last(marker.redraw(result[RECORDING], 0, '#e69f00'))
    assert 'threshold 0, redrawn without the network' in moved[3].value
    assert moved[3].value.startswith('25 frames, 1 mask of 1 s')


def test_a_colour_that_is_none_leaves_the_result(inferencer: AVSInferencer, video: Path) -> None:
    marker = Marker(gradio, inferencer, 10)
    done, _ = mark(marker, video)
    result, _ = last(marker.redraw(done[RECORDING], 0.5, 'bleu'))
    said = "'bleu': expected a colour such as red, or #ff0000; did you mean 'blue'?"
    assert said.replace("'", '&#x27;') in result[0].value
    assert len(result) == len(done)
    assert all(part == gradio.skip() for part in result[1:])
    _, blue = last(marker.redraw(done[RECORDING], 0.5, 'blue'))  # the scores are still there
    assert blue[2] > blue[0] + 60


def test_a_colour_that_is_none_is_said_before_the_network_runs(
    inferencer: AVSInferencer, video: Path
) -> None:
    calls = list(inferencer.model.lengths)
    result, _ = mark(Marker(gradio, inferencer, 10), video, 'bleu')
    assert 'expected a colour' in result[0].value and result[RECORDING] is None
    assert inferencer.model.lengths == calls


def test_classes_keep_their_colours(tmp_path: Path, video: Path) -> None:
    inferencer = AVSInferencer(*toy_listener(tmp_path, 'avss'), device='cpu')
    result, _ = mark(Marker(gradio, inferencer, 10), video, None)
    assert 'bird' in result[2].value and not result[0].visible


@pytest.mark.parametrize('kind, expected', [('s4', True), ('avss', False)])
def test_the_colour_can_be_chosen_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, expected: bool
) -> None:
    monkeypatch.setattr('avsbench.page.layout.example_videos', lambda *, sound: [])
    inferencer = AVSInferencer(*toy_listener(tmp_path, kind), device='cpu')
    page = build_page(gradio, inferencer, 10)
    found = {block.elem_id: block for block in page.blocks.values() if block.elem_id}
    assert ('colour' in found) is expected
    assert 'threshold' in found
    (run,) = [name for name, step in page.fns.items() if step.api_name == 'mark']
    assert 'redraw' in [step.name for step in page.fns.values() if step.trigger_after == run]
    if expected:
        assert found['colour'].value == '#{:02x}{:02x}{:02x}'.format(*PREDICTION_COLOUR)


def test_too_little_memory_is_said_and_nothing_stays(
    inferencer: AVSInferencer, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    class Noted(Recording):
        def close(self) -> None:
            opened.remove(self)
            super().close()

        def stream(self, *args, **settings):
            opened.append(self)
            raise problem

    monkeypatch.setattr('avsbench.page.marking.Recording', Noted)
    problem = MemoryError('no room')
    result, _ = mark(Marker(gradio, inferencer, 10), video)
    assert 'out of memory: no room. Mark a video with smaller frames' in result[0].value
    assert not opened
    problem = KeyError('a bug')
    with pytest.raises(KeyError):
        mark(Marker(gradio, inferencer, 10), video)
    assert not opened


def test_no_video_and_one_that_is_too_long(inferencer: AVSInferencer, video: Path) -> None:
    marker = Marker(gradio, inferencer, 0.5)
    assert 'Choose a video first.' in mark(marker, None)[0][0].value
    text = mark(marker, video)[0][0].value
    assert 'clip.mp4: longer than 0.5 s' in text and str(video.parent) not in text
    error, recording = marker.choose(str(video), None)
    assert 'clip.mp4: longer than 0.5 s' in error.value and recording is None
