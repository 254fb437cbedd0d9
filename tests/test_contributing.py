"""What CONTRIBUTING.md tells of adding a system is true, word by word, outside the package."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avsbench.synthetic import generate
from avsbench.video import make_video

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / 'CONTRIBUTING.md').read_text()
PUBLISHED = """
import timm
import torch
from torch import nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = timm.create_model('resnet18', features_only=True)
        self.ear = timm.create_model('resnet10t', in_chans=1, num_classes=0)
        self.pixel = nn.Conv2d(64, 32, 1)
        self.sound = nn.Linear(self.ear.num_features, 32)

    def forward(self, frames, log_mel):
        features = self.encoder(frames)[1]
        embedding = self.ear(log_mel)
        pixels = self.pixel(features)
        pred = (pixels * self.sound(embedding)[:, :, None, None]).sum(1, keepdim=True)
        return {'features': features, 'embedding': embedding, 'pixels': pixels, 'pred': pred}
"""
SHORT = (
    'data_root={root} train_cfg.max_epochs=1 train_cfg.val_interval=1 '
    'train_dataloader.dataset.indices=4 train_dataloader.batch_size=2 '
    'val_dataloader.dataset.indices=1'
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the files of CONTRIBUTING.md have been written, and nothing edited."""
    folder = tmp_path_factory.mktemp('checkout')
    for entry in ROOT.iterdir():
        if entry.name not in ('data', 'work_dir', '.git'):
            (folder / entry.name).symlink_to(entry)
    blocks = re.findall(r'```python\n# ([\w/]+\.py)\n(.*?)```', TEXT, re.DOTALL)
    assert len(blocks) == 6
    for name, code in blocks:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(code)
    (folder / 'published.py').write_text(PUBLISHED)
    (folder / 'seeded.py').symlink_to(ROOT / 'tests' / 'parity' / 'seeded.py')
    frames = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), np.uint8)
    make_video(folder / 'IN.mp4', frames, 10, np.zeros(32000), 16000)
    return folder


def run(folder: Path, command: str, code: int = 0) -> str:
    """Run a command where PYTHONPATH is the folder, as the text says; returns what it printed."""
    environment = os.environ | {
        'OMP_NUM_THREADS': '1',
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
        'PYTHONPATH': f'{folder}{os.pathsep}{ROOT}',
    }
    words = ['bash', '-c', command]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    printed = f'{done.stdout}\n{done.stderr}'
    assert done.returncode == code, f'{command}\n{printed[-5000:]}'
    return printed


def command(program: str) -> str:
    """The command of the text that runs a program."""
    (found,) = re.findall(rf'^python {program} .*$', TEXT, re.MULTILINE)
    return found


@pytest.mark.slow
def test_a_system_from_outside_trains(folder: Path) -> None:
    root = generate('s4', folder / 'synthetic', size=64)
    run(folder, f'{command("train.py")} --cfg-options {SHORT.format(root=root)}')
    assert (folder / 'work_dir/s4/audiopool_demo/best_mIoU.pth').is_file()


@pytest.mark.slow
def test_a_published_checkpoint_predicts_a_video(folder: Path) -> None:
    save = "import torch, published; torch.save(published.Network().state_dict(), 'published.pth')"
    run(folder, f'python -c "{save}"')
    run(folder, command('demo/video_demo.py'))
    assert (folder / 'OUT.mp4').is_file() and (folder / 'OUT.csv').is_file()
    to_ours = 'python tools/convert_checkpoint.py published.pth ours.pth --config audiopool_demo.py'
    assert 'AudioPool: ' in run(folder, to_ours)
    back = 'python tools/convert_checkpoint.py ours.pth back.pth --config audiopool_demo.py'
    assert 'in the layout of AudioPool' in run(folder, f'{back} --to audiopool')


@pytest.mark.slow
def test_its_fixture_passes_until_a_number_is_another(folder: Path) -> None:
    run(folder, 'python make_fixture.py')
    assert re.search(r'(\d+) of \1 pass', run(folder, command('tools/check_parity.py')))
    file = folder / 'parity/audiopool_resnet18_s4.json'
    content = json.loads(file.read_text())
    content['losses']['bce'] *= 1.01
    file.write_text(json.dumps(content))
    assert 'FAIL  loss      bce' in run(folder, command('tools/check_parity.py'), code=1)
    alone = command('tools/check_parity.py').partition(' --config')[0]
    message = run(folder, alone, code=2)
    assert "system 'audiopool' is not registered" in message and 'custom_imports' in message
