import av
import numpy as np
import pytest
from video_clips import (
    LOW,
    RATE,
    frame_number,
    numbered_frames,
    rotate_by_metadata,
    tone,
    write_video,
)

from avsbench.utils.errors import ConfigError
from avsbench.video import (
    AudioTrack,
    VideoError,
    VideoFile,
    VideoWriter,
    container_of,
    make_video,
)


def copy(source, path):
    """Write all frames of a file as they are; what happened to the audio."""
    video = VideoFile(source, need_audio=False)
    writer = VideoWriter(path, video, container_of(path))
    for frame in video.frames():
        writer.write(frame, frame.rgb())
    writer.finish()
    return writer.audio


def noise(seconds, seed=0):
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)).clip(-1, 1)


def lag(one, other):
    """Samples by which `other` comes after `one`, by cross-correlation."""
    size = 2 * max(len(one), len(other))
    product = np.fft.rfft(other, size) * np.conj(np.fft.rfft(one, size))
    best = int(np.argmax(np.fft.irfft(product)))
    return best if best < size // 2 else best - size


def audio_of(path, seconds):
    return AudioTrack(path, VideoFile(path).origin).between(0, seconds)


@pytest.mark.parametrize(
    ('suffix', 'codec', 'out', 'expected'),
    [
        ('mp4', 'aac', 'mp4', 'copied'),
        ('ts', 'aac', 'mp4', 'copied'),
        ('mkv', 'flac', 'mp4', 'copied'),
        ('mkv', 'aac', 'mov', 'copied'),
        ('avi', 'pcm_s16le', 'mkv', 'copied'),
        ('avi', 'adpcm_ms', 'mp4', 'encoded as aac'),
        ('mkv', 'pcm_s24le', 'mp4', 'encoded as aac'),
    ],
)
def test_the_audio_stays_and_stays_aligned(tmp_path, suffix, codec, out, expected):
    source = write_video(tmp_path / f'in.{suffix}', 65, noise(2.6), audio_codec=codec)
    path = tmp_path / f'out.{out}'
    assert copy(source, path) == expected
    before, after = audio_of(source, 3), audio_of(path, 3)
    assert abs(lag(before, after)) < RATE / 25  # one frame
    if expected == 'copied':
        assert np.abs(before - after).max() < 1e-3
    assert len(list(VideoFile(path).frames())) == 65


@pytest.mark.parametrize('out', ['mp4', 'mkv'])
def test_a_video_without_audio_stays_without(tmp_path, out):
    make_video(tmp_path / 'in.mp4', numbered_frames(9), 25)
    path = tmp_path / f'out.{out}'
    assert copy(tmp_path / 'in.mp4', path) == 'none'
    video = VideoFile(path, need_audio=False)
    assert not video.has_audio
    assert [frame_number(frame.rgb()) for frame in video.frames()] == list(range(9))


def test_times_and_duration_of_a_variable_rate(tmp_path):
    times = [0, 0.04, 0.5, 0.52, 2.0, 2.9]
    source = write_video(tmp_path / 'in.mp4', 6, tone([LOW] * 3), times=times)
    copy(source, tmp_path / 'out.mp4')
    found = [float(frame.time) for frame in VideoFile(tmp_path / 'out.mp4').frames()]
    assert found == pytest.approx(times, abs=1e-3)


def test_duration_is_that_of_the_source(tmp_path):
    source = write_video(tmp_path / 'in.mp4', 62, tone([LOW] * 3)[: int(2.6 * RATE)], rate=24)
    copy(source, tmp_path / 'out.mp4')
    assert VideoFile(tmp_path / 'out.mp4').duration == pytest.approx(62 / 24, abs=1e-3)


def test_colours_stay(tmp_path):
    frame = np.zeros((64, 96, 3), np.uint8)
    for column, colour in enumerate([(200, 40, 40), (40, 200, 40), (40, 40, 200)]):
        frame[:, 32 * column : 32 * column + 32] = colour
    source = write_video(
        tmp_path / 'in.mkv', [frame] * 3, tone([LOW]), codec='ffv1', pix_fmt='bgr0'
    )
    copy(source, tmp_path / 'out.mp4')
    copied = next(VideoFile(tmp_path / 'out.mp4').frames()).rgb().astype(int)
    inner = (slice(8, 56), [8, 16, 24, 40, 48, 56, 72, 80, 88])
    assert np.abs(copied[inner] - frame[inner]).max() < 12


def test_odd_sides_and_rotated_frames(tmp_path):
    frames = np.zeros((3, 33, 47, 3), np.uint8)
    source = write_video(
        tmp_path / 'in.mkv', list(frames), tone([LOW]), codec='ffv1', pix_fmt='bgr0'
    )
    copy(source, tmp_path / 'out.mp4')
    assert VideoFile(tmp_path / 'out.mp4').size == (34, 48)
    rotated = write_video(tmp_path / 'in.mp4', 3, tone([LOW]))
    rotate_by_metadata(rotated)
    copy(rotated, tmp_path / 'out2.mp4')
    with av.open(str(tmp_path / 'out2.mp4')) as found:
        frame = next(found.decode(video=0))
    assert (frame.height, frame.width, frame.rotation) == (64, 48, 0)


def test_names_and_places_that_can_not_be_written(tmp_path):
    source = write_video(tmp_path / 'in.mp4', 3, tone([LOW]))
    with pytest.raises(ConfigError, match=r"must end in .mp4, .m4v, .mov, .mkv, not '.webm'"):
        container_of('out.webm')
    with pytest.raises(VideoError, match='cannot be written'):
        VideoWriter(tmp_path / 'nowhere' / 'out.mp4', VideoFile(source), 'mp4')
