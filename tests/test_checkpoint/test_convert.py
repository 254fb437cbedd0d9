"""Checkpoints under the keys of other code bases, and back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avsbench.checkpoint.convert import convert
from avsbench.utils.errors import CheckpointError, ConfigError

ROOT = Path(__file__).resolve().parents[2]


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
    done = convert(tmp_path / 'theirs.pth', tmp_path / 'ours.pth', 'avsbench')
    assert 'AVSegFormer: 668 tensors; dropped as never read: 185' in done
    ours = torch.load(tmp_path / 'ours.pth', weights_only=True)
    assert ours['meta'] == {'head': 'AVSegFormerHead', 'converted_from': 'AVSegFormer'}
    weight = ours['state_dict']['decode_head.audio_proj.weight']
    assert torch.equal(weight, published['audio_proj.weight'])
    convert(tmp_path / 'ours.pth', tmp_path / 'back.pth', 'avsegformer')
    back = torch.load(tmp_path / 'back.pth', weights_only=True)
    assert set(back) == set(published)
    assert torch.equal(back['audio_proj.weight'], weight)


@pytest.fixture(scope='module')
def separate() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A published file without VGGish, and VGGish's; tensors of at most four numbers."""
    content = json.loads((ROOT / 'tests' / 'parity' / 'tpavi_pvt2_s4.json').read_text())
    return tuple(
        {key: torch.rand([min(2, side) for side in shape]) for key, shape, _ in content[entry]}
        for entry in ('checkpoint', 'audio_checkpoint')
    )


def test_audio_encoder_in_a_separate_file(separate, tmp_path) -> None:
    published, vggish = separate
    theirs, audio, ours = (tmp_path / f'{name}.pth' for name in ('theirs', 'vggish', 'ours'))
    torch.save(published, theirs)
    torch.save(vggish, audio)
    done = convert(theirs, ours, 'avsbench', audio=audio)
    assert f'TPAVI: {len(published) - 4 + 18} tensors; dropped as never read: 4' in done
    state = torch.load(ours, weights_only=True)['state_dict']
    assert torch.equal(state['audio_encoder.features.0.bias'], vggish['features.0.bias'])

    back, written = tmp_path / 'back.pth', tmp_path / 'written.pth'
    assert '18 tensors' in convert(ours, back, 'tpavi', audio=written)
    assert set(torch.load(back, weights_only=True)) == set(published)
    restored = torch.load(written, weights_only=True)
    assert set(restored) == set(vggish)
    assert torch.equal(restored['embeddings.4.bias'], vggish['embeddings.4.bias'])
    alone = convert(ours, tmp_path / 'alone.pth', 'tpavi')
    assert 'left out the audio encoder, 18 tensors (--audio)' in alone


def test_audio_file_is_checked(published, separate, tmp_path) -> None:
    for name, state in (('whole', published), ('theirs', separate[0]), ('vggish', separate[1])):
        torch.save(state, tmp_path / f'{name}.pth')
    whole, theirs, audio = (tmp_path / f'{n}.pth' for n in ('whole', 'theirs', 'vggish'))
    with pytest.raises(CheckpointError, match='AVSegFormer keeps the audio encoder in the check'):
        convert(whole, tmp_path / 'ours.pth', 'avsbench', audio=audio)
    with pytest.raises(CheckpointError, match='theirs.pth: not the weights of VGGish'):
        convert(theirs, tmp_path / 'ours.pth', 'avsbench', audio=theirs)
    convert(theirs, tmp_path / 'ours.pth', 'avsbench', audio=audio)
    with pytest.raises(CheckpointError, match='vggish.pth: exists already'):
        convert(tmp_path / 'ours.pth', tmp_path / 'back.pth', 'tpavi', audio=audio)
    assert not (tmp_path / 'back.pth').exists()


def test_refuses_unknown_layouts_and_existing_files(tmp_path) -> None:
    torch.save({'x': torch.zeros(1)}, tmp_path / 'x.pth')
    with pytest.raises(CheckpointError, match=r'no published layout has these keys \(x\); known'):
        convert(tmp_path / 'x.pth', tmp_path / 'y.pth', 'avsbench')
    assert not (tmp_path / 'y.pth').exists()
    with pytest.raises(CheckpointError, match='x.pth: exists already and is not written over'):
        convert(tmp_path / 'x.pth', tmp_path / 'x.pth', 'avsbench')


def test_the_tool_names_the_layouts_it_knows(tmp_path) -> None:
    torch.save({'x': torch.zeros(1)}, tmp_path / 'x.pth')
    command = [sys.executable, ROOT / 'tools' / 'convert_checkpoint.py']
    command += [tmp_path / 'x.pth', tmp_path / 'y.pth', '--to', 'mdvt']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no layout 'mdvt'; did you mean 'medvt'?; known are avsbench, avsegformer" in done.stderr


def test_a_cut_off_file_is_not_left(published, tmp_path, monkeypatch) -> None:
    torch.save(published, tmp_path / 'theirs.pth')

    def full(content: dict, file: Path) -> None:
        Path(file).write_bytes(b'a part')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(torch, 'save', full)
    with pytest.raises(OSError, match='No space left'):
        convert(tmp_path / 'theirs.pth', tmp_path / 'ours.pth', 'avsbench')
    assert [path.name for path in tmp_path.iterdir()] == ['theirs.pth']
    with pytest.raises(ConfigError, match='theirs.pth: can not be used as folder of a checkpoint'):
        convert(tmp_path / 'theirs.pth', tmp_path / 'theirs.pth' / 'ours.pth', 'avsbench')
