"""Running our audio front end and VGGish on the fixture of the published ones."""

import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from avsbench.checkpoint.vggish import VGGISH
from avsbench.datasets.transforms.log_mel_reader import LogMelReader
from avsbench.media import log_mel
from avsbench.models import VGGish
from avsbench.parity.fixture import Computed, Fixture
from avsbench.registry import CHECKERS

NAMES = ('avss_batch', 's4_pickle')  # what the fixture calls them
FULL_SCALE = 32767  # of the 16-bit samples that the fixture's clips are written with


@CHECKERS.register_module(name='audio_vggish')
def run(fixture: Fixture) -> Computed:
    """Compute everything a fixture of the audio front end stores.

    Args:
        fixture: Its `batch` names the clips of the AVSS batch, `short_clip` the one whose last
            patch S4 repeats, `reference_clip` the one that the STFT and the PCA are shown on.

    Returns:
        Resampled waves, log-mel patches, convolution maps and embeddings by name.
    """
    content = fixture.content
    model = VGGish().eval()
    model.load_state_dict(VGGISH.to_ours(fixture.state_dict())[0], strict=True)
    outputs: dict[str, Tensor | np.ndarray] = {
        'mel_matrix': log_mel.mel_matrix(),
        'window': log_mel.periodic_hann(),
    }
    clips = content['batch']
    patches = {name: content['outputs'][f'{name}.log_mel']['shape'][0] for name in NAMES}
    with tempfile.TemporaryDirectory() as folder:
        files = _write_clips(fixture, Path(folder))
        for name, file in files.items():
            outputs |= {f'{name}.{key}': value for key, value in _clip(model, file).items()}
        each = patches['avss_batch'] // len(clips)
        batch = np.concatenate([_fitted('zero', files[name], each) for name in clips])
        short = files[content['short_clip']]
        outputs['s4_pickle.log_mel'] = _fitted('repeat', short, patches['s4_pickle'])
        reference = content['reference_clip']
        samples, _ = log_mel.read_wav(files[reference])
    outputs[f'{reference}.stft'] = log_mel.stft_magnitude(samples)
    outputs['avss_batch.log_mel'] = batch
    outputs['avss_batch.embedding'] = model(torch.from_numpy(batch))[:, 0]
    reference_patches = torch.from_numpy(outputs[f'{reference}.log_mel'])
    outputs[f'{reference}.embedding_pca'] = _with_pca(fixture, reference_patches)
    silence = log_mel.log_mel_patches(np.zeros(5 * log_mel.SAMPLE_RATE), log_mel.SAMPLE_RATE)
    outputs['silence.log_mel_min_max'] = np.array([silence.min(), silence.max()])
    return Computed(outputs)


def _write_clips(fixture: Fixture, folder: Path) -> dict[str, Path]:
    """16-bit wav files of the fixture's clips, by name."""
    channels: dict[str, list[np.ndarray]] = {}
    rates: dict[str, int] = {}
    for key, recipe in fixture.content['inputs'].items():
        name = key.partition('.')[0]
        wave = np.rint(fixture.input(key).astype(np.float64) * FULL_SCALE).astype(np.int16)
        channels.setdefault(name, []).append(wave)
        rates[name] = recipe['args'][2]
    files = {}
    for name, waves in channels.items():
        files[name] = folder / f'{name}.wav'
        soundfile.write(files[name], np.stack(waves, 1), rates[name], subtype='PCM_16')
    return files


@torch.no_grad()
def _clip(model: VGGish, file: Path) -> dict[str, Tensor | np.ndarray]:
    samples, rate = log_mel.read_wav(file)
    patches = log_mel.log_mel_patches(samples, rate)
    maps = model.features(torch.from_numpy(patches))
    return {
        'resampled': log_mel.resample(samples, rate),
        'log_mel': patches,
        'conv': maps,
        'flat': maps.permute(0, 2, 3, 1).flatten(1),
        'embedding': model(torch.from_numpy(patches))[:, 0],
    }


def _fitted(short: str, file: Path, patches: int) -> np.ndarray:
    """The patches of a file as the data pipeline fits them to a clip's length."""
    clip = {'log_mel_path': None, 'audio_path': str(file), 'frame_paths': [''] * patches}
    return LogMelReader().read_clip(clip | {'short_audio': short})


@torch.no_grad()
def _with_pca(fixture: Fixture, patches: Tensor) -> Tensor:
    model = VGGish(pca=True).eval()
    entries = fixture.content['checkpoint'] + fixture.content['extra_parameters']
    state = {
        key: torch.from_numpy(value) for key, value in fixture.seeded.state_dict(entries).items()
    }
    model.load_state_dict(VGGISH.to_ours(state)[0], strict=True)
    return model(patches)[:, 0]
