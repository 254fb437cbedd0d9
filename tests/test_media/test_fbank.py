"""The front ends of AST and CLAP against those of torchaudio and transformers."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from avsbench.media.clap_mel import clap_mel_patches
from avsbench.media.fbank import SILENCE, fbank_patches

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests' / 'parity'))
import seeded  # noqa: E402

# Position in (2, 1, 98, 128) and value, of torchaudio 2.11 on `waveform`, called as AST calls it.
TORCHAUDIO = {
    **{0: -8.2199, 1320: -4.1217, 2640: 6.9012, 3961: 1.9022, 5281: -6.3834, 6601: 0.4574},
    **{7922: 2.2524, 9242: -6.0199, 10562: 0.4261, 11883: 0.7666, 13203: 0.7938, 14524: -2.4248},
    **{15844: 1.6477, 17164: -5.12, 18485: -1.0552, 19805: 1.4422, 21125: -10.2919},
    **{22446: -3.0608, 23766: -0.3954, 25087: 2.1961},
}
# Frame of the first second, and bands 0, 20 and 40, of the extractor of transformers 5.24.
CLAP_FRAMES = {
    0: (16.056, -7.663, -4.561),
    1: (1.814, -12.031, -12.197),
    2: (2.383, -8.235, -8.569),
    500: (11.081, -7.836, -4.590),
    998: (-8.928, -10.388, -13.667),
    999: (-7.373, -8.976, -12.416),
    1000: (-5.443, -13.486, -8.745),
}


@pytest.fixture(scope='module')
def waveform() -> np.ndarray:
    """Two seconds at 16 kHz."""
    samples = seeded.waveform('robust_audio/16k', 80000, 16000)[:32000]
    return np.rint(samples * 32767).astype(np.int16) / 32768


def test_fbank_has_the_values_of_torchaudio(waveform) -> None:
    patches = fbank_patches(waveform, 16000)
    assert patches.shape == (2, 1, 98, 128) and patches.dtype == np.float32
    found = patches.ravel()[list(TORCHAUDIO)]
    np.testing.assert_allclose(found, list(TORCHAUDIO.values()), atol=1e-3)
    assert (fbank_patches(np.zeros(16000), 16000) == np.float32(SILENCE)).all()


def test_fbank_of_each_second_against_torchaudio(waveform) -> None:
    kaldi = pytest.importorskip('torchaudio.compliance.kaldi')
    for second, patch in enumerate(fbank_patches(waveform, 16000)):
        samples = torch.from_numpy(waveform[second * 16000 : (second + 1) * 16000]).float()[None]
        expected = kaldi.fbank(
            samples - samples.mean(),
            htk_compat=True,
            sample_frequency=16000,
            use_energy=False,
            window_type='hanning',
            num_mel_bins=128,
            dither=0.0,
            frame_shift=10,
        )
        np.testing.assert_allclose(patch[0], expected, atol=2e-3)  # theirs is float32


def test_fbank_against_the_extractor_of_transformers(waveform) -> None:
    transformers = pytest.importorskip('transformers')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # some of the 128 bands lie between two bins
        extractor = transformers.ASTFeatureExtractor(max_length=98)
    (expected,) = extractor(
        waveform[:16000].astype(np.float32), sampling_rate=16000, return_tensors='np'
    )['input_values']
    patch = fbank_patches(waveform, 16000)[0, 0]
    np.testing.assert_allclose((patch - extractor.mean) / (2 * extractor.std), expected, atol=2e-4)


def test_clap_mel_has_the_values_of_transformers(waveform) -> None:
    patches = clap_mel_patches(waveform, 16000)
    assert patches.shape == (2, 1, 1001, 64) and patches.dtype == np.float32
    found = patches[0, 0, list(CLAP_FRAMES)][:, [0, 20, 40]]
    np.testing.assert_allclose(found, list(CLAP_FRAMES.values()), atol=2e-3)
    assert patches.min() == pytest.approx(-100)  # above 8 kHz, where the file ends


def test_clap_mel_against_the_extractor_of_transformers() -> None:
    transformers = pytest.importorskip('transformers')
    samples = seeded.waveform('clap/48k', 96000, 48000)
    extractor = transformers.ClapFeatureExtractor(truncation='rand_trunc')  # without fusion
    for second, patch in enumerate(clap_mel_patches(samples, 48000)):
        (expected,) = extractor(
            samples[second * 48000 : (second + 1) * 48000].astype(np.float32),
            sampling_rate=48000,
            return_tensors='np',
        )['input_features']
        np.testing.assert_allclose(patch, expected, atol=1e-3)
