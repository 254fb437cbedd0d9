import importlib.util
import json
from pathlib import Path

import pytest
import torch

from avsbench.systems.avsegformer.keys import AVSEGFORMER
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


@pytest.fixture(scope='module')
def apart() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A published file without VGGish, and VGGish's; tensors of at most four numbers."""
    content = json.loads((ROOT / 'tests' / 'parity' / 'tpavi_pvt2_s4.json').read_text())
    return tuple(
        {key: torch.rand([min(2, side) for side in shape]) for key, shape, _ in content[entry]}
        for entry in ('checkpoint', 'audio_checkpoint')
    )


def test_audio_encoder_in_a_file_of_its_own(apart, tmp_path) -> None:
    published, vggish = apart
    theirs, heard, own = tmp_path / 'theirs.pth', tmp_path / 'vggish.pth', tmp_path / 'own.pth'
    torch.save(published, theirs)
    torch.save(vggish, heard)
    done = TOOL.convert(theirs, own, 'own', audio=heard)
    assert f'TPAVI: {len(published) - 4 + 18} tensors; dropped as never read: 4' in done
    state = torch.load(own, weights_only=True)['state_dict']
    assert torch.equal(state['audio_encoder.features.0.bias'], vggish['features.0.bias'])

    back, audio = tmp_path / 'back.pth', tmp_path / 'heard.pth'
    assert '18 tensors' in TOOL.convert(own, back, 'tpavi', audio=audio)
    assert set(torch.load(back, weights_only=True)) == set(published)
    restored = torch.load(audio, weights_only=True)
    assert set(restored) == set(vggish)
    assert torch.equal(restored['embeddings.4.bias'], vggish['embeddings.4.bias'])
    alone = TOOL.convert(own, tmp_path / 'alone.pth', 'tpavi')
    assert 'left out the audio encoder, 18 tensors (--audio)' in alone


def test_audio_file_is_checked(published, apart, tmp_path) -> None:
    for name, state in (('whole', published), ('theirs', apart[0]), ('vggish', apart[1])):
        torch.save(state, tmp_path / f'{name}.pth')
    whole, theirs, heard = (tmp_path / f'{n}.pth' for n in ('whole', 'theirs', 'vggish'))
    with pytest.raises(CheckpointError, match='AVSegFormer keeps the audio encoder in the check'):
        TOOL.convert(whole, tmp_path / 'own.pth', 'own', audio=heard)
    with pytest.raises(CheckpointError, match='theirs.pth: not the weights of VGGish'):
        TOOL.convert(theirs, tmp_path / 'own.pth', 'own', audio=theirs)
    TOOL.convert(theirs, tmp_path / 'own.pth', 'own', audio=heard)
    with pytest.raises(CheckpointError, match='vggish.pth: exists already'):
        TOOL.convert(tmp_path / 'own.pth', tmp_path / 'back.pth', 'tpavi', audio=heard)
    assert not (tmp_path / 'back.pth').exists()


def test_refuses_unknown_layouts_and_existing_files(tmp_path) -> None:
    torch.save({'x': torch.zeros(1)}, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=r'no published layout has these keys \(x\); known'):
        TOOL.convert(tmp_path / 'x.pth', tmp_path / 'y.pth', 'own')
    assert not (tmp_path / 'y.pth').exists()
    with pytest.raises(CheckpointError, match='x.pth: exists already and is not written over'):
        TOOL.convert(tmp_path / 'x.pth', tmp_path / 'x.pth', 'own')
