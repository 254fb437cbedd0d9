"""Running the sounds of `avsbench robustness` on a fixture of AVSBench-Robust."""

import tempfile
from pathlib import Path

import numpy as np
import soundfile

from avsbench.analysis.robustness.conditions import (
    OffScreen,
    Original,
    PublishedNoise,
    Silence,
)
from avsbench.analysis.robustness.running import ConditionReader
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.datasets.transforms.log_mel_reader import LogMelReader
from avsbench.media.front_ends import PUBLISHED_MEL_POWER
from avsbench.parity.fixture import Computed, Fixture
from avsbench.registry import CHECKERS

FULL_SCALE = 32767  # of the 16-bit samples that the fixture's clip is written with
SEED = 42  # of numpy's generator, before the first noise is drawn


class _FirstNoise(PublishedNoise):
    """The noise that the published code draws first."""

    def generator(self, info: AudioClipInfo) -> np.random.RandomState:
        """The generator as the published code seeds it."""
        return np.random.RandomState(self.seed)


@CHECKERS.register_module(name='robust_audio')
def run(fixture: Fixture) -> Computed:
    """Compute the features of a clip, of silence and of noise by both front ends."""
    outputs = fixture.content['outputs']
    published = PUBLISHED_MEL_POWER.name
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'clip.wav')
        wave = np.rint(fixture.input('wav').astype(np.float64) * FULL_SCALE).astype(np.int16)
        soundfile.write(path, wave, fixture.content['inputs']['wav']['args'][2], subtype='PCM_16')
        clip = {
            'clip_id': 'clip',
            'frame_paths': [''] * outputs['vggish_features']['shape'][0],
            'audio_path': str(path),
            'log_mel_path': None,
            'short_audio': 'repeat',
        }
        noise = {'seed': SEED, 'name': 'noise'}
        first = _FirstNoise(**noise)
        other = {'others': {'clip': clip}, 'reason': '', 'name': 'off_screen'}
        conditions = {
            'librosa_features': OffScreen(front_end=published, **other),
            'vggish_features': Original(name='original'),
            'silence_librosa': Silence(name='silence', front_end=published),
            'noise_librosa': _FirstNoise(front_end=published, **noise),
            'noise_vggish': first,
        }
        found = {
            name: ConditionReader(condition, LogMelReader(), from_files=True).read_clip(clip)
            for name, condition in conditions.items()
        }
        seconds = outputs['noise_wav']['shape'][0] // first.pcm(clip)[1]
        found['noise_wav'] = first.pcm({**clip, 'frame_paths': [''] * seconds})[0][:, 0]
    return Computed(found)
