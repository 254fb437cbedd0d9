"""The commands and configs of docs/custom_data.md, on a few synthetic videos."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from video_clips import HIGH, LOW, RATE, SIZE, tone, toy_listener, write_video

from avsbench.analysis.complexity import build_model
from avsbench.apis import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.render import render_video
from avsbench.config.loading import load_config
from avsbench.config.schema import check_arguments
from avsbench.datasets import FolderAVSDataset
from avsbench.registry import DATASETS, METRICS
from avsbench.video import VideoFile

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / 'docs' / 'custom_data.md').read_text()
# To be over soon: pattern -> replacement.
SHORTCUTS = (
    ('--num 40', '--num 10'),
    (r'^(bash train.sh .*)$', r'\1 --cfg-options train_cfg.max_epochs=1 train_cfg.val_interval=1'),
)


def blocks(language: str) -> list[str]:
    return re.findall(rf'```{language}\n(.*?)```', TEXT, re.DOTALL)


def run(command: str, folder: Path) -> subprocess.CompletedProcess:
    variables = os.environ | {
        'OMP_NUM_THREADS': '1',
        'PYTHON': sys.executable,
        'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
    }
    words = shlex.split(re.sub(r'^avsbench ', 'python -m avsbench ', command))
    return subprocess.run(
        words, cwd=folder, env=variables, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout, without data."""
    for entry in ROOT.iterdir():
        if entry.name not in ('data', 'work_dir', '.git'):
            (tmp_path / entry.name).symlink_to(entry)
    return tmp_path


@pytest.mark.slow
def test_the_worked_example(checkout):
    example = next(block for block in blocks('bash') if 'synthetic videos' in block)
    for line in example.splitlines():
        for pattern, replacement in SHORTCUTS:
            line = re.sub(pattern, replacement, line)
        done = run(line, checkout)
        assert done.returncode == 0, f'{line}\n{done.stdout}\n{done.stderr}'
    results = checkout / 'work_dir' / 'custom'
    assert (results / 'curves.png').is_file()
    assert len(list(results.glob('data/*.png'))) == 7
    assert len(list(results.glob('masks/*.png'))) == 2  # one test video, and the sheet
    assert len(list(results.glob('demo/*/vis_data/vis_image/*.png'))) == 1

    first = next(block for block in blocks('bash') if 'data prepare custom' in block)
    frames = checkout / 'data' / 'custom' / 'prepared' / 'frames'
    before = sorted(frames.rglob('*.jpg'))
    done = run(first, checkout)
    assert done.returncode == 0, done.stderr
    assert '10 videos, 50 seconds' in done.stdout
    assert sorted(frames.rglob('*.jpg')) == before and len(before) == 50


def write_config(block: str, path: Path, root: Path) -> Path:
    """A config of the page, with a base that is small and reads `root`."""
    base = path.with_name('base.py')
    base.write_text(
        f"_base_ = '{ROOT}/config/custom/demo.py'\ndata_root = '{root}'\n"
        + ''.join(
            f"{split}_dataloader = dict(dataset=dict(data_root='{root}'))\n"
            for split in ('train', 'val', 'test')
        )
    )
    assert "'./pvt2.py'" in block
    path.write_text(block.replace("'./pvt2.py'", f"'{base}'"))
    return path


@pytest.mark.parametrize('kind', ['split_list', 'classes'])
def test_configs_of_the_page(kind, tmp_path, custom_data):
    block = next(block for block in blocks('python') if kind in block)
    root = custom_data(tmp_path / 'custom', classes=3 if kind == 'classes' else None)
    for split in ('train', 'val', 'test'):
        (root / f'{split}.txt').write_text(f'{split}/a  # one\n')
    cfg = load_config(write_config(block, tmp_path / 'mine.py', root))
    check_arguments(cfg)
    with DefaultScope.overwrite_default_scope('avsbench'):
        METRICS.build(cfg.val_evaluator)
        datasets = [
            DATASETS.build(cfg[f'{split}_dataloader'].dataset) for split in ('train', 'val', 'test')
        ]
    if kind == 'split_list':
        ids = [d.get_data_info(0)['clip_id'] for d in datasets]
        assert ids == ['train/a@0', 'val/a@0', 'test/a@0']
        return
    item = datasets[0][0]
    assert sorted(item['data_samples'].gt_masks.unique().tolist()) == [0, 1, 2]
    model = build_model(cfg)
    batch = dict(
        inputs={key: [value] for key, value in item['inputs'].items()},
        data_samples=[item['data_samples']],
    )
    losses = model(**model.data_preprocessor(batch), mode='loss')
    assert torch.isfinite(sum(losses.values()))


@pytest.mark.slow
def test_layout_of_avsbench(checkout):
    from video_clips import tone, write_video

    (command,) = (block for block in blocks('bash') if 'data prepare s4' in block)
    for split in ('train', 'val'):
        folder = checkout / 'data' / 'raw' / split / 'dog'
        folder.mkdir(parents=True)
        write_video(folder / 'a.mp4', 10, tone([440] * 5), rate=2)
    done = run(command, checkout)
    assert done.returncode == 0, done.stderr
    assert '2 clips made' in done.stdout


def test_predicted_masks_are_masks_of_custom_data(tmp_path):
    """What `avsbench video` predicts for a second is read as the mask of that second."""
    toy_listener(tmp_path)
    root = tmp_path / 'custom'
    (root / 'videos').mkdir(parents=True)
    (root / 'masks').mkdir()
    frames = [np.full((*SIZE, 3), 40 + 40 * (n // 10), np.uint8) for n in range(26)]
    samples = tone([LOW, HIGH, LOW])[: int(2.6 * RATE)]
    video = write_video(root / 'videos/clip.mp4', frames, samples, rate=10)

    inferencer = AVSInferencer(
        tmp_path / 'listener_s4.py', tmp_path / 'listener_s4.pth', device='cpu', show_progress=False
    )
    outputs = Outputs(tmp_path / 'out.mp4', root / 'masks/clip', source=video)
    assert render_video(inferencer, VideoFile(video), outputs).masks == 3
    assert sorted(path.name for path in outputs.masks.iterdir()) == ['1.png', '2.png', '3.png']

    dataset = FolderAVSDataset(
        str(root), 'train', fractions={'train': 1.0}, pipeline=[dict(type='LoadClip')]
    )
    clip = dataset[0]
    assert len(dataset) == 1 and clip['gt_valid'].tolist() == [True, True, True, False, False]
    width = SIZE[1] // 2
    for second, half in enumerate((slice(width), slice(width, None), slice(width))):
        mask = np.zeros(SIZE, bool)
        mask[:, half] = True
        assert np.array_equal(np.asarray(clip['masks'][second]).astype(bool), mask)
        shade = np.asarray(clip['frames'][second]).mean()
        assert abs(shade - (40 + 40 * second)) < 8  # the frame that the mask was predicted from
