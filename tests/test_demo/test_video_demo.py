"""demo/video_demo.py: what it writes, and what it reports and leaves behind on mistakes."""

import csv
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from motion_clips import disc_frames, disc_mask, toy_motion
from PIL import Image
from video_clips import HIGH, LOW, RATE, SIZE, tone, toy_listener, write_video

from avsbench.video import AudioTrack, VideoFile
from avsbench.visualization.local_visualizer import PREDICTION_COLOUR

ROOT = Path(__file__).resolve().parents[2]
ALL = ['in.mp4', 'listener_s4.pth', 'listener_s4.py']


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run the command on words in `tmp_path`: exit code, stdout, stderr."""
    toy_listener(tmp_path)
    monkeypatch.chdir(tmp_path)

    def run(*words, kind='s4', name=None):
        name = name or f'listener_{kind}'
        model = ('--config', f'{name}.py', '--checkpoint', f'{name}.pth')
        command = ['video_demo.py', *model, '--device', 'cpu', *map(str, words)]
        monkeypatch.setattr(sys, 'argv', command)
        monkeypatch.setattr(sys, 'path', list(sys.path))
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(ROOT / 'demo' / 'video_demo.py'), run_name='__main__')
        out, err = capsys.readouterr()
        return caught.value.code, out, err

    return run


@pytest.fixture
def video(tmp_path):
    """2.6 s with 25 frames per second: a low tone, a high one, silence."""
    samples = tone([LOW, HIGH, 0])[: int(2.6 * RATE)]
    grey = [np.full((*SIZE, 3), 90, np.uint8)] * 65
    return write_video(tmp_path / 'in.mp4', grey, samples)


def coloured(frame):
    """'L', 'R' or '-': the half of a grey frame that has the colour of masks."""
    inner = frame[8:-8].astype(int)
    halves = (inner[:, 8 : SIZE[1] // 2 - 4], inner[:, SIZE[1] // 2 + 4 : -8])
    left, right = ((half[..., 0] - half[..., 2]).mean() > 30 for half in halves)
    return {(True, False): 'L', (False, True): 'R', (False, False): '-'}[bool(left), bool(right)]


def test_overlay_masks_table_and_sheet(call, video, tmp_path):
    code, out, err = call(video.name, '--out', 'out.mp4', '--masks', 'masks')
    assert code == 0, err
    assert '65 frames, 3 masks of 3 s' in out and 'audio copied' in out
    overlay = VideoFile('out.mp4')
    frames = [frame.rgb() for frame in overlay.frames()]
    assert len(frames) == 65 and overlay.duration == pytest.approx(2.6, abs=0.01)
    assert ''.join(coloured(frame) for frame in frames) == 25 * 'L' + 25 * 'R' + 15 * '-'
    assert PREDICTION_COLOUR[0] > PREDICTION_COLOUR[2]  # what `coloured` looks for
    before, after = (AudioTrack(p, 0).between(0, 3) for p in ('in.mp4', 'out.mp4'))
    assert np.abs(before - after).max() < 1e-3

    masks = [np.asarray(Image.open(tmp_path / 'masks' / f'{n}.png')) for n in (1, 2, 3)]
    assert sorted(os.listdir('masks')) == ['1.png', '2.png', '3.png']
    assert masks[0].shape == SIZE and set(np.unique(masks[0])) == {0, 255}
    assert [int(mask.mean() / 255 * 100) for mask in masks] == [50, 50, 0]
    rows = list(csv.reader(open('out.csv')))
    assert rows[0] == ['mask', 'start', 'class', 'area', 'mean_probability', 'trained_on']
    assert [row[:4] for row in rows[1:]] == [
        ['1', '0', 'sounding', '0.500000'],
        ['2', '1', 'sounding', '0.500000'],
        ['3', '2', 'nothing marked', '0.000000'],
    ]
    assert [row[4] for row in rows[1:]] == [rows[1][4], rows[1][4], ''] and float(rows[1][4]) > 0.9
    assert Image.open('out.png').width >= 480
    assert sorted(os.listdir()) == [*ALL[:1], *ALL[1:], 'masks', 'out.csv', 'out.mp4', 'out.png']


def test_several_classes_and_denser_masks(call, video, tmp_path):
    toy_listener(tmp_path, 'avss')
    words = (video.name, '--out', 'out.mkv', '--masks', 'masks', '--fps', '5')
    code, _, err = call(*words, kind='avss')
    assert code == 0, err
    rows = list(csv.DictReader(open('out.csv')))
    assert [row['class'] for row in rows] == ['bird'] * 5 + ['cello'] * 5 + ['nothing marked'] * 3
    assert [(row['mask'], row['start']) for row in rows][:2] == [('1', '0'), ('2', '0.2')]
    mask = Image.open('masks/1.png')
    assert mask.mode == 'P' and set(np.unique(np.asarray(mask))) == {0, 7}
    assert mask.convert('RGB').getpixel((0, 0)) == (128, 128, 128)  # of class 7


def test_colour_of_the_masks(call, video, tmp_path):
    code, _, err = call(video.name, '--out', 'out.mp4', '--color', '#0000ff')
    assert code == 0, err
    left = next(VideoFile('out.mp4').frames()).rgb()[30:, 5:25].mean((0, 1))
    assert left[2] > left[0] + 60
    toy_listener(tmp_path, 'avss')
    code, _, err = call(video.name, '--out', 'named.mp4', '--color', 'blue', kind='avss')
    assert code == 2 and 'each class of this one has its own' in err
    code, _, err = call(video.name, '--out', 'named.mp4', '--color', 'bleu')
    assert code == 2 and "'bleu': expected a colour such as red" in err


def test_nothing_marked_is_said(call, video):
    code, out, err = call(video.name, '--out', 'out.mp4', '--threshold', '0.999')
    assert code == 0, err
    assert 'nothing marked: no pixel has a probability above 0.999' in out


def test_a_network_without_sound_needs_none(call, tmp_path):
    """A mask of each frame; the audio track stays where there is one."""
    toy_motion(tmp_path)
    heights = {}
    for name, samples, audio in (('silent', None, 'none'), ('loud', tone([LOW]), 'copied')):
        write_video(tmp_path / f'{name}.mp4', disc_frames(13), samples, rate=13)
        out = f'{name}_out.mp4'
        words = ('--masks', f'{name}_masks', '--batch-size', '2')
        code, text, err = call(f'{name}.mp4', '--out', out, *words, name='motion')
        assert code == 0, err
        assert '13 frames, 13 masks of 1 s in' in text and f'; audio {audio}\n' in text
        assert VideoFile(out, need_audio=False).has_audio == (samples is not None)
        rows = list(csv.DictReader(open(f'{name}_out.csv')))
        assert [row['start'] for row in rows][:3] == ['0', '0.077', '0.154'] and len(rows) == 13
        assert len({row['class'] for row in rows}) == 1
        masks = [Image.open(f'{name}_masks/{n}.png') for n in range(1, 14)]
        assert len(list(Path(f'{name}_masks').iterdir())) == 13
        both = (np.asarray(masks[7]) > 0) & disc_mask(7)
        assert both.sum() > 0.5 * disc_mask(7).sum()
        frames = [frame.rgb().astype(int) for frame in VideoFile(out, need_audio=False).frames()]
        assert len(frames) == 13
        orange = (frames[7][..., 0] - frames[7][..., 2] > 40) & disc_mask(7)
        assert orange.sum() > 0.15 * disc_mask(7).sum()  # its name covers a part of it
        heights[name] = Image.open(f'{name}_out.png').height
    assert heights['silent'] == heights['loud']  # no spectrogram in either
    call('silent.mp4', '--out', 'centre.mp4', '--windows', 'centre', '--fps', '5', name='motion')
    assert len(list(csv.DictReader(open('centre.csv')))) == 5


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('it\'s a "clip" $(x);.mp4', ['it\'s a "clip" $(x);.mp4']),
        ('-dash.mp4', ['./-dash.mp4']),
        ('-dash.mp4', ['--', '-dash.mp4']),
    ],
)
def test_names(call, video, name, words):
    video.rename(name)
    code, _, err = call(f'--out=out of {name}', *words)
    assert code == 0, err
    assert len(list(VideoFile(f'out of {name}').frames())) == 65


def test_nothing_is_overwritten(call, video):
    for word, message in (
        ('out.mp4', 'out.mp4: already exists'),
        ('out.csv', 'out.csv: already exists'),
        ('out.png', 'out.png: already exists'),
        ('masks/7.png', 'masks: contains 1 mask '),
    ):
        path = Path(word)
        path.parent.mkdir(exist_ok=True)
        path.write_text('precious')
        code, _, err = call(video.name, '--out', 'out.mp4', '--masks', 'masks')
        assert code == 2 and f'error: {message}' in err and '--overwrite' in err
        assert path.read_text() == 'precious'
        path.unlink()
    Path('masks/7.png').write_text('of an older, longer video')
    Path('masks/notes.txt').write_text('precious')
    Path('out.mp4').write_text('old')
    code, _, err = call(video.name, '--out', 'out.mp4', '--masks', 'masks', '--overwrite')
    assert code == 0, err
    assert sorted(os.listdir('masks')) == ['1.png', '2.png', '3.png', 'notes.txt']
    assert VideoFile('out.mp4').size == SIZE
    code, _, err = call(video.name, '--out', 'in.mp4', '--overwrite')
    assert code == 2 and 'in.mp4: is the video that is read' in err
    assert len(list(VideoFile('in.mp4').frames())) == 65


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['in.mp4', '--out', 'nowhere/out.mp4'], 'nowhere: no such folder'),
        (['in.mp4', '--out', '/proc/out.mp4'], '/proc: cannot be written to'),
        (
            ['in.mp4', '--out', 'out.mp4', '--masks', 'in.mp4'],
            'in.mp4: is a file, expected a folder',
        ),
        (['in.mp4', '--out', 'out.mp4', '--masks', '/proc/m'], '/proc: cannot be written to'),
        (['in.mp4', '--out', 'out.gif'], 'its name must end in .mp4'),
        (['none.mp4', '--out', 'out.mp4'], 'none.mp4: no such video file'),
        (['in.mp4', '--out', 'out.mp4', '--fps', '0'], 'fps=0: expected'),
        (['in.mp4', '--out', 'out.mp4', '--threshold', '2'], 'threshold=2.0: expected'),
        (['in.mp4', '--out', 'out.mp4', '--batch-size', '0'], 'batch_size=0: expected'),
        (
            ['in.mp4', '--out', 'out.mp4', '--windows', 'centre'],
            "windows='centre': is for networks that see consecutive frames",
        ),
        (['in.mp4', '--out', 'out.mp4', '--config', 'c.py'], 'c.py: no such config file'),
        (['in.mp4', '--out', 'out.mp4', '--checkpoint', 'k.pth'], 'k.pth: no such checkpoint'),
    ],
)
def test_mistakes_are_reported_and_leave_nothing(call, video, words, message):
    code, _, err = call(*words)
    errors = [line for line in err.splitlines() if line.startswith(('error:', 'Traceback'))]
    assert code == 2 and len(errors) == 1 and message in errors[0], err
    assert sorted(os.listdir()) == ALL


def test_files_written_meanwhile_are_kept(call, video, monkeypatch):
    def draw(*_):
        Path('out.csv').write_text('precious')
        return np.zeros((8, 8, 3), np.uint8)

    monkeypatch.setattr('avsbench.apis.render.draw_sheet', draw)
    code, _, err = call(video.name, '--out', 'out.mp4')
    assert code == 2 and 'out.csv: already exists' in err
    assert Path('out.csv').read_text() == 'precious' and sorted(os.listdir()) == sorted(
        [*ALL, 'out.csv']
    )


def test_interrupted(call, video, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr('avsbench.apis.render.write_mask', stop)
    code, _, err = call(video.name, '--out', 'out.mp4', '--masks', 'masks')
    assert code == 130 and err.endswith('interrupted by SIGINT\n')
    assert sorted(os.listdir()) == ALL


def test_damaged_file_gives_what_is_there_and_a_warning(call, tmp_path):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (75, *SIZE, 3), np.uint8)
    options = {'movflags': 'faststart'}
    path = write_video(tmp_path / 'in.mp4', list(frames), tone([LOW] * 3), options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code, out, err = call('in.mp4', '--out', 'out.mp4')
    assert code == 0 and 'warning: in.mp4: the file is damaged' in err
    written = int(out.split(' frames')[0].split()[-1])
    assert 10 < written == len(list(VideoFile('out.mp4').frames())) < 70


@pytest.mark.parametrize(
    'place',
    ['avsbench.apis.render.write_mask', 'avsbench.video.writing.VideoWriter._write_audio'],
)
def test_a_full_disk_in_the_middle_leaves_nothing(call, video, monkeypatch, place):
    def full(*_):
        raise OSError(28, 'No space left on device', 'a file')

    monkeypatch.setattr(place, full)
    code, _, err = call(video.name, '--out', 'out.mp4', '--masks', 'masks')
    assert code == 2 and 'cannot be written (No space left on device)' in err
    assert sorted(os.listdir()) == ALL
