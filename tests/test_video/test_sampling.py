"""A clip of a video: which frames it has, and its audio."""

from fractions import Fraction

import numpy as np
import pytest
from video_clips import RATE, frame_number, numbered_frames, tone, write_video

from avsbench.utils.errors import ConfigError
from avsbench.video import VideoError, read_clip


def video(path, frames=150, seconds=5, rate=30, **kwargs):
    return write_video(path, frames, tone([440] * seconds), rate=rate, **kwargs)


def numbers(clip):
    return [frame_number(frame) for frame in clip.frames]


@pytest.mark.parametrize('rule', ['index', 'time'])
@pytest.mark.parametrize(
    'rate, expected',
    [(30, [28, 58, 88, 118, 148]), (25, [23, 48, 73, 98, 123]), (1, [0, 1, 2, 3, 4])],
)
def test_frames_of_the_published_preprocessing(tmp_path, rule, rate, expected):
    clip = read_clip(video(tmp_path / 'a.mp4', 5 * rate, rate=rate), 5, rule=rule)
    assert numbers(clip) == [number % 32 for number in expected]
    assert clip.repeated == 0 and clip.frames[0].dtype == np.uint8


def test_the_two_rules_differ_at_broken_rates(tmp_path):
    path = video(tmp_path / 'a.mp4', 150, rate=Fraction(30000, 1001))
    assert numbers(read_clip(path, 5)) == [n % 32 for n in (28, 58, 88, 118, 148)]
    # frame 148 begins at 4.938 s, after 4.9375 s
    assert numbers(read_clip(path, 5, rule='time')) == [n % 32 for n in (28, 58, 88, 118, 147)]


def test_variable_rate_by_time(tmp_path):
    times = [0, 0.1, 0.2, 1.5, 1.9, 1.95, 2.5]
    path = video(tmp_path / 'a.mp4', numbered_frames(7), 3, times=times)
    assert numbers(read_clip(path, 3, rule='time')) == [2, 4, 6]


@pytest.mark.parametrize('rule', ['index', 'time'])
def test_a_short_video_repeats_its_last_frame(tmp_path, rule):
    path = video(tmp_path / 'a.mp4', 75, 3, rate=25)
    clip = read_clip(path, 5, rule=rule)
    assert numbers(clip) == [n % 32 for n in (23, 48, 73, 74, 74)] and clip.repeated == 2
    assert len(clip.samples) == pytest.approx(3 * RATE, abs=0.08 * RATE)


@pytest.mark.parametrize('rule', ['index', 'time'])
def test_start(tmp_path, rule):
    samples = np.concatenate([np.zeros(2 * RATE), tone([440] * 3)])
    path = write_video(tmp_path / 'a.mp4', 125, samples, rate=25)
    clip = read_clip(path, 2, start=2, rule=rule)
    assert numbers(clip) == [n % 32 for n in (73, 98)]
    assert len(clip.samples) == 2 * RATE and clip.rate == RATE
    loud = np.abs(clip.samples).reshape(-1, 1600).max(1) > 0.2
    assert loud[2:].all()
    assert not (np.abs(read_clip(path, 2, rule=rule).samples)[: 1 * RATE] > 0.1).any()
    with pytest.raises(VideoError, match='ends before second 5'):
        read_clip(path, 2, start=5, rule=rule)


def test_samples_are_those_of_the_track(tmp_path):
    path = tmp_path / 'a.mkv'
    stereo = np.stack([tone([440] * 2, 44100), 0 * tone([440] * 2, 44100)], 1)
    write_video(path, 50, stereo, sample_rate=44100, audio_codec='pcm_s16le')
    clip = read_clip(path, 2)
    assert clip.rate == 44100 and len(clip.samples) == 2 * 44100
    assert np.abs(clip.samples - stereo.mean(1)).max() < 1e-4


def test_damage_within_the_clip_is_an_error(tmp_path):
    path = video(tmp_path / 'a.mp4', 300, 10, options={'movflags': 'faststart'})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    assert read_clip(path, 5).repeated == 0
    with pytest.raises(VideoError, match='a.mp4: the file is damaged in the seconds 4 to 9'):
        read_clip(path, 5, start=4)


def test_unknown_rule(tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'time'"):
        read_clip(tmp_path / 'a.mp4', 5, rule='tim')
