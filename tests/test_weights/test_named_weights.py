"""A name stands for config and checkpoint, in Python and on the command line."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from weight_server import CONTENT

from avsbench.analysis.complexity import build_model
from avsbench.apis import AVSInferencer
from avsbench.commands.main import run_avsbench
from avsbench.commands.network import config_of_arguments
from avsbench.config.loading import load_config
from avsbench.utils.errors import CheckpointError
from avsbench.weights.index import read_index


@pytest.fixture
def index(monkeypatch, listed):
    """With weights of a small network, and an encoder that the server has."""
    found = read_index()
    small = replace(found.weights['tpavi_avss_pvt2'], name='small', config='s4/tpavi_demo')
    small = replace(small, subset='s4', file='small.pth', needs=())
    encoder = replace(listed(), name='vggish', system=None, config=None, file='vggish-1.pth')
    changed = replace(
        found,
        weights={**found.weights, 'small': small},
        encoders={**found.encoders, 'vggish': encoder},
    )
    for module in ('index', 'store'):
        monkeypatch.setattr(f'avsbench.weights.{module}.read_index', lambda: changed)
    monkeypatch.setattr('avsbench.commands.fetch.read_index', lambda: changed)
    monkeypatch.setattr('avsbench.commands.list.read_index', lambda: changed)
    return changed


@pytest.fixture
def call(monkeypatch, capsys):
    def run(*words: str) -> str:
        monkeypatch.setattr(sys, 'argv', ['avsbench', *words])
        run_avsbench()
        return capsys.readouterr().out

    return run


def test_a_name_is_config_and_checkpoint(index, store) -> None:
    store.mkdir(parents=True)
    weights = build_model(load_config('s4/tpavi_demo')).state_dict()
    torch.save({'state_dict': weights}, store / 'small.pth')
    inferencer = AVSInferencer('small', device='cpu', show_progress=False)
    assert inferencer.checkpoint == str(store / 'small.pth')
    assert Path(inferencer.cfg.filename).name == 'tpavi_demo.py'
    found = inferencer.model.state_dict()
    assert all(torch.equal(found[key], value) for key, value in weights.items())
    args = argparse.Namespace(weights='small', config=None, trust_checkpoint=False)
    assert config_of_arguments(args) == 's4/tpavi_demo'
    assert args.checkpoint == store / 'small.pth'


def test_commands_say_what_to_fetch_by_hand(index) -> None:
    with pytest.raises(CheckpointError, match='by hand'):
        AVSInferencer('small')
    with pytest.raises(CheckpointError, match='by hand'):
        AVSInferencer('s4/tpavi_demo', 'small')


def test_list_says_how_weights_are_had(index, call) -> None:
    (line,) = call('list', 'weights', 'vct_s4').splitlines()
    assert line.startswith('vct_s4_swinb ') and line.endswith('downloaded when it is used')
    assert 'by hand from github.com/yannqi/COMBO-AVS' in call('list', 'weights', 'combo')


def test_fetch_puts_encoders_where_configs_look(index, call) -> None:
    assert 'pretrained/vggish-1.pth' in call('fetch', 'vggish')
    assert Path('pretrained/vggish-1.pth').read_bytes() == CONTENT
    (line,) = [x for x in call('list', 'weights').splitlines() if x.startswith('vggish ')]
    assert line.endswith('on this machine')
    with pytest.raises(CheckpointError, match=r'(?s)small .*by hand.*save it as pretrained/384'):
        call('fetch', 'small', 'vistr_r101', 'vggish')
    with pytest.raises(CheckpointError, match="did you mean 'vggish'"):
        call('fetch', 'vgish')
