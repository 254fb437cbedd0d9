"""AVSStream: the masks of a file from pieces of any size, after the delay that it states."""

import numpy as np
import pytest
from motion_clips import disc_frames, toy_motion
from video_clips import HIGH, LOW, RATE, SIZE, tone, toy_listener

from avsbench.apis import AVSInferencer, AVSStream
from avsbench.utils.errors import ConfigError, DataError

FRAME_RATE = 10
SEQUENCE = [LOW, HIGH, LOW, 0.0, HIGH, HIGH, LOW]
SOUND = dict(frame_rate=FRAME_RATE, sample_rate=RATE)


@pytest.fixture(scope='module', params=['s4', 'avss'])
def inferencer(request, tmp_path_factory):
    files = toy_listener(tmp_path_factory.mktemp('listener'), request.param)
    return AVSInferencer(*files, device='cpu', show_progress=False)


@pytest.fixture(scope='module')
def moving(tmp_path_factory):
    folder = tmp_path_factory.mktemp('motion')
    toy_motion(folder)
    files = folder / 'motion.py', folder / 'motion.pth'
    return AVSInferencer(*files, device='cpu', show_progress=False)


def noisy_frames(count):
    return np.random.default_rng(0).integers(0, 255, (count, *SIZE, 3), np.uint8)


def pushed(stream, frames, audio=None, seed=0):
    """All masks, of pieces whose sizes are drawn; the audio is ahead or behind by up to 1.5 s."""
    rng, found, done, heard = np.random.default_rng(seed), [], 0, 0
    while done < len(frames) or (audio is not None and heard < len(audio)):
        step = int(rng.integers(0, 14))
        piece, done = frames[done : done + step], done + step
        block = None
        if audio is not None:
            until = max(heard, int((done / FRAME_RATE + rng.uniform(-1.5, 1.5)) * RATE))
            until = len(audio) if done >= len(frames) else until
            block, heard = audio[heard:until], until
        found += stream.push(piece, block)
    return found + stream.flush()


def check_same(found, expected):
    assert [p.span for p in found] == [p.span for p in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert all((a == b).all() for a, b in zip(ours.masked(), theirs.masked(), strict=True))
        assert (ours.frame == theirs.frame).all()
        assert (ours.log_mel is None) == (theirs.log_mel is None)
        assert theirs.log_mel is None or (ours.log_mel == theirs.log_mel).all()


@pytest.mark.parametrize('fps', [None, 3])
@pytest.mark.parametrize(('frames', 'seconds'), [(70, 7), (52, 5.6), (100, 10), (3, 0.2), (63, 4)])
def test_the_masks_of_a_file(inferencer, fps, frames, seconds):
    images, audio = noisy_frames(frames), tone(SEQUENCE * 2)[: int(seconds * RATE)]
    audio = (audio * 32767).astype(np.int16)
    whole = dict(frames=images, audio=audio, **SOUND)
    expected = list(inferencer.stream(whole, fps=fps))
    found = pushed(AVSStream(inferencer, fps=fps, **SOUND), images, audio, seed=frames)
    assert {0, 1} <= {int(p.masked()[0].max() > 0) for p in found} or seconds < 4
    check_same(found, expected)


@pytest.mark.parametrize('fps', [None, 5])
@pytest.mark.parametrize('frames', [3, 25, 32])
def test_of_consecutive_frames(moving, fps, frames):
    images = np.stack(list(disc_frames(frames)))
    whole = dict(frames=images, frame_rate=FRAME_RATE)
    expected = list(moving.stream(whole, fps=fps))
    check_same(pushed(AVSStream(moving, frame_rate=FRAME_RATE, fps=fps), images), expected)


def test_masks_come_within_the_delay(inferencer, moving):
    length = inferencer.pipeline.length
    stream, seen = AVSStream(inferencer, **SOUND), []
    assert stream.delay == pytest.approx(length + 1 / 10 - 1 / 16)
    assert AVSStream(inferencer, frame_rate=25, sample_rate=RATE).delay == length
    for number in range(2 * length * FRAME_RATE + 1):
        part = noisy_frames(1), tone([LOW], seconds=1 / FRAME_RATE)
        seen += [(p.start, number / FRAME_RATE) for p in stream.push(*part)]
    assert [start for start, _ in seen] == list(range(2 * length))
    assert max(now - start for start, now in seen) == length <= stream.delay
    frames = AVSStream(moving, frame_rate=FRAME_RATE)
    assert frames.delay == moving.pipeline.length / FRAME_RATE


@pytest.mark.parametrize('fps', [None, 3])
def test_buffers_can_be_used_again(inferencer, fps):
    """As cameras and sound cards do, which give the same array again and again."""
    frames, samples = noisy_frames(60), tone(SEQUENCE[:6]).astype(np.float64)
    expected = pushed(AVSStream(inferencer, fps=fps, **SOUND), frames, samples)
    stream, found = AVSStream(inferencer, fps=fps, **SOUND), []
    image, block = np.empty((1, *SIZE, 3), np.uint8), np.empty(RATE // FRAME_RATE)
    for number, frame in enumerate(frames):
        image[0] = frame
        block[:] = samples[number * len(block) : (number + 1) * len(block)]
        found += stream.push(image, block)
        image[:], block[:] = 0, 0.0
    check_same(found + stream.flush(), expected)


def test_little_is_held(inferencer):
    stream = AVSStream(inferencer, **SOUND)
    for _ in range(4 * inferencer.pipeline.length):
        stream.push(noisy_frames(FRAME_RATE), tone([LOW]))
        assert len(stream._waiting) <= inferencer.pipeline.length + 1
        held = sum(map(len, stream._audio._blocks))
        assert held <= (2 * inferencer.pipeline.length + 1) * RATE


@pytest.mark.parametrize(
    ('frames', 'audio', 'message'),
    [
        (np.zeros((2, 40, 64, 3), np.uint8), None, '40 x 64 pixels, those before have 48 x 64'),
        (np.zeros((2, *SIZE, 3)), None, 'frame 0 of this push: float64'),
        (np.zeros((2, *SIZE), np.uint8), None, r'uint8 of shape \(48, 64\), expected'),
        ([None], None, 'frame 0 of this push: NoneType'),
        (None, np.full(20, np.nan), 'sample 0 of this push is NaN'),
        (None, np.array([0.1, np.inf]), 'samples reach inf|sample 1 of this push is NaN'),
        (None, np.zeros(20, np.int32), 'int32 samples, expected int16, or float'),
        (None, np.zeros((3, 4, 5)), r'shape \(3, 4, 5\)'),
        (None, np.full(20, 3000.0), 'float samples reach 3000'),
        (np.zeros((9, *SIZE, 3), np.uint8), None, 'its audio would lag 1.8 s behind the frames'),
        (None, np.zeros(2 * RATE), 'its frames would lag 1.1 s behind the audio'),
    ],
)
def test_bad_pushes_change_nothing(inferencer, frames, audio, message):
    stream = AVSStream(inferencer, max_lag=1, **SOUND)
    stream.push(noisy_frames(9))
    with pytest.raises(DataError, match=message):
        stream.push(frames, audio)
    assert stream.seconds == 0.9
    stream.push(None, tone([LOW]))
    assert len(stream.flush()) == 1
    assert stream.flush() == []
    with pytest.raises(DataError, match='was ended by flush'):
        stream.push(noisy_frames(1))


def test_settings_that_are_wrong(inferencer, moving):
    for options, message in (
        (dict(frame_rate=0, sample_rate=RATE), 'frame_rate=0'),
        (dict(frame_rate=10), 'give the sample_rate'),
        (dict(frame_rate=10, sample_rate=5), 'sample_rate=5'),
        (dict(frame_rate=10, sample_rate=RATE, fps=0), 'fps=0'),
    ):
        with pytest.raises((ConfigError, DataError), match=message):
            AVSStream(inferencer, **options)
    with pytest.raises(DataError, match='reads no audio'):
        AVSStream(moving, **SOUND)
    with pytest.raises(ConfigError, match='fps=11'):
        AVSStream(moving, frame_rate=10, fps=11)
    with pytest.raises(DataError, match='reads none'):
        AVSStream(moving, frame_rate=10).push(None, np.zeros(5))
