"""Reading files from elsewhere, and loading weights strictly."""

import builtins
import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from avsbench.checkpoint import CheckpointAdapter, KeyRule
from avsbench.checkpoint.loading import check_identity, load_weights
from avsbench.checkpoint.reading import read_checkpoint, sha256_of, state_dict_of
from avsbench.utils.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]


class Call:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _nested(marker: Path):
    """A payload inside the bytes of another pickle, as torch's old storages are stored."""
    inner = pickle.dumps(Call(os.mkdir, str(marker)))
    return Call(torch.storage._load_from_bytes, inner)


PAYLOADS = {
    'os.mkdir': lambda marker: Call(os.mkdir, str(marker)),
    'os.system': lambda marker: Call(os.system, f'mkdir {marker}'),
    'eval': lambda marker: Call(builtins.eval, f"__import__('os').mkdir({str(marker)!r})"),
    'nested storage': _nested,
    'getattr chain': lambda marker: Call(getattr, Call(os.mkdir, str(marker)), 'x'),
    'numpy objects': lambda marker: np.array([Call(os.mkdir, str(marker))], dtype=object),
}


class TestMaliciousFiles:
    @pytest.fixture(autouse=True)
    def _marker(self, tmp_path):
        self.marker = tmp_path / 'marker'
        yield
        assert not self.marker.exists()

    @pytest.mark.parametrize('payload', PAYLOADS)
    @pytest.mark.parametrize('new_format', [True, False])
    def test_torch_save(self, tmp_path, payload, new_format):
        path = tmp_path / 'evil.pth'
        content = {'state_dict': {}, 'meta': PAYLOADS[payload](self.marker)}
        torch.save(content, path, _use_new_zipfile_serialization=new_format)
        with pytest.raises(CheckpointError, match=f'{path}: refused: it calls .*--trust-check'):
            read_checkpoint(path)

    @pytest.mark.parametrize('protocol', [0, 2, 4, 5])
    def test_bare_pickle(self, tmp_path, protocol):
        path = tmp_path / 'evil.pth'
        path.write_bytes(pickle.dumps({'a': Call(os.mkdir, str(self.marker))}, protocol))
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(path)
        if protocol:  # protocol 0 is text and taken for no checkpoint at all
            assert 'mkdir' in str(caught.value)


class TestOtherFiles:
    """Each is told apart, and the message says what to do."""

    @pytest.fixture
    def good(self, tmp_path):
        torch.save({'w': torch.ones(100)}, tmp_path / 'good.pth')
        return tmp_path / 'good.pth'

    def _message(self, path: Path) -> str:
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(path)
        assert str(caught.value).startswith(str(path))
        return str(caught.value)

    def test_missing(self, good):
        message = self._message(good.with_name('god.pth'))
        assert "no such checkpoint file; did you mean 'good.pth'" in message

    def test_directory(self, good):
        assert 'is a directory, expected a checkpoint file; it holds good.pth' in self._message(
            good.parent
        )

    @pytest.mark.parametrize('url', ['https://a.org/good.pth', 'http://a.org/x', 's3://a/b.pth'])
    def test_url(self, url):
        for path in (url, Path(url)):
            with pytest.raises(CheckpointError, match='a URL; nothing is downloaded'):
                read_checkpoint(path)

    @pytest.mark.parametrize('suffix', ['pth', 'safetensors'])
    def test_another_hash_than_the_name_says(self, good, suffix):
        if suffix == 'safetensors':
            safetensors = pytest.importorskip('safetensors.torch')
            safetensors.save_file({'w': torch.ones(100)}, good)
        found = sha256_of(good)
        right = good.rename(good.with_name(f'net-{found[:8]}.{suffix}'))
        assert read_checkpoint(right)
        wrong = right.rename(good.with_name(f'net-0123abcd.{suffix}'))
        message = self._message(wrong)
        assert f'begins with 0123abcd, but it is {found}' in message

    def test_empty(self, good):
        good.write_bytes(b'')
        assert 'is empty' in self._message(good)

    @pytest.mark.parametrize('share', [0.1, 0.5, 0.99])
    def test_truncated(self, good, share):
        content = good.read_bytes()
        good.write_bytes(content[: int(len(content) * share)])
        assert 'truncated' in self._message(good)

    @pytest.mark.parametrize('text', ['<!DOCTYPE html><html>Quota exceeded', '\n<html>', '<?xml'])
    def test_web_page(self, good, text):
        good.write_text(text)
        assert 'is a web page' in self._message(good)

    def test_lfs_pointer(self, good):
        good.write_text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n')
        assert 'git lfs pull' in self._message(good)

    def test_garbage(self, good):
        good.write_bytes(b'\x00garbage' * 99)
        assert 'not a checkpoint' in self._message(good)
        good.write_bytes(b'\x80garbage' * 99)
        assert 'not a file of torch.save, or damaged' in self._message(good)

    def test_zip_bomb(self, good):
        with zipfile.ZipFile(good, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr('archive/data/0', b'\0' * 1_000_000)
        assert 'would unpack to 1000000' in self._message(good)

    def test_program(self, good):
        torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)).save(good)
        assert 'TorchScript program' in self._message(good)

    def test_a_list(self, good):
        torch.save([torch.ones(1)], good)
        assert 'holds a list, expected a dict' in self._message(good)


class Net(nn.Module):
    """Two named parts."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.head = nn.Linear(3, 1)


@pytest.fixture
def weights():
    torch.manual_seed(7)
    return Net().state_dict()


def _load(tmp_path, content, **options) -> tuple[Net, dict]:
    path = tmp_path / 'file.pth'
    torch.save(content, path)
    model = Net()
    return model, load_weights(model, path, **options)


class TestLoadWeights:
    @pytest.mark.parametrize(
        'wrap',
        [
            lambda state: state,
            lambda state: {'state_dict': state, 'meta': {'epoch': 3}},
            lambda state: {'model': state, 'optimizer': {}},
            lambda state: {f'module.{key}': value for key, value in state.items()},
            lambda state: {'state_dict': {f'module.{k}': v for k, v in state.items()}},
            lambda state: {f'_orig_mod.{key}': value for key, value in state.items()},
            lambda state: {f'module._orig_mod.{key}': value for key, value in state.items()},
        ],
        ids=['plain', 'state_dict', 'model', 'module.', 'both', 'compiled', 'compiled module.'],
    )
    def test_layouts(self, tmp_path, weights, wrap):
        model, meta = _load(tmp_path, wrap(weights))
        for key, value in model.state_dict().items():
            assert torch.equal(value, weights[key])
        assert meta['layout'] == 'avsbench' and meta['dropped'] == []
        assert meta.get('epoch') in (None, 3)

    def test_other_keys_are_counted_by_module(self, tmp_path, weights):
        state = {k: v for k, v in weights.items() if not k.startswith('backbone.1')}
        state['head.extra'] = torch.ones(1)
        state['head.weight'] = torch.ones(2, 3)
        before = Net().state_dict()
        path = tmp_path / 'file.pth'
        torch.save(state, path)
        model = Net()
        model.load_state_dict(before)
        with pytest.raises(CheckpointError) as caught:
            load_weights(model, path)
        message = str(caught.value)
        assert '5 keys of the model are missing in the file: backbone.1 (5)' in message
        assert '1 keys of the file are not in the model: head.extra (1)' in message
        assert 'head.weight (2, 3) in the file, (1, 3) in the model' in message
        for key, value in model.state_dict().items():
            assert torch.equal(value, before[key])

    def test_values_that_are_no_numbers(self, tmp_path, weights):
        weights['head.weight'][0, 0] = float('inf')
        with pytest.raises(CheckpointError, match=r'NaN or infinite values: head\.weight \(1\)'):
            _load(tmp_path, weights)
        model, _ = _load(tmp_path, weights, allow_nonfinite=True)
        assert torch.isinf(model.head.weight[0, 0])

    @pytest.mark.parametrize(
        ('change', 'message'),
        [
            (lambda state: {**state, 1: torch.ones(1)}, 'keys of a state dict are text.* has 1'),
            (
                lambda state: {k: v.to(torch.float8_e4m3fn) for k, v in state.items()},
                r'head\.weight \(float8_e4m3fn\)|backbone\.0\.weight \(float8_e4m3fn\)',
            ),
            (
                lambda state: {**state, 'head.weight': state['head.weight'].to_sparse()},
                r'1 tensors .*: head\.weight \(sparse_coo\)',
            ),
            (
                lambda state: {**state, 'head.weight': state['head.weight'].to('meta')},
                r'head\.weight \(without values\)',
            ),
            (
                lambda state: {
                    **state,
                    'head.weight': torch.quantize_per_tensor(
                        state['head.weight'], 0.1, 0, torch.qint8
                    ),
                },
                r'head\.weight \(qint8\)',
            ),
            (lambda state: {**state, '_orig_mod.head.weight': torch.ones(1)}, 'with and without'),
        ],
        ids=['number as key', 'float8', 'sparse', 'meta', 'quantized', 'twice'],
    )
    def test_odd_entries(self, tmp_path, weights, change, message):
        with pytest.raises(CheckpointError, match=rf'file\.pth: .*({message})'):
            _load(tmp_path, change(weights))

    def test_prefix_of_a_framework(self, tmp_path, weights):
        state = {f'model.{key}': value for key, value in weights.items()}
        with pytest.raises(CheckpointError, match=rf"without 'model\.' in front, {len(state)} of"):
            _load(tmp_path, state)

    def test_no_weights(self, tmp_path):
        with pytest.raises(CheckpointError, match=r'file\.pth: no state dict.*not a tensor: epoch'):
            _load(tmp_path, {'epoch': 3})

    @pytest.mark.parametrize(
        ('key', 'other', 'name'),
        [('head', 'B', 'decode head'), ('subset', 'ms3', 'subset'), ('num_classes', 71, 'classes')],
    )
    def test_another_system(self, tmp_path, weights, key, other, name):
        meta = dict(head='A', subset='s4', num_classes=1)
        content = {'state_dict': weights, 'meta': meta}
        _load(tmp_path, content, expected=meta)
        with pytest.raises(CheckpointError, match=name) as caught:
            _load(tmp_path, content, expected={**meta, key: other})
        assert repr(meta[key]) in str(caught.value) and repr(other) in str(caught.value)

    def test_published_layout_of_another_head(self):
        from avsbench.checkpoint import adapters

        adapter = adapters()['catr']
        state = {key: torch.zeros(1) for key in adapter.signature}
        with pytest.raises(CheckpointError, match=f"'{adapter.head}', that of the config 'Other'"):
            from avsbench.checkpoint.loading import translate

            translate(state, Net(), source='x.pth', expected={'head': 'Other'})


class AudioVisualNet(Net):
    """With an audio encoder, whose published weights are a separate file."""

    def __init__(self, weights: str | None) -> None:
        super().__init__()
        self.audio_encoder = nn.Linear(2, 2)
        self.audio_encoder.weights = weights


def test_audio_encoder_in_a_separate_file(tmp_path, weights, monkeypatch):
    adapter = CheckpointAdapter(
        name='Toy',
        head='ToyHead',
        signature=('net.head.weight',),
        rules=(KeyRule('net.{rest}', '{rest}'),),
        audio_prefix='audio_encoder.',
    )
    monkeypatch.setattr('avsbench.checkpoint.loading.find_adapter', lambda keys: adapter)
    path, audio_file = tmp_path / 'published.pth', tmp_path / 'audio.pth'
    torch.save({f'net.{key}': value for key, value in weights.items()}, path)
    audio = nn.Linear(2, 2).state_dict()
    torch.save(audio, audio_file)
    model = AudioVisualNet(str(audio_file))
    meta = load_weights(model, path)
    assert meta['layout'] == 'Toy'
    assert torch.equal(model.audio_encoder.weight, audio['weight'])
    assert torch.equal(model.head.weight, weights['head.weight'])
    for missing in (None, str(tmp_path / 'none.pth')):
        with pytest.raises(CheckpointError, match='Toy keeps the audio encoder in a separate file'):
            load_weights(AudioVisualNet(missing), path)


def test_safetensors(tmp_path, weights):
    safetensors = pytest.importorskip('safetensors.torch')
    path = tmp_path / 'file.safetensors'
    safetensors.save_file(weights, path, metadata={'head': 'A'})
    model = Net()
    meta = load_weights(model, path, expected={'head': 'A'})
    assert meta['head'] == 'A' and torch.equal(model.head.weight, weights['head.weight'])
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(CheckpointError, match='not a safetensors file'):
        read_checkpoint(path)


def test_safetensors_whose_metadata_are_text(tmp_path, weights):
    safetensors = pytest.importorskip('safetensors.torch')
    path, expected = tmp_path / 'file.safetensors', {'num_classes': 1, 'subset': 's4'}
    safetensors.save_file(weights, path, metadata={'num_classes': '1', 'subset': 's4'})
    assert load_weights(Net(), path, expected=expected)['num_classes'] == 1
    safetensors.save_file(weights, path, metadata={'num_classes': '71'})
    with pytest.raises(CheckpointError, match='checkpoint is 71, that of the config 1'):
        load_weights(Net(), path, expected=expected)


def test_safetensors_without_the_package(tmp_path, monkeypatch):
    (tmp_path / 'a.safetensors').write_bytes(b'x')
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    with pytest.raises(CheckpointError, match='needs the package safetensors'):
        read_checkpoint(tmp_path / 'a.safetensors')


def test_state_dict_of_only_partly_prefixed_keys():
    state = {'module.a': torch.ones(1), 'b': torch.ones(1)}
    assert set(state_dict_of(state)) == {'module.a', 'b'}


def test_identity_is_only_compared_where_both_know():
    check_identity({}, {'head': 'A'}, 'x')
    check_identity({'head': 'A'}, {'head': None}, 'x')


def test_sha256(tmp_path):
    (tmp_path / 'a').write_bytes(b'abc')
    assert sha256_of(tmp_path / 'a').startswith('ba7816bf8f01cfea414140de5dae2223')


class TestPublish:
    def _run(self, *arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, ROOT / 'tools' / 'publish_model.py', *arguments]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True)

    def test_strips_and_names_by_hash(self, tmp_path, weights):
        meta = dict(head='A', subset='s4', epoch=3, cfg='/home/someone', saved_at=1.0, seed=5)
        meta['dataset_meta'] = {'classes': ('background', 'dog')}
        meta['metrics'] = {'mIoU': 0.5}
        content = dict(meta=meta, state_dict=weights, optimizer={'x': torch.ones(9999)})
        torch.save(content, tmp_path / 'in.pth')
        finished = self._run(tmp_path / 'in.pth', tmp_path / 'out' / 'net')
        assert finished.returncode == 0, finished.stderr
        (published,) = (tmp_path / 'out').iterdir()
        assert published.name == f'net-{sha256_of(published)[:8]}.pth'
        again = torch.load(published, weights_only=True)
        named = {'classes': ('background', 'dog')}
        assert again['meta'] == dict(
            head='A', subset='s4', epoch=3, seed=5, dataset_meta=named, metrics={'mIoU': 0.5}
        )
        assert set(again) == {'meta', 'state_dict'}
        load_weights(Net(), published, expected={'head': 'A'})

        finished = self._run(tmp_path / 'in.pth', tmp_path / 'out' / 'net')
        assert finished.returncode == 2
        assert finished.stderr == f'error: {published}: exists already and is not written over\n'

    def test_refuses_what_is_no_checkpoint(self, tmp_path):
        (tmp_path / 'in.pth').write_text('<html>')
        finished = self._run(tmp_path / 'in.pth', tmp_path / 'net')
        assert finished.returncode == 2 and 'is a web page' in finished.stderr
        assert not list(tmp_path.glob('net*'))
