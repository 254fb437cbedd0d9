"""tools/benchmark.py video and tools/synthetic.py twins, at a size of seconds."""

import re
import subprocess
import sys
from pathlib import Path

import torch
from mmengine.registry import DefaultScope

from avsbench.config.loading import load_config
from avsbench.registry import MODELS
from avsbench.synthetic import generate

ROOT = Path(__file__).resolve().parents[2]


def run(*words):
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)


def test_benchmark_prints_speed_and_shares():
    size = ('--seconds', 1, '--repeat', 2, '--size', 48, 64, '--rate', 5, '--rounds', 1)
    done = run('tools/benchmark.py', 'video', *size)
    assert done.returncode == 0, done.stderr
    assert 's4/demo.py, 2 s of 64 x 48 at 5 frames per second' in done.stdout
    speed = r'[\d.]+ s of video per second .*factor [\d.]+, 10 frames, [23] masks'
    assert re.search(speed, done.stdout)
    assert 100 < float(re.search(r'(\d+) MiB of memory at the peak', done.stdout)[1]) < 8000
    shares = re.findall(r'(\w+) ([\d.]+)%', done.stdout)
    assert [name for name, _ in shares] == ['decode', 'audio', 'network', 'encode', 'sheet', 'rest']
    assert sum(float(share) for _, share in shares) > 99  # side by side


def test_benchmark_compares_with_one_stage_after_the_other():
    size = ('--seconds', 1, '--size', 48, 64, '--rate', 5, '--rounds', 1, '--compare')
    done = run('tools/benchmark.py', 'video', *size)
    assert done.returncode == 0, done.stderr
    assert re.search(r'real time factor [\d.]+, the same bytes; ratio [\d.]+x', done.stdout)
    assert re.search(r'fresh process: resampy [\d.]+ s, now [\d.]+ s; ratio [\d.]+x', done.stdout)


def test_twin_videos_of_a_network_that_has_learnt_nothing(tmp_path):
    root = generate('s4', tmp_path, train=1, val=1, test=1)
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('avsbench'):
        model = MODELS.build(load_config(ROOT / 'config/s4/demo.py').model)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'random.pth')
    words = ('config/s4/demo.py', tmp_path / 'random.pth', '--out', tmp_path / 'out')
    data = ('--device', 'cpu', '--cfg-options', f'data_root={root}')
    done = run('tools/synthetic.py', 'twins', *words, *data)
    assert done.returncode in (0, 1), done.stderr
    assert 'Traceback' not in done.stderr
    right = re.search(r'(\d) of 3 twins are nearest to their true masks', done.stdout)
    assert (int(right.group(1)) >= 2) == (done.returncode == 0)
    assert len(list((tmp_path / 'out').glob('*_overlay.mp4'))) == 3
    assert len(list((tmp_path / 'out').glob('*_masks/*.png'))) == 15
    again = run('tools/synthetic.py', 'twins', *words, *data)
    assert again.returncode == 2 and 'already exists' in again.stderr
