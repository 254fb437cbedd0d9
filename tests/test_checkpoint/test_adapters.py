"""Published key names to ours and back, for every system that has a fixture."""

import json
from pathlib import Path

import pytest
import torch

from avsbench.checkpoint import KeyRule, adapters, find_adapter
from avsbench.registry import SYSTEMS
from avsbench.utils.errors import CheckpointError

PARITY = Path(__file__).parents[1] / 'parity'
ADAPTERS = adapters()
CONTENTS = {path.stem: json.loads(path.read_text()) for path in sorted(PARITY.glob('*.json'))}
NETWORKS = {
    name: content
    for name, content in CONTENTS.items()
    if content.get('system') in SYSTEMS.module_dict
}
# Which modules of a published code base are stored but never read.
UNREAD = {
    'avsegformer': {'head.fpn', 'head.attn_fc', 'backbone.layer3_2', 'backbone.layer4_2'},
    'combo': {'criterion.empty_weight'},
    'modat': {'head.fpn', 'head.attn_fc', 'head.query_generator'},
    # Indices of Swin's windows.
    'vct': {'criterion.empty_weight', 'backbone.layers', 'pre_sam_backbone.layers'},
    # Of these parts a layer and a bias without effect; statistics of images.
    'ease': {
        *('criterion.empty_weight', 'network.audio_enhance', 'network.encoder', 'network.fuser'),
    },
    'tpavi': {'path4.resConfUnit1', 'resnet.layer3_2', 'resnet.layer4_2'},
    # Of these parts indices, and projections whose result is not used.
    'medvt': {'backbone.layers', 'label_propagator.prop_layer', 'label_propagator.label_encoder'},
}


def published_state(name: str, entry: str = 'checkpoint') -> dict[str, torch.Tensor]:
    return {key: torch.empty(shape, device='meta') for key, shape, _ in CONTENTS[name][entry]}


def has_sound(name: str) -> bool:
    return any('mel' in key or 'audio' in key for key in NETWORKS[name]['inputs'])


def test_every_adapter_has_a_fixture() -> None:
    found = {find_adapter(published_state(name)).name for name in NETWORKS}
    assert found == {adapter.name for name, adapter in ADAPTERS.items() if name != 'vggish'}


@pytest.mark.parametrize('name', NETWORKS)
def test_published_checkpoints_go_there_and_back(name: str) -> None:
    published = published_state(name)
    adapter = find_adapter(published)
    assert adapter in SYSTEMS.get(NETWORKS[name]['system']).adapters
    ours, dropped = adapter.to_ours(published)
    assert len(ours) + len(dropped) == len(published)
    back = adapter.to_published(ours)
    assert {key: value.shape for key, value in back.items()} == {
        key: value.shape for key, value in published.items()
    }
    for key in set(published) - set(dropped):
        assert adapter.rename(adapter.rename(key, to_ours=True), to_ours=False) == key


@pytest.mark.parametrize('system', UNREAD)
def test_what_is_dropped_never_runs(system: str) -> None:
    dropped = {
        '.'.join(key.split('.')[:2])
        for name, content in NETWORKS.items()
        if content['system'] == system
        for key in find_adapter(published_state(name)).to_ours(published_state(name))[1]
    }
    assert dropped == UNREAD[system]


@pytest.mark.parametrize('name', [name for name in NETWORKS if has_sound(name)])
def test_the_audio_encoder_is_in_one_place(name: str) -> None:
    adapter = find_adapter(published_state(name))
    ours, _ = adapter.to_ours(published_state(name))
    separate = bool(adapter.audio_prefix)
    has_file = 'audio_checkpoint' in NETWORKS[name]
    # Without a file what the encoder returns is given, and belongs to another one.
    assert separate == (has_file or not any('mel' in key for key in NETWORKS[name]['inputs']))
    assert separate != any(key.startswith('audio_encoder.') for key in ours)
    audio = {'audio_encoder.features.0.weight': torch.zeros(2)}
    part = adapter.audio_part(ours | audio)
    assert set(part) == ({'features.0.weight'} if separate else set())
    if separate:
        assert set(adapter.to_published(ours | audio)) == set(adapter.to_published(ours))


def test_vggish_file_is_recognised() -> None:
    state = published_state('audio_vggish')
    assert find_adapter(state) is ADAPTERS['vggish']
    assert set(ADAPTERS['vggish'].to_ours(state)[0]) == set(state)


def test_unknown_keys_are_an_error_that_names_them() -> None:
    adapter = ADAPTERS['avsegformer']
    state = published_state('avsegformer_pvt2_s4') | {'head.surprise': torch.empty(1)}
    with pytest.raises(CheckpointError, match='1 keys are unknown to the AVSegFormer layout: head'):
        adapter.to_ours(state)
    with pytest.raises(CheckpointError, match='no place in the AVSegFormer layout: surprise'):
        adapter.to_published({'surprise': torch.empty(1)})


def test_other_keys_match_no_adapter() -> None:
    assert find_adapter(['decode_head.audio_proj.weight']) is None
    assert len({adapter.name for adapter in ADAPTERS.values()}) == len(ADAPTERS)


def test_a_rule_renames_both_ways() -> None:
    rule = KeyRule('a.{i}.fc.{rest}', 'b.layers.{i}.{rest}')
    assert rule.rename('a.12.fc.x.bias', to_ours=True) == 'b.layers.12.x.bias'
    assert rule.rename('b.layers.12.x.bias', to_ours=False) == 'a.12.fc.x.bias'
    assert rule.rename('a.x.fc.bias', to_ours=True) is None
    assert rule.rename('aa.1.fc.bias', to_ours=True) is None
