"""test.sh on a data set of videos, from the command to the files and scores."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from motion_clips import disc_davis
from PIL import Image

from avsbench.analysis.complexity import build_model
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT

CONFIG = CONFIG_ROOT / 'davis' / 'medvt_demo.py'
FRAMES = [f'{video}/{number:05d}.png' for video in ('one', 'two') for number in range(2)]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Random weights of the network of the config."""
    torch.manual_seed(0)
    torch.save({'state_dict': build_model(load_config(CONFIG)).state_dict()}, tmp_path / 'w.pth')
    return tmp_path / 'w.pth'


@pytest.mark.slow
def test_flip_scales_crf_and_files(run_script, tool, tmp_path, weights) -> None:
    root, out = disc_davis(tmp_path / 'DAVIS', ('one', 'two'), 2), tmp_path / 'out'
    options = ('--work-dir', tmp_path / 'work', '--cfg-options', f'data_root={root}')
    words = ('--flip', '--scales', '0.75', '1', '--crf', '--save-masks', out, '--overlays')
    done = run_script('test.sh', 'davis', CONFIG, weights, *words, *options)
    assert done.returncode == 0, done.stderr
    for kind in ('bin_mask', 'logits', 'overlay', 'crf_mask'):
        found = sorted(
            path.relative_to(out / kind).as_posix() for path in out.glob(f'{kind}/**/*.png')
        )
        assert found == FRAMES, kind
    levels, mask = (
        np.asarray(Image.open(out / kind / FRAMES[0])) for kind in ('logits', 'bin_mask')
    )
    # 127.5 is cut off to 127, which may be on either side of one half.
    assert (mask[levels > 127] == 255).all() and (mask[levels < 127] == 0).all()
    result = json.loads((tmp_path / 'work' / 'results' / 'test.json').read_text())['metrics']
    assert result['frames'] == result['crf/frames'] == 4
    assert (tmp_path / 'work' / 'davis_results.csv').read_text().startswith('one,two,Video Mean')

    later = tool('refine_masks', out, '--data-root', root, '--workers', 1, '--overwrite')
    assert later.code == 0, later.err
    assert float(re.search(r'mIoU +([\d.]+)', later.out)[1]) == round(result['crf/mIoU'], 4)
