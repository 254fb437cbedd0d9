"""Own videos don't wait for resampy, which numba compiles anew in each process."""

import subprocess
import sys
from pathlib import Path

import pytest
from video_clips import HIGH, LOW, tone, toy_listener, write_video

TESTS = Path(__file__).resolve().parents[1]
PREDICT = """
import sys
from avsbench.apis import AVSInferencer
config, checkpoint, video = sys.argv[1:]
for prediction in AVSInferencer(config, checkpoint, device='cpu').stream(video):
    mask, _ = prediction.masked()
    print('LR'[int(mask[:, : mask.shape[1] // 2].max() == 0)], end='')
print('', *sorted({'numba', 'resampy'} & sys.modules.keys()))
"""


@pytest.mark.parametrize('rate', [44100, 8000])
def test_neither_resampy_nor_numba_is_imported(tmp_path, rate):
    config, checkpoint = toy_listener(tmp_path)
    samples = tone([LOW, HIGH, LOW], rate=rate)
    video = write_video(tmp_path / 'in.mp4', 30, samples, rate=10, sample_rate=rate)
    words = [sys.executable, '-c', PREDICT, config, checkpoint, video]
    paths = f'{TESTS}:{TESTS.parent}'
    done = subprocess.run(
        words, capture_output=True, text=True, env={'PYTHONPATH': paths, 'PATH': '/usr/bin:/bin'}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == 'LRL'
