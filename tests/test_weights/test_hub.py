"""Pushing to a hub and loading from it; a folder on this machine stands for the repositories."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import huggingface_hub
import pytest
import torch
import yaml
from huggingface_hub import errors

from avsbench.apis import AVSInferencer
from avsbench.checkpoint.reading import read_checkpoint, sha256_of
from avsbench.commands import main
from avsbench.config.loading import load_config
from avsbench.registry import SYSTEMS
from avsbench.reproduction.bundle import config_data
from avsbench.utils.errors import CheckpointError, ConfigError, DataError
from avsbench.weights.card import model_card, read_test, system_of
from avsbench.weights.citation import bibtex
from avsbench.weights.locating import find_checkpoint


def refusal(kind: type[Exception], status: int = 404) -> Exception:
    request = httpx.Request('GET', 'https://huggingface.co/x')
    return kind('refused', response=httpx.Response(status, request=request))


class LocalHub:
    """The calls of `HfApi` that are used, on folders."""

    root: Path

    def list_repo_files(self, repo: str, revision: str | None = None) -> list[str]:
        folder = self.root / repo
        if repo == 'private/repo':
            raise refusal(errors.GatedRepoError, 403)
        if not folder.is_dir():
            raise refusal(errors.RepositoryNotFoundError)
        if revision not in (None, 'v1'):
            raise refusal(errors.RevisionNotFoundError)
        return sorted(path.name for path in folder.iterdir())

    def hf_hub_download(self, repo: str, file: str, revision: str | None = None) -> str:
        return str(self.root / repo / file)

    def create_repo(self, repo: str, *, private: bool, exist_ok: bool) -> None:
        assert exist_ok
        (self.root / repo).mkdir(parents=True, exist_ok=True)

    def upload_folder(
        self, *, repo_id: str, folder_path: str, commit_message: str, delete_patterns: list[str]
    ) -> SimpleNamespace:
        target = self.root / repo_id
        for pattern in delete_patterns:
            for path in target.glob(pattern):
                path.unlink()
        for path in Path(folder_path).iterdir():
            shutil.copy(path, target)
        return SimpleNamespace(commit_url=f'https://huggingface.co/{repo_id}/commit/1')


@pytest.fixture
def repositories(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(LocalHub, 'root', tmp_path / 'repositories', raising=False)
    monkeypatch.setattr(huggingface_hub, 'HfApi', LocalHub)
    monkeypatch.setattr(huggingface_hub, 'get_token', lambda: 'hf_token')
    return tmp_path / 'repositories'


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory) -> Path:
    """A file that says what a training says, with a few weights only."""
    cfg = load_config('s4/tpavi_demo')
    meta = dict(head='TPAVIHead', subset='s4', num_classes=1, epoch=3, synthetic=True, iter=75)
    meta |= dict(config=json.dumps(config_data(cfg)), config_file='tpavi_demo.py')
    meta |= dict(dataset_meta=dict(classes=('background', 'sounding')))
    path = tmp_path_factory.mktemp('trained') / 'epoch_3.pth'
    torch.save({'meta': meta, 'state_dict': {'a.weight': torch.ones(3)}}, path)
    return path


@pytest.fixture
def tested(checkpoint, tmp_path) -> Path:
    """The result of its test, in a work dir."""
    result = {
        'metrics': {'mIoU': 0.51234, 'clips': 12},
        'protocol_texts': {'mIoU': 'mean IoU of the frames'},
        'data': {'split': 'test', 'clips': 12, 'synthetic': True},
        'checkpoint_sha256': sha256_of(checkpoint),
        'checkpoint': '/somewhere/epoch_3.pth',
    }
    path = tmp_path / 'work_dir' / 'results' / 'test.json'
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(result))
    return path.parents[1]


def push(*words: object) -> None:
    main.run_verb('publish', [*map(str, words), '--licence', 'apache-2.0'])


def test_what_is_pushed_is_loaded_again(checkpoint, tested, repositories, capsys) -> None:
    push(checkpoint, '--push', 'user/repo', '--results', tested)
    assert 'https://huggingface.co/user/repo/commit/1' in capsys.readouterr().out
    found = find_checkpoint('hf:user/repo')
    assert found.suffix == '.safetensors' and found == find_checkpoint('hf:user/repo@v1')
    content = read_checkpoint(found)
    assert torch.equal(content['state_dict']['a.weight'], torch.ones(3))
    assert content['meta']['epoch'] == 3 and content['meta']['synthetic'] is True
    # The network of the config has other weights, but it was built from the file alone.
    with pytest.raises(CheckpointError, match='1 keys of the file are not in the model'):
        AVSInferencer('hf:user/repo', device='cpu')


def test_the_card_says_what_a_reader_has_to_know(checkpoint, tested, repositories) -> None:
    push(checkpoint, '--push', 'user/repo', '--results', tested)
    (file,) = repositories.glob('user/repo/*.safetensors')
    _, front, text = (repositories / 'user/repo/README.md').read_text().split('---\n', 2)
    front = yaml.safe_load(front)
    assert front['license'] == 'apache-2.0' and front['library_name'] == 'avsbench'
    assert front['datasets'] == ['S4, generated clips'] and 'synthetic' in front['tags']
    (entry,) = front['model-index'][0]['results']
    wanted = {'type': 'mIoU', 'name': 'mean IoU of the frames', 'value': 0.5123}
    assert entry['metrics'] == [wanted] and entry['dataset']['split'] == 'test'
    assert 'drawn shapes' in text and "AVSInferencer('hf:user/repo')" in text
    assert '| mIoU | 0.5123 | mean IoU of the frames |' in text and '12 generated clips' in text
    assert 'title = {Audio-Visual Segmentation}' in text and file.name in text
    assert '/somewhere' not in text


def test_other_weights_are_replaced(checkpoint, repositories) -> None:
    push(checkpoint, '--push', 'user/repo')
    older = repositories / 'user/repo/older-00000000.safetensors'
    older.write_bytes(b'')
    push(checkpoint, '--push', 'user/repo')
    assert not older.exists() and find_checkpoint('hf:user/repo').is_file()
    assert 'model-index' not in (repositories / 'user/repo/README.md').read_text()


@pytest.mark.parametrize('repo', ['user/repo@v1', 'user/repo/best.safetensors'])
def test_a_push_goes_to_no_file_or_revision(checkpoint, repositories, repo) -> None:
    with pytest.raises(CheckpointError, match=f'{repo}: expected USER/REPO to push to'):
        push(checkpoint, '--push', repo)
    assert not repositories.exists()


def test_the_card_of_a_network_of_real_data_does_not_warn(checkpoint) -> None:
    meta = {**torch.load(checkpoint, weights_only=True)['meta'], 'synthetic': False}
    text = model_card(meta, repo='a/b', file='c.safetensors', licence='mit')
    assert 'drawn shapes' not in text and 'synthetic' not in text and 'generated' not in text
    with pytest.raises(CheckpointError, match='no config in its metadata'):
        model_card({**meta, 'config': None}, repo='a/b', file='c', licence='mit')


def test_a_result_of_another_checkpoint_is_refused(tested, checkpoint, tmp_path) -> None:
    other = tmp_path / 'other.pth'
    other.write_bytes(b'PK')
    with pytest.raises(DataError, match='result of another checkpoint'):
        read_test(tested, other)
    with pytest.raises(DataError, match='no result of a test'):
        read_test(tmp_path / 'nothing', checkpoint)


def test_only_safetensors_are_taken_from_a_hub(repositories) -> None:
    folder = repositories / 'user/pickles'
    folder.mkdir(parents=True)
    for name in ('model.pth', 'README.md'):
        (folder / name).write_bytes(b'PK')
    with pytest.raises(CheckpointError, match='model.pth is a pickle, which can run code'):
        find_checkpoint('hf:user/pickles')
    assert find_checkpoint('hf:user/pickles', trust=True) == folder / 'model.pth'
    for name in ('a.safetensors', 'b.safetensors'):
        (folder / name).write_bytes(b'')
    with pytest.raises(CheckpointError, match='name one of them: hf:user/pickles/a.safetensors'):
        find_checkpoint('hf:user/pickles', trust=True)
    assert find_checkpoint('hf:user/pickles/b.safetensors').name == 'b.safetensors'
    with pytest.raises(CheckpointError, match='the repository holds README.md'):
        find_checkpoint('hf:user/pickles/c.safetensors')


@pytest.mark.parametrize(
    ('address', 'message'),
    [
        ('hf:user', 'expected hf:USER/REPO'),
        ('hf:user/none', 'no such repository .*hf auth login'),
        ('hf:private/repo', 'access is granted by its makers'),
        ('hf:user/repo@v2', "no revision 'v2'"),
        ('hf:user/empty', 'no weights in the repository'),
    ],
)
def test_what_a_hub_refuses_is_explained(repositories, address, message) -> None:
    for name in ('repo', 'empty'):
        (repositories / 'user' / name).mkdir(parents=True)
    with pytest.raises(CheckpointError, match=message):
        find_checkpoint(address)


def test_no_connection(repositories, monkeypatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise httpx.ConnectError('no route to host')

    monkeypatch.setattr(LocalHub, 'list_repo_files', fail)
    with pytest.raises(CheckpointError, match='huggingface.co: no route to host'):
        find_checkpoint('hf:user/repo')


def test_what_is_missing_is_said(checkpoint, repositories, monkeypatch, capsys) -> None:
    monkeypatch.setattr(huggingface_hub, 'get_token', lambda: None)
    with pytest.raises(ConfigError, match='needs a token .*hf auth login'):
        push(checkpoint, '--push', 'user/repo')
    with pytest.raises(SystemExit):
        main.run_verb('publish', [str(checkpoint), '--push', 'user/repo'])
    assert 'under which licence' in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(ConfigError, match=r'pip install huggingface_hub, .*\[hub\]'):
        find_checkpoint('hf:user/repo')


def test_every_system_has_heads_and_a_paper() -> None:
    SYSTEMS.import_from_location()
    for system in SYSTEMS.module_dict.values():
        assert bibtex(system.paper).startswith('@')
    with pytest.raises(CheckpointError, match='belongs to no system here'):
        system_of({'decode_head': {'type': 'Linear'}})
    assert 'author = {Gao, Shengyi and others}' in bibtex('arXiv 2307.01146')
