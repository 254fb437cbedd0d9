"""The audio front end against the published values and against the formulas, step by step."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from dataset_trees import noise, write_wav

from avsbench.datasets.transforms.log_mel_reader import LogMelReader
from avsbench.media import log_mel
from avsbench.media.log_mel import (
    count_patches,
    log_mel_patches,
    mel_matrix,
    periodic_hann,
    probe_wav,
    read_wav,
    resample,
    stft_magnitude,
)
from avsbench.utils.errors import DataError

PARITY = Path(__file__).resolve().parents[1] / 'parity'
sys.path.insert(0, str(PARITY))
import seeded  # noqa: E402

FIXTURE = json.loads((PARITY / 'audio_vggish.json').read_text())
STORED = np.load(PARITY / 'audio_vggish.npz')
CLIPS = {  # name -> rate and channels
    'mono16k_5s': (16000, ['mono16k_5s']),
    'mono44k_5s': (44100, ['mono44k_5s']),
    'stereo48k_10s': (48000, ['stereo48k_10s.left', 'stereo48k_10s.right']),
    'mono16k_3s': (16000, ['mono16k_3s']),
}


def write_clip(folder: Path, name: str) -> Path:
    rate, channels = CLIPS[name]
    waves = [seeded.waveform(*FIXTURE['inputs'][channel]['args']) for channel in channels]
    pcm = np.rint(np.stack(waves, axis=-1).astype(np.float64) * 32767).astype(np.int16)
    write_wav(folder / f'{name}.wav', pcm, rate)
    return folder / f'{name}.wav'


def check(name: str, value: np.ndarray, tolerance: float = 1e-5) -> None:
    meta, stored = FIXTURE['outputs'][name], STORED[name]
    assert list(value.shape) == meta['shape']
    np.testing.assert_allclose(value.ravel()[:: meta['stride']], stored, rtol=0, atol=tolerance)


@pytest.fixture(scope='module')
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp('wav')
    return {name: write_clip(folder, name) for name in CLIPS}


@pytest.mark.parametrize('name', CLIPS)
def test_published_patches(clips: dict[str, Path], name: str) -> None:
    samples, rate = read_wav(clips[name])
    assert samples.dtype == np.float64
    assert rate == CLIPS[name][0]
    check(f'{name}.resampled', resample(samples, rate), 1e-6)
    patches = log_mel_patches(samples, rate)
    assert patches.dtype == np.float32
    check(f'{name}.log_mel', patches)


def test_published_steps(clips: dict[str, Path]) -> None:
    check('window', periodic_hann(), 1e-7)
    check('mel_matrix', mel_matrix(), 1e-7)
    check('mono16k_5s.stft', stft_magnitude(read_wav(clips['mono16k_5s'])[0]))


def test_published_length_rules(clips: dict[str, Path]) -> None:
    def load(name: str, short: str, frames: int) -> np.ndarray:
        info = {'frame_paths': [''] * frames, 'log_mel_path': None, 'audio_path': clips[name]}
        return LogMelReader().read_clip(info | {'short_audio': short})

    check('s4_pickle.log_mel', load('mono16k_3s', 'repeat', 5))
    check('avss_batch.log_mel', np.concatenate([load(name, 'zero', 10) for name in CLIPS]))


def test_patch_counts() -> None:
    for samples, patches in FIXTURE['facts']['patches_by_samples_at_16k'].items():
        assert count_patches(int(samples)) == patches
        assert log_mel_patches(np.zeros(int(samples)), 16000).shape == (patches, 1, 96, 64)
    assert count_patches(441000, 44100) == 10


def test_silence_is_the_floor() -> None:
    patches = log_mel_patches(np.zeros(80000), 16000)
    check('silence.log_mel_min_max', np.array([patches.min(), patches.max()]))
    assert (patches == np.float32(math.log(0.01))).all()


def published_log_mel(samples: np.ndarray) -> np.ndarray:
    """The formulas of the front end without any shortcut, (n, 1, 96, 64) float32."""
    starts = 160 * np.arange(1 + (len(samples) - 400) // 160)
    frames = samples[starts[:, None] + np.arange(400)]
    window = 0.5 - 0.5 * np.cos(2 * np.pi / 400 * np.arange(400))
    mel = np.abs(np.fft.rfft(frames * window, 512)) @ mel_matrix()
    count = len(mel) // 96
    return np.log(mel + 0.01)[: count * 96].reshape(count, 1, 96, 64).astype(np.float32)


@pytest.mark.parametrize('loudness', [1.0, 1e-3])
@pytest.mark.parametrize('seconds', [1.0, 5.0, 10.3])
def test_shortcuts_change_no_bit(loudness: float, seconds: float) -> None:
    samples = np.rint(noise('bits', seconds) * loudness * 32767) / 32768
    assert (log_mel_patches(samples, 16000) == published_log_mel(samples)).all()


def test_a_shorter_clip_after_a_longer_one_is_not_touched_by_it() -> None:
    """Memory is reused from call to call."""
    short = noise('short', 1.2)
    before = log_mel_patches(short, 16000)
    log_mel_patches(noise('long', 7), 16000)
    assert (log_mel_patches(short, 16000) == before).all()


def test_threads_do_not_share_memory() -> None:
    from concurrent.futures import ThreadPoolExecutor

    waves = [noise(str(i), 3) for i in range(8)]
    expected = [log_mel_patches(wave, 16000) for wave in waves]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda wave: log_mel_patches(wave, 16000), waves * 4))
    assert all((f == e).all() for f, e in zip(found, expected * 4, strict=True))


def test_16_bit_samples_then_mean(tmp_path: Path) -> None:
    pcm = np.array([[-32768, 32767, 5], [1, 2, 4], [3, 3, 3]], np.int16)
    for channels in (1, 2, 3):
        write_wav(tmp_path / 'x.wav', pcm[:, :channels])
        expected = (pcm[:, :channels] / 32768.0).mean(axis=1)
        assert (read_wav(tmp_path / 'x.wav')[0] == expected).all()


def test_float_files_are_scaled_not_cast(tmp_path: Path) -> None:
    wave = noise('float', 0.1)
    wave[:2] = 1.5, -1.5
    write_wav(tmp_path / 'float.wav', wave, subtype='FLOAT')
    expected = np.clip(np.rint(wave.astype(np.float32) * 32768.0), -32768, 32767) / 32768
    assert np.abs(read_wav(tmp_path / 'float.wav')[0] - expected).max() == 0


@pytest.mark.parametrize(
    ('form', 'subtype', 'rate'), [('OGG', 'VORBIS', 44100), ('OGG', 'OPUS', 48000)]
)
def test_peaks_beyond_full_scale_do_not_wrap(
    tmp_path: Path, form: str, subtype: str, rate: int
) -> None:
    """Lossy compression makes a loud wave louder; as an integer it would change its sign."""
    loud = 0.999 * np.sign(np.sin(2 * np.pi * 440 * np.arange(rate) / rate))
    path = tmp_path / 'audio.wav'  # the content counts, not the suffix
    soundfile.write(path, loud, rate, format=form, subtype=subtype)
    decoded = soundfile.read(path, dtype='float64')[0]
    assert np.abs(decoded).max() > 1.1
    expected = np.clip(np.rint(decoded * 32768), -32768, 32767) / 32768
    assert (read_wav(path)[0] == expected).all()
    assert probe_wav(path) == (len(loud), rate)


@pytest.mark.parametrize('subtype', ['PCM_24', 'PCM_32', 'PCM_U8'])
def test_other_integer_files(tmp_path: Path, subtype: str) -> None:
    wave = noise('other', 0.1)
    write_wav(tmp_path / 'x.wav', wave, subtype=subtype)
    assert np.abs(read_wav(tmp_path / 'x.wav')[0] - wave).max() < 1 / 100


def test_too_short_to_resample() -> None:
    assert log_mel_patches(np.zeros(2), 48000).shape == (0, 1, 96, 64)


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_refuses_samples_that_are_no_numbers(bad: float) -> None:
    samples = np.zeros(16000)
    samples[7] = bad
    with pytest.raises(DataError, match='NaN or infinity'):
        log_mel_patches(samples, 16000)


def test_refuses_several_channels() -> None:
    with pytest.raises(ValueError, match='one axis'):
        log_mel_patches(np.zeros((100, 2)), 16000)


def broken_wavs(folder: Path) -> dict[str, tuple[Path, str]]:
    """{what: (file, words of the error)}."""
    good = folder / 'good.wav'
    write_wav(good, noise('good', 1))
    content = good.read_bytes()
    files = {
        'empty file': (b'', 'not a readable audio file'),
        'web page': (b'<html>quota exceeded</html>', 'not a readable audio file'),
        'cut off': (content[: len(content) // 2], 'cut off: its header promises 16022 more bytes'),
        'no samples': (content[:40] + bytes(4), 'no samples'),
    }
    for name, (data, _) in files.items():
        (folder / f'{name}.wav').write_bytes(data)
    wave = noise('nan', 1)
    wave[[10, 20]] = np.nan
    write_wav(folder / 'nan.wav', wave, subtype='FLOAT')
    write_wav(folder / 'scale.wav', noise('scale', 1) * 30000, subtype='FLOAT')
    cases = {name: (folder / f'{name}.wav', words) for name, (_, words) in files.items()}
    cases['nan'] = (folder / 'nan.wav', '2 of its samples are NaN or infinite')
    cases['scale'] = (folder / 'scale.wav', 'where full scale is 1; divide them')
    for rate in (7, 999, 10**6):
        write_wav(folder / f'{rate}.wav', noise('rate', 1), rate)
        cases[f'{rate} Hz'] = (folder / f'{rate}.wav', f'sample rate is {rate} Hz, expected 1000')
    soundfile.write(folder / 'huge.flac', noise('huge', 1), 16000)
    content = bytearray((folder / 'huge.flac').read_bytes())
    content[22:26] = b'\x80\0\0\0'  # of the number of samples, in the first block
    (folder / 'huge.flac').write_bytes(content)
    cases['huge'] = (folder / 'huge.flac', 'claims to have 2147483648 samples in 1 channels')
    cases['missing'] = (folder / 'missing.wav', 'no such file')
    return cases


@pytest.mark.parametrize('read', [read_wav, probe_wav])
def test_broken_files_are_named(tmp_path: Path, read: object) -> None:
    for path, words in broken_wavs(tmp_path).values():
        with pytest.raises(DataError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert words in str(caught.value)
        assert 'To fix it' in str(caught.value)


def test_a_streamed_header_is_no_fault(tmp_path: Path) -> None:
    """A writer into a pipe can't know the size of what it writes."""
    path = tmp_path / 'x.wav'
    write_wav(path, noise('stream', 1))
    content = bytearray(path.read_bytes())
    content[40:44] = b'\xff\xff\xff\xff'
    path.write_bytes(content)
    assert len(read_wav(path)[0]) == 16000


def test_probe_reads_the_header(tmp_path: Path) -> None:
    write_wav(tmp_path / 'x.wav', np.zeros((4410, 2)), 44100)
    assert probe_wav(tmp_path / 'x.wav') == (4410, 44100)


def test_other_containers(tmp_path: Path) -> None:
    wave = noise('flac', 1)
    soundfile.write(tmp_path / 'x.flac', wave, 16000)
    assert np.abs(read_wav(tmp_path / 'x.flac')[0] - wave).max() < 1e-4


def test_front_end_leaves_torch_threads_alone() -> None:
    threads = torch.get_num_threads()
    log_mel_patches(noise('threads', 1), 16000)
    assert torch.get_num_threads() == threads


def test_constants_are_read_only() -> None:
    for array in (periodic_hann(), mel_matrix()):
        with pytest.raises(ValueError, match='read-only'):
            array[0] = 1
    assert log_mel.MIN_SAMPLES == 15600
