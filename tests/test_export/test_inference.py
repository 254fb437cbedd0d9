"""Exported networks in the inferencer and the programs, beside the PyTorch networks."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from export_cases import write_checkpoint
from video_clips import write_video

from avsbench.apis import AVSInferencer
from avsbench.apis.model import open_network_config
from avsbench.apis.standalone import config_of
from avsbench.commands.main import run_verb
from avsbench.utils.errors import ConfigError

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
OPTIONS = dict(device='cpu', show_progress=False)
# Clips of seconds; windows of consecutive frames, of which some are kept.
# The latter keep the shape of the video, and the graph has one.
CASES = {'s4/tpavi_demo': (), 'davis/medvt_demo': ('--size', '64', '85')}


@pytest.fixture(scope='module', params=CASES)
def pair(request, tmp_path_factory) -> tuple[Path, Path]:
    """A checkpoint, and what `avsbench export` made of it."""
    folder = tmp_path_factory.mktemp('exported')
    checkpoint = write_checkpoint(request.param, folder)
    words = [str(checkpoint), '--out', str(folder / 'network.onnx'), *CASES[request.param]]
    run_verb('export', words)
    return checkpoint, folder / 'network.onnx'


@pytest.fixture(scope='module')
def video(tmp_path_factory) -> Path:
    samples = 0.3 * np.sin(np.arange(7 * 16000) / 7).astype(np.float32)
    return write_video(tmp_path_factory.mktemp('video') / 'in.mp4', 14, samples, rate=2)


def refused(*args: object) -> None:
    raise AssertionError('a PyTorch network was built')


def test_masks_are_those_of_pytorch(pair, video, monkeypatch) -> None:
    checkpoint, file = pair
    torch_one = AVSInferencer(
        open_network_config(config_of(checkpoint)), checkpoint, amp='off', **OPTIONS
    )
    found = {'torch': torch_one(str(video), with_logits=True)['predictions'][0]}
    monkeypatch.setattr('avsbench.apis.model.build_part', refused)
    inferencer = AVSInferencer(str(file), **OPTIONS)
    assert inferencer.amp == 'off' and inferencer.synthetic
    assert inferencer.classes == torch_one.classes
    for windows in inferencer.pipeline.windows:
        settings = dict(with_logits=True, windows=windows)
        one = torch_one(str(video), **settings)['predictions'][0]
        other = inferencer(str(video), **settings)['predictions'][0]
        assert np.abs(one['logits'] - other['logits']).max() < 1e-3 * np.abs(one['logits']).max()
        assert one['seconds'] == other['seconds']
        assert (one['masks'] != other['masks']).mean() < 0.01
    assert len(found['torch']['masks']) == len(other['masks'])
    with pytest.raises(ConfigError, match="amp='bf16': an exported network computes in float32"):
        AVSInferencer(str(file), amp='bf16', **OPTIONS)
    with pytest.raises(ConfigError, match="device='mps', but the installed onnxruntime has"):
        AVSInferencer(str(file), device='mps')


def test_the_program_takes_the_file_as_weights(pair, video, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr('avsbench.apis.model.build_part', refused)
    out = tmp_path / 'out.mp4'
    run_verb('video', [str(video), '--weights', str(pair[1]), '--out', str(out)])
    assert out.stat().st_size and (tmp_path / 'out.csv').read_text().count('\n') > 7


def test_the_documented_program_runs(tmp_path) -> None:
    text = (ROOT / 'docs' / 'export.md').read_text()
    (program,) = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
    checkpoint = write_checkpoint('s4/tpavi_demo', tmp_path)
    words = [str(checkpoint), '--front-end', '--out', str(tmp_path / 'network.onnx')]
    run_verb('export', words)
    (tmp_path / 'program.py').write_text("import sys\nsys.modules['avsbench'] = None\n" + program)
    done = subprocess.run(
        [sys.executable, 'program.py'], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert '(2, 5, 64, 64)' in done.stdout
    with pytest.raises(ConfigError, match='takes waveforms'):
        AVSInferencer(str(tmp_path / 'network.onnx'), **OPTIONS)
