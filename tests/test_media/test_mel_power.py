"""The mel-power front end against librosa, against published values, and in a training step."""

import sys
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from dataset_trees import make_s4, noise, write_wav
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from avsbench.apis.pipeline import ClipPipeline
from avsbench.config.loading import load_config
from avsbench.datasets import S4Dataset
from avsbench.datasets.transforms import LoadClip
from avsbench.media.front_ends import FRONT_ENDS
from avsbench.media.log_mel import read_wav
from avsbench.media.mel_power import mel_power_patches, published_mel_power_patches
from avsbench.media.seconds import count_seconds
from avsbench.registry import DATASETS, MODELS
from avsbench.synthetic import generate
from avsbench.utils.errors import ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'parity'))
import seeded  # noqa: E402

# Position in (5, 1, 96, 64) and value, of the published code on `waveform`.
PUBLISHED = {
    **{0: 1.0864, 705: 0.2751, 1410: 0.0541, 2115: 0.2216, 6145: 0.3909, 6850: 0.3632},
    **{7555: 0.1727, 8260: 0.1442, 12295: 0.2873, 13000: 0.0675, 13705: 0.2849, 14410: 0.0583},
    **{18445: 0.5282, 19150: -0.2564, 19855: -0.2481, 20560: -0.0925, 24595: 1.3692},
    **{25300: 0.7962, 26005: 1.0746, 26710: 1.2348},
}


@pytest.fixture
def waveform() -> np.ndarray:
    """Five seconds at 16 kHz, whose published features are known."""
    samples = seeded.waveform('robust_audio/16k', 80000, 16000)
    return np.rint(samples * 32767).astype(np.int16) / 32768


def test_published_values(waveform: np.ndarray) -> None:
    patches = published_mel_power_patches(waveform, 16000)
    assert patches.shape == (5, 1, 96, 64) and patches.dtype == np.float32
    found = patches.ravel()[list(PUBLISHED)]
    np.testing.assert_allclose(found, list(PUBLISHED.values()), atol=1e-3)
    assert (patches[:, :, 44:] == 0).all()
    assert (patches.min(), patches.max()) == pytest.approx((-2.99880, 2.31202), abs=1e-4)


@pytest.mark.filterwarnings('ignore::DeprecationWarning:audioread')
def test_librosa_on_a_file(tmp_path: Path) -> None:
    write_wav(tmp_path / 'x.wav', noise('mel power', 3.4, 44100), 44100)
    samples, rate = librosa.load(tmp_path / 'x.wav', duration=3)
    assert rate == 22050
    patches = mel_power_patches(*read_wav(tmp_path / 'x.wav'))
    assert patches.shape == (3, 1, 44, 64)
    for second, patch in enumerate(patches):
        power = librosa.feature.melspectrogram(
            y=samples[second * rate : (second + 1) * rate], n_fft=1024, hop_length=512, n_mels=64
        )
        decibels = librosa.power_to_db(power).T
        expected = (decibels - decibels.mean()) / decibels.std()
        np.testing.assert_allclose(patch[0], expected, atol=1e-4)


def test_each_second_by_itself(waveform: np.ndarray) -> None:
    patches = mel_power_patches(waveform, 16000)
    np.testing.assert_allclose(patches.mean(axis=(1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(patches.std(axis=(1, 2, 3)), 1, atol=1e-4)
    np.testing.assert_allclose(mel_power_patches(waveform / 4, 16000), patches, atol=1e-3)
    other = np.concatenate([noise('other', 1), waveform[16000:]])
    assert (mel_power_patches(other, 16000)[2:] == patches[2:]).all()
    assert (published_mel_power_patches(waveform, 16000)[:, :, :44] == patches).all()


def test_silence() -> None:
    silence = np.zeros(11025 * 5)
    assert (mel_power_patches(silence, 11025) == 0).all()
    published = published_mel_power_patches(silence, 11025)
    np.testing.assert_allclose(published[:, :, :44], -100, rtol=1e-6)
    assert (published[:, :, 44:] == 0).all()


@pytest.mark.parametrize('name', FRONT_ENDS)
@pytest.mark.parametrize('rate', [16000, 44100])
def test_front_ends_count_and_shape(name: str, rate: int) -> None:
    front = FRONT_ENDS[name]
    shortest = int(np.ceil(front.min_seconds * rate))
    for samples, expected in ((shortest - 1, 0), (shortest, 1), (int(2.5 * rate), 2)):
        patches = front.patches(noise('count', 3, rate)[:samples], rate)
        assert patches.shape == (expected, *front.shape) and patches.dtype == np.float32
        assert front.count(samples, rate) == expected


def test_broken_samples() -> None:
    with pytest.raises(DataError, match='NaN or infinity'):
        mel_power_patches(np.array([0.0, np.nan] * 16000), 16000)
    with pytest.raises(ValueError, match='one axis'):
        mel_power_patches(np.zeros((16000, 2)), 16000)
    assert count_seconds(47999, 16000) == 2


def test_short_audio_and_stored_log_mel(tmp_path: Path) -> None:
    s4_root = make_s4(tmp_path)
    wav = s4_root / 's4_data/audio_wav/test/dog_barking/d.wav'
    write_wav(wav, noise('short', 2.9))
    load = LoadClip(front_end='mel_power')
    dataset = S4Dataset(s4_root, 'test', pipeline=[load])
    assert dataset.summary()['padded_audio'] == 1
    log_mel = dataset[0]['log_mel']
    assert log_mel.shape == (5, 1, 44, 64)
    assert (log_mel[2:] == log_mel[1]).all() and (log_mel[1] != log_mel[0]).any()
    write_wav(wav, noise('short', 0.99))
    with pytest.raises(DataError, match=r'0\.990 s, shorter than 1\.0 s'):
        S4Dataset(s4_root, 'test', pipeline=[load])
    stored = s4_root / 's4_data/audio_log_mel/test/dog_barking/d.npy'
    stored.parent.mkdir(parents=True)
    np.save(stored, np.zeros((5, 1, 96, 64), np.float32))
    with pytest.raises(ConfigError, match=r"d\.npy holds VGGish's log-mel.*audio_source='wav'"):
        S4Dataset(s4_root, 'test', pipeline=[load])
    with pytest.raises(ConfigError, match="did you mean 'mel_power'"):
        LoadClip(front_end='melpower')


def test_a_config_trains_its_audio_encoder(tmp_path: Path) -> None:
    """The demo network on mel power, one step; a video goes the same way."""
    cfg = load_config(ROOT / 'config/s4/demo.py')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline[0].front_end = 'mel_power'
        loader.dataset.data_root = str(generate('s4', tmp_path, train=2, val=1, test=1))
    init_default_scope('avsbench')
    assert ClipPipeline(cfg).front_end is FRONT_ENDS['mel_power']
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    batch = model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), training=True)
    assert batch['inputs']['audio'].shape[1:] == (1, 44, 64)
    sum(model(**batch, mode='loss').values()).backward()
    gradients = [p.grad for p in model.audio_encoder.parameters()]
    assert all(g is not None and g.isfinite().all() for g in gradients)
    assert any(g.abs().max() > 0 for g in gradients)


def test_vggish_refuses_other_patches() -> None:
    init_default_scope('avsbench')
    with pytest.raises(ConfigError, match=r'\(1, 44, 64\), expected \(1, 96, 64\).*front_end'):
        MODELS.build(dict(type='VGGish'))(torch.zeros(1, 1, 44, 64))
