import importlib.util
import json
from pathlib import Path

import pytest
import torch

from avsbench.checkpoint.avsegformer import AVSEGFORMER
from avsbench.utils.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location(
    'convert_checkpoint', ROOT / 'tools' / 'convert_checkpoint.py'
)
TOOL = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(TOOL)


@pytest.fixture(scope='module')
def published() -> dict[str, torch.Tensor]:
    """The keys of a published file with tensors of at most four numbers."""
    path = ROOT / 'tests' / 'parity' / 'avsegformer_res50_ms3.json'
    entries = json.loads(path.read_text())['checkpoint']
    state = {key: torch.zeros([min(2, side) for side in shape]) for key, shape, _ in entries}
    state['audio_proj.weight'] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    return state


def test_there_and_back(published, tmp_path) -> None:
    torch.save(published, tmp_path / 'theirs.pth')
    done = TOOL.convert(tmp_path / 'theirs.pth', tmp_path / 'own.pth', 'own')
    assert 'AVSegFormer: 668 tensors; dropped as never read: 185' in done
    own = torch.load(tmp_path / 'own.pth', weights_only=True)
    assert own['meta'] == {'head': 'AVSegFormerHead', 'converted_from': 'AVSegFormer'}
    weight = own['state_dict']['decode_head.audio_proj.weight']
    assert torch.equal(weight, published['audio_proj.weight'])
    TOOL.convert(tmp_path / 'own.pth', tmp_path / 'back.pth', AVSEGFORMER.name.lower())
    back = torch.load(tmp_path / 'back.pth', weights_only=True)
    assert set(back) == set(published)
    assert torch.equal(back['audio_proj.weight'], weight)


def test_refuses_unknown_layouts_and_existing_files(tmp_path) -> None:
    torch.save({'x': torch.zeros(1)}, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=r'no published layout has these keys \(x\); known'):
        TOOL.convert(tmp_path / 'x.pth', tmp_path / 'y.pth', 'own')
    assert not (tmp_path / 'y.pth').exists()
    with pytest.raises(CheckpointError, match='x.pth: exists already and is not written over'):
        TOOL.convert(tmp_path / 'x.pth', tmp_path / 'x.pth', 'own')
