"""A pipe and a growing file give what the whole file gives, and what is written plays meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from video_clips import HIGH, LOW, RATE, SIZE, tone, toy_listener, write_video

from avsbench.apis import AVSInferencer
from avsbench.apis.live import render_live
from avsbench.apis.outputs import LiveOutputs, Outputs
from avsbench.apis.render import render_video
from avsbench.utils.errors import ConfigError
from avsbench.video import AudioTrack, VideoError, VideoFile, open_live

ROOT = Path(__file__).resolve().parents[2]
SEQUENCE = [LOW, HIGH, LOW, 0.0, HIGH, HIGH, LOW]
FRAGMENTS = {'movflags': 'frag_keyframe+empty_moov'}


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    files = toy_listener(tmp_path_factory.mktemp('listener'))
    return AVSInferencer(*files, device='cpu', show_progress=False)


def clip(folder, suffix, **options):
    samples = tone(SEQUENCE)[: int(6.6 * RATE)]
    return write_video(folder / f'in{suffix}', 66, samples, rate=10, **options)


@contextmanager
def piped(monkeypatch, pieces, *, close=True):
    """Standard input, into which a thread writes the pieces; left open if not `close`."""
    reading, writing = os.pipe()

    class Stdin:
        fileno = staticmethod(lambda: reading)

    def write():
        for piece in pieces:
            os.write(writing, piece)
        if close:
            os.close(writing)

    monkeypatch.setattr(sys, 'stdin', Stdin)
    thread = threading.Thread(target=write)
    thread.start()
    yield
    thread.join()
    os.close(reading)
    if not close:
        os.close(writing)


def pieces_of(path, size=1000):
    content = path.read_bytes()
    return [content[first : first + size] for first in range(0, len(content), size)]


def outputs(folder, kind, name):
    return kind(folder / name, folder / f'{name}_masks')


def check_same(folder, live, whole):
    csvs = [(folder / name).with_suffix('.csv') for name in (live, whole)]
    tables = [path.read_text().splitlines() for path in csvs]
    assert tables[0] == tables[1] and len(tables[0]) > 7
    masks = [sorted((folder / f'{name}_masks').iterdir()) for name in (live, whole)]
    assert [path.name for path in masks[0]] == [path.name for path in masks[1]]
    for ours, theirs in zip(*masks, strict=True):
        assert (np.asarray(Image.open(ours)) == np.asarray(Image.open(theirs))).all()
    times = [[frame.time for frame in VideoFile(folder / name).frames()] for name in (live, whole)]
    assert times[0] == pytest.approx(times[1], abs=2e-3)
    sound = [AudioTrack(folder / name, 0).between(0, 6) for name in (live, whole)]
    assert np.abs(sound[0] - sound[1]).mean() < 0.005  # some are encoded once more
    assert (folder / live).with_suffix('.png').exists()
    assert [thread.name for thread in threading.enumerate() if thread.name == 'live'] == []


@pytest.mark.parametrize(
    ('suffix', 'options', 'out'),
    [
        ('.mkv', {}, 'live.mkv'),
        ('.mp4', dict(options=FRAGMENTS), 'live.mp4'),
        ('.ts', dict(container='mpegts'), 'live.mp4'),
    ],
)
@pytest.mark.parametrize('fps', [None, 3])
def test_a_pipe_gives_what_the_file_gives(
    inferencer, tmp_path, monkeypatch, suffix, options, out, fps
):
    path = clip(tmp_path, suffix, **options)
    whole = outputs(tmp_path, Outputs, 'whole.mkv')
    render_video(inferencer, VideoFile(path), whole, fps=fps)
    with piped(monkeypatch, pieces_of(path)):
        report = render_live(
            inferencer, open_live('-'), outputs(tmp_path, LiveOutputs, out), fps=fps
        )
    assert report.frames == 66 and report.masks == (20 if fps else 7)
    assert report.warnings == []
    check_same(tmp_path, out, 'whole.mkv')


def test_a_growing_file_gives_what_the_whole_one_gives(inferencer, tmp_path):
    path = clip(tmp_path, '.mkv')
    render_video(inferencer, VideoFile(path), outputs(tmp_path, Outputs, 'whole.mkv'))
    growing = tmp_path / 'growing.mkv'
    pieces = pieces_of(path, 4000)
    growing.write_bytes(pieces[0])

    def grow():
        with growing.open('ab', buffering=0) as file:
            for piece in pieces[1:]:
                time.sleep(0.02)
                file.write(piece)

    thread = threading.Thread(target=grow)
    thread.start()
    source = open_live(str(growing), follow=3.0)
    report = render_live(inferencer, source, outputs(tmp_path, LiveOutputs, 'live.mp4'))
    thread.join()
    assert report.frames == 66
    check_same(tmp_path, 'live.mp4', 'whole.mkv')


@pytest.mark.parametrize('out', ['live.mp4', 'live.mkv'])
def test_what_is_written_plays_while_it_goes_on(inferencer, tmp_path, monkeypatch, out):
    samples = tone(SEQUENCE * 3)
    path = write_video(tmp_path / 'in.mkv', 210, samples, rate=10)
    found = []

    def look(seconds, _):
        if seconds >= 12 and not found:  # four fragments, of 2.5 s each, are on disk
            copy = tmp_path / f'copy_{out}'
            copy.write_bytes((tmp_path / out).read_bytes())
            found.append(len(list(VideoFile(copy).frames())))
            found.append((tmp_path / out).with_suffix('.csv').read_text().count('sounding'))

    with piped(monkeypatch, pieces_of(path)):
        target = LiveOutputs(tmp_path / out)
        report = render_live(inferencer, open_live('-'), target, progress=look)
    assert report.frames == 210
    assert 50 <= found[0] <= 121 and found[1] >= 9


def test_a_pipe_that_stays_open_ends_when_told_to(inferencer, tmp_path, monkeypatch):
    path = clip(tmp_path, '.mkv')
    with piped(monkeypatch, pieces_of(path)[:-2], close=False):
        source = open_live('-')
        timer = threading.Timer(0.5, source.stop)
        timer.start()
        report = render_live(inferencer, source, LiveOutputs(tmp_path / 'live.mp4'))
    assert 40 <= report.frames <= 66
    assert len(list(VideoFile(tmp_path / 'live.mp4').frames())) == report.frames


def test_an_error_leaves_what_was_written(inferencer, tmp_path, monkeypatch):
    path = clip(tmp_path, '.mkv')

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('avsbench.apis.live.AVSStream.flush', fail)
    with pytest.raises(KeyboardInterrupt), piped(monkeypatch, pieces_of(path)):
        render_live(inferencer, open_live('-'), LiveOutputs(tmp_path / 'live.mp4'))
    assert len(list(VideoFile(tmp_path / 'live.mp4').frames())) == 50


def test_older_results_stay_until_nothing_can_be_wrong_with_the_settings(inferencer, tmp_path):
    path, masks = clip(tmp_path, '.mkv'), tmp_path / 'masks'
    masks.mkdir()
    older = [masks / '1.png', masks / '99.png', tmp_path / 'live.csv', tmp_path / 'live.mp4']
    for file in older:
        file.write_text('older')
    results = LiveOutputs(tmp_path / 'live.mp4', masks, overwrite=True)
    with pytest.raises(ConfigError, match='fps'):
        render_live(inferencer, open_live(str(path), follow=0.3), results, fps=0)
    assert [file.read_text() for file in older] == ['older'] * 4
    render_live(inferencer, open_live(str(path), follow=0.3), results)
    assert not (masks / '99.png').exists() and len(list(masks.iterdir())) == 7


def test_unusable_sources(tmp_path, monkeypatch):
    with piped(monkeypatch, [b'nothing']), pytest.raises(VideoError, match='read in one go only'):
        open_live('-')
    silent = write_video(tmp_path / 'silent.mkv', 20, None)
    with piped(monkeypatch, pieces_of(silent)), pytest.raises(VideoError, match='no audio track'):
        open_live('-')
    with pytest.raises(VideoError, match='none.mkv: cannot be read'):
        open_live(str(tmp_path / 'none.mkv'), follow=1.0)
    with pytest.raises(ConfigError, match='--follow 0: expected seconds'):
        open_live(str(silent), follow=0.0)
    with pytest.raises(ConfigError, match='a camera gives no audio'):
        open_live('camera:0')
    with pytest.raises(VideoError, match='camera:/none/video9: /none/video9 cannot be opened'):
        open_live('camera:/none/video9', need_audio=False)


@pytest.mark.slow
def test_command_reads_a_pipe_until_ctrl_c(tmp_path):
    config, checkpoint = toy_listener(tmp_path)
    path = clip(tmp_path, '.mkv')
    words = ('video', '-', config, '--out', tmp_path / 'live.mp4', checkpoint, '--device', 'cpu')
    environment = os.environ | {'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'}
    process = subprocess.Popen(
        [sys.executable, '-m', 'avsbench', *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    process.stdin.write(path.read_bytes())
    process.stdin.flush()
    table = tmp_path / 'live.csv'
    for _ in range(2000):
        if table.exists() and table.read_text().count('\n') > 5:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()
    assert b'7 masks' in out and b'real time factor' in out
    assert len(list(VideoFile(tmp_path / 'live.mp4').frames())) == 66
    assert VideoFile(tmp_path / 'live.mp4').size == SIZE
