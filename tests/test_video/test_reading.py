"""Every kind of file that users have: a defined result, or one error that says what is wrong."""

from fractions import Fraction

import av
import numpy as np
import pytest
from video_clips import (
    HIGH,
    LOW,
    RATE,
    SIZE,
    frame_number,
    numbered_frames,
    rotate_by_metadata,
    set_display_matrix,
    tone,
    write_video,
)

from avsbench.video import AudioTrack, VideoError, VideoFile, containers


def clip(path, frames=25, seconds=1, **options):
    return write_video(path, frames, tone([LOW] * seconds), **options)


def numbers(path):
    return [frame_number(frame.rgb()) for frame in VideoFile(path).frames()]


def test_frames_in_order_with_their_times(tmp_path):
    video = VideoFile(clip(tmp_path / 'in.mp4', 50, 2))
    frames = list(video.frames())
    assert [frame_number(frame.rgb()) for frame in frames] == [n % 32 for n in range(50)]
    assert [frame.time for frame in frames] == [Fraction(n, 25) for n in range(50)]
    assert (video.size, video.rate, video.duration) == (SIZE, 25, 2)
    assert video.warning() is None


@pytest.mark.parametrize(
    'name', ['it\'s a "clip".mp4', '-dash.mp4', 'http:a;b $(x).mp4', 'ä\n.mp4']
)
def test_any_name(tmp_path, name, monkeypatch):
    clip(tmp_path / 'plain.mp4', 3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert numbers(name) == [0, 1, 2]


@pytest.mark.parametrize(
    ('suffix', 'options'),
    [
        ('mkv', dict(codec='ffv1', audio_codec='flac', pix_fmt='bgr0')),
        ('avi', dict(codec='ffv1', audio_codec='pcm_s16le', pix_fmt='bgr0')),
        ('mov', dict(audio_codec='alac')),
        ('ts', {}),
        ('mp4', dict(pix_fmt='yuv420p10le')),
        ('mp4', dict(pix_fmt='yuv444p')),
    ],
)
def test_containers_and_pixel_formats(tmp_path, suffix, options):
    path = clip(tmp_path / f'in.{suffix}', 30, 1, **options)
    assert numbers(path) == list(range(30))
    audio = AudioTrack(path, VideoFile(path).origin).between(0, 1)
    assert np.corrcoef(audio, tone([LOW]))[0, 1] > 0.99


def test_variable_frame_rate(tmp_path):
    times = [0, 0.04, 0.5, 0.52, 2.0, 2.9]
    path = clip(tmp_path / 'in.mp4', 6, 3, times=times)
    found = [float(frame.time) for frame in VideoFile(path).frames()]
    assert found == pytest.approx(times, abs=1e-4)


def test_time_stamps_that_jump_are_an_error(tmp_path):
    path = clip(tmp_path / 'in.mp4', 3, 1, times=[0, 1, 1000])
    with pytest.raises(VideoError, match='jump from 1.0 s to 1000.0 s'):
        list(VideoFile(path).frames())


def test_rotation_by_metadata(tmp_path):
    path = clip(tmp_path / 'in.mp4', 3)
    rotate_by_metadata(path)
    video = VideoFile(path)
    assert video.size == SIZE[::-1]
    frame = next(video.frames()).rgb()
    assert frame.shape == (*SIZE[::-1], 3)
    corners = {
        'upper left': frame[2, 2],
        'upper right': frame[2, -3],
        'lower left': frame[-3, 2],
        'lower right': frame[-3, -3],
    }
    assert [name for name, colour in corners.items() if colour[0] > 150] == ['upper right']


SHADES = np.array([[250, 170], [90, 10]], np.uint8).repeat(24, 0).repeat(32, 1)
ORIENTATIONS = {  # (a, b, c, d) of the display matrix -> what players show
    (1, 0, 0, 1): SHADES,
    (-1, 0, 0, 1): SHADES[:, ::-1],
    (1, 0, 0, -1): SHADES[::-1],
    (-1, 0, 0, -1): SHADES[::-1, ::-1],
    (0, 1, 1, 0): SHADES.T,
    (0, 1, -1, 0): np.rot90(SHADES, -1),
    (0, -1, 1, 0): np.rot90(SHADES),
    (0, -1, -1, 0): SHADES.T[::-1, ::-1],
}


@pytest.mark.parametrize('matrix', ORIENTATIONS)
def test_turned_and_mirrored_by_metadata(tmp_path, matrix):
    expected = ORIENTATIONS[matrix]
    path = clip(tmp_path / 'in.mp4', [SHADES[..., None].repeat(3, 2)] * 2)
    set_display_matrix(path, *matrix)
    video = VideoFile(path)
    found = next(video.frames()).rgb()
    assert found.shape == (*video.size, 3) == (*expected.shape, 3)
    assert np.abs(found.astype(int) - expected[..., None]).mean() < 8


def test_frames_larger_than_the_limit_are_not_decoded(tmp_path, monkeypatch):
    path = clip(tmp_path / 'in.mp4', 2)
    monkeypatch.setattr(containers, 'MAX_PIXELS', 100)  # the header claims less than there is
    with pytest.raises(VideoError, match='no frame can be decoded'):
        VideoFile(path)


def test_an_impossible_sample_rate_is_an_error(tmp_path):
    tone = np.zeros(4000)
    path = write_video(
        tmp_path / 'in.avi', 2, tone, codec='mpeg4', audio_codec='pcm_s16le', sample_rate=7
    )
    with pytest.raises(VideoError, match='sample rate is 7 Hz, expected 1000 to'):
        VideoFile(path).audio()


def test_ten_bits_have_the_colours_of_eight(tmp_path):
    eight, ten = (
        next(VideoFile(clip(tmp_path / f'{form}.mp4', 1, pix_fmt=form)).frames()).rgb()
        for form in ('yuv420p', 'yuv420p10le')
    )
    assert ten.dtype == np.uint8 and ten.shape == eight.shape
    for place in ((4, 4), (40, 40)):
        assert np.abs(ten[place].astype(int) - eight[place]).max() <= 4


def test_no_audio_no_video_no_frames(tmp_path):
    silent = write_video(tmp_path / 'silent.mp4', 3, None)
    with pytest.raises(VideoError, match=r'silent.mp4: has no audio track, and the masks follow'):
        VideoFile(silent)
    video = VideoFile(silent, need_audio=False)
    assert not video.has_audio and len(list(video.frames())) == 3
    with pytest.raises(VideoError, match='has no audio track'):
        video.audio()
    with av.open(str(tmp_path / 'audio.mp4'), 'w') as output:
        stream = output.add_stream('aac', rate=RATE, layout='mono')
        block = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), 's16', 'mono')
        block.sample_rate, block.pts = RATE, 0
        output.mux([*stream.encode(block), *stream.encode(None)])
    with pytest.raises(VideoError, match='audio.mp4: has no video track'):
        VideoFile(tmp_path / 'audio.mp4')
    empty = write_video(tmp_path / 'empty.mkv', 0, tone([LOW]))
    with pytest.raises(VideoError, match=r'empty.mkv: (no frame can|has no video track)'):
        VideoFile(empty)


def test_one_frame(tmp_path):
    assert numbers(clip(tmp_path / 'in.mp4', 1)) == [0]


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (None, 'no such video file'),
        (b'', 'the file is empty'),
        (b'<html>quota</html>' * 50, 'not readable as a video'),
        (b'#EXTM3U\n#EXTINF:1,\n/etc/hostname\n', 'not readable as a video'),
    ],
)
def test_no_video_at_all(tmp_path, content, message):
    path = tmp_path / 'in.mp4'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=f'in.mp4: {message}'):
        VideoFile(path)
    with pytest.raises(VideoError, match='is a folder'):
        VideoFile(tmp_path)


def noisy_clip(path, **options):
    """A video whose frames and audio take many bytes each, so that a cut hits both."""
    rng = np.random.default_rng(0)
    frames = [
        frame // 2 + rng.integers(0, 90, frame.shape, np.uint8) for frame in numbered_frames(75)
    ]
    return write_video(path, frames, tone([LOW] * 3) + rng.normal(0, 0.1, 3 * RATE), **options)


def test_cut_off_in_the_middle(tmp_path):
    """With the index in front, what is there can be read, and the rest is reported."""
    path = noisy_clip(tmp_path / 'in.mp4', options={'movflags': 'faststart'})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video = VideoFile(path)
    count = len([frame.rgb() for frame in video.frames()])
    assert 10 < count < 65
    warning = video.warning()
    assert f'{count} of 75 frames could be read' in warning and 'damaged' in warning
    track = AudioTrack(path, video.origin)
    assert np.isfinite(track.between(0, 3)).all() and track.end < 2.9


def test_lost_audio_is_reported_where_no_packet_is_broken(tmp_path):
    """A cut between two packets leaves a track without an error, only shorter than its index."""
    path = noisy_clip(tmp_path / 'in.mp4', options={'movflags': 'faststart'})
    whole = AudioTrack(path, VideoFile(path).origin)
    whole.between(0, 4)
    assert whole.warning() is None
    with av.open(str(path)) as container:
        ends = [p.pos + p.size for p in container.demux(audio=0) if p.pos]
    path.write_bytes(path.read_bytes()[: ends[len(ends) // 2]])
    track = AudioTrack(path, VideoFile(path).origin)
    track.between(0, 1)
    assert track.warning() is None  # not read to its end yet
    track.between(1, 4)
    assert track._reader.damaged == 0 and track.end < 2
    assert f'it ends at {track.end:.1f} s of 3.0 s' in track.warning()


def test_cut_off_before_the_index(tmp_path):
    path = noisy_clip(tmp_path / 'in.mp4')
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(VideoError, match='cut off before its index'):
        VideoFile(path)


def test_garbage_inside(tmp_path):
    path = noisy_clip(tmp_path / 'in.mp4', options={'movflags': 'faststart'})
    content = bytearray(path.read_bytes())
    middle = int(0.7 * len(content))
    content[middle : middle + 3000] = bytes(3000)
    path.write_bytes(content)
    video = VideoFile(path)
    assert len(list(video.frames())) > 30
    assert 'damaged' in (video.warning() or '')
    video._header_frames = 1  # headers may be wrong
    assert 'of 1 frames' not in video.warning()


def test_intervals_of_audio_equal_the_whole(tmp_path):
    samples = np.stack([tone([LOW, HIGH, LOW]), tone([HIGH, 0, LOW])], axis=1)
    path = write_video(tmp_path / 'in.mkv', 75, samples, audio_codec='pcm_s16le')
    origin = VideoFile(path).origin
    whole = AudioTrack(path, origin).between(0, 4)
    assert len(whole) == 4 * RATE and not whole[3 * RATE :].any()
    assert whole[: 3 * RATE] == pytest.approx(samples.mean(1), abs=1e-4)
    track = AudioTrack(path, origin)
    parts = [track.between(start, start + 1) for start in range(4)]
    assert (np.concatenate(parts) == whole).all()


def test_audio_that_begins_late_is_silent_before(tmp_path):
    """The track starts half a second after the first frame."""
    path = tmp_path / 'in.mkv'
    source = clip(tmp_path / 'in.mp4', 50, 1, container='mp4', audio_codec='aac')
    with av.open(str(source)) as given, av.open(str(path), 'w') as output:
        streams = {s.index: output.add_stream_from_template(s) for s in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                if packet.stream.type == 'audio':
                    packet.pts += RATE // 2
                    packet.dts += RATE // 2
                packet.stream = streams[packet.stream.index]
                output.mux(packet)
    audio = AudioTrack(path, VideoFile(path).origin).between(0, 2)
    assert np.abs(audio[: int(0.4 * RATE)]).max() < 0.01
    assert np.abs(audio[int(0.6 * RATE) : int(1.4 * RATE)]).max() > 0.4


def test_what_was_wrong_is_that_of_one_pass(tmp_path):
    """Two passes side by side, as the overlay and the network make them, count frames once."""
    path = noisy_clip(tmp_path / 'in.mp4', options={'movflags': 'faststart'})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video = VideoFile(path)
    alone = len(list(video.frames()))
    expected = video.warnings()
    assert sum(1 for _ in zip(video.frames(), video.frames(), strict=True)) == alone
    assert video.warnings() == expected and f'{alone} of 75 frames' in expected[0]
    assert not video.audio().between(0, 4)[3 * RATE :].any()
    assert len(video.warnings()) == 2 and 'the audio track is damaged' in video.warnings()[1]


def test_colours_that_there_are_not_are_an_error_that_names_the_file(tmp_path):
    video = VideoFile(write_video(tmp_path / 'a.mp4', 3, None), need_audio=False)
    frame = next(video.frames())
    frame.frame.colorspace = 64
    with pytest.raises(VideoError, match=r'a\.mp4: its frame at 0\.00 s .* colour space 64'):
        frame.rgb()


def test_audio_that_can_not_be_converted_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    video = VideoFile(write_video(tmp_path / 'a.mp4', 3, tone([LOW])))

    def refuse(*_):
        raise av.error.InvalidDataError(1094995529, 'Invalid data found')

    monkeypatch.setattr('av.AudioResampler', refuse)
    with pytest.raises(VideoError, match=r'a\.mp4: its audio states a format .*encode it again'):
        video.audio().between(0, 1)
