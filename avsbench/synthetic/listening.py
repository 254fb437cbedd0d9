"""Train a config on the synthetic benchmark and test it with and without its sound."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.synthetic import load_ceilings
from avsbench.utils.errors import AVSBenchError

ROOT = Path(__file__).resolve().parents[2]
MUTE = 'model.data_preprocessor.mute_audio=True'


@dataclass
class Run:
    """One training and its tests.

    Attributes:
        subset: 's4' or 'ms3'.
        config: File name below `config/<subset>/`.
        seed: Of the training.
        muted: Whether it was trained without sound.
        minutes: Wall time of the training.
        score: J on the twin test split, mean IoU of the frames.
        f_score: F on it.
        score_when_muted: J with the sound zeroed in the test.
        ceiling: The J that a model can't exceed without listening.
    """

    subset: str
    config: str
    seed: int
    muted: bool
    minutes: float
    score: float
    f_score: float
    score_when_muted: float
    ceiling: float


def listen(subset: str, name: str, seed: int, work_dir: Path, *, muted: bool = False) -> Run:
    """Train a config, then test its best checkpoint with and without sound.

    Args:
        subset: 's4' or 'ms3'.
        name: File name below `config/<subset>/`.
        seed: Of the training.
        work_dir: Where logs, checkpoints and results go.
        muted: Train without sound.

    Raises:
        AVSBenchError: A command failed; the end of its log is in the message.
    """
    config = config_file(f'{subset}/{name}')
    ceiling = load_ceilings(load_config(config).data_root)['test']['audio_blind']['bound_J']
    common = [subset, str(config), '--work-dir', str(work_dir)]
    mute = [MUTE] if muted else []
    start = time.monotonic()
    options = ['--cfg-options', f'randomness.seed={seed}', *mute]
    _command('train.py', *common, *options, log=work_dir / 'train.log')
    minutes = (time.monotonic() - start) / 60
    checkpoint = str(work_dir / 'best_mIoU.pth')
    metrics = []
    for option in (mute, [MUTE]):
        test = [*common[:2], checkpoint, *common[2:]]
        options = ['--cfg-options', *option] if option else []
        _command('test.py', *test, *options, log=work_dir / 'test.log')
        result = json.loads((work_dir / 'results' / 'test.json').read_text())
        metrics.append(result['metrics'])
    heard, silent = metrics
    return Run(
        subset,
        name,
        seed,
        muted,
        minutes,
        heard['mIoU'],
        heard['F_all'],
        silent['mIoU'],
        ceiling,
    )


def _command(script: str, *words: str, log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('w') as file:
        command = [sys.executable, str(ROOT / script), *words]
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        tail = '\n'.join(log.read_text().splitlines()[-5:])
        raise AVSBenchError(f'{script} {" ".join(words)} failed, see {log}:\n{tail}')
