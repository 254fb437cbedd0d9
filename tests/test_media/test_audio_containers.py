"""Sound files that were cut off, in every container that libsndfile reads by its sizes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from avsbench.media.audio_containers import missing_bytes
from avsbench.media.faults import BrokenFileError
from avsbench.media.log_mel import read_wav

CONTAINERS = ('WAV', 'WAVEX', 'RF64', 'W64', 'AIFF', 'AU', 'CAF')


@pytest.fixture
def samples() -> np.ndarray:
    return np.random.default_rng(0).integers(-9000, 9000, 16001).astype(np.int16)


@pytest.mark.parametrize('container', CONTAINERS)
def test_cut_off(container: str, samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / 'a.wav'  # as AVSBench names them; what it is decides the content
    soundfile.write(path, samples, 16000, format=container, subtype='PCM_16')
    assert missing_bytes(path) == 0
    np.testing.assert_array_equal(read_wav(path)[0], samples / 2**15)
    content = path.read_bytes()
    orders = (samples[:8].astype(order).tobytes() for order in ('<i2', '>i2'))
    start = max(map(content.find, orders))
    path.write_bytes(content[: start + 20000])
    assert missing_bytes(path) in range(12002, 12010)  # with what fills the last chunk up
    with pytest.raises(BrokenFileError, match='a.wav: cut off: its header promises 1200. more'):
        read_wav(path)


@pytest.mark.parametrize('content', [b'', b'RIFF', b'riff' * 10, b'caff\0\1\0\0', b'.snd', b'ID3'])
def test_other_content_lacks_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'a'
    path.write_bytes(content)
    assert missing_bytes(path) == 0


def test_size_that_was_never_filled_in(samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / 'a.au'
    soundfile.write(path, samples, 16000, subtype='PCM_16')
    content = path.read_bytes()
    path.write_bytes(content[:8] + b'\xff' * 4 + content[12:])
    assert missing_bytes(path) == 0


def test_sizes_of_zero_end(tmp_path: Path) -> None:
    """A chunk of Wave64 counts its own header, so that a size of 0 would never move on."""
    path = tmp_path / 'a.w64'
    path.write_bytes(b'riff' + b'\0' * 20 + b'wave' + b'\0' * 12 + b'\0' * 4000)
    assert missing_bytes(path) == 0
