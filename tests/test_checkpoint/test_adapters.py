import json
from pathlib import Path

import pytest
import torch

from avsbench.checkpoint import KeyRule, adapters, find_adapter
from avsbench.systems.avsegformer.keys import AVSEGFORMER
from avsbench.systems.combo.keys import COMBO
from avsbench.systems.medvt.keys import MEDVT
from avsbench.systems.modat.keys import MODAT
from avsbench.systems.tpavi.keys import TPAVI
from avsbench.utils.errors import CheckpointError

PARITY = Path(__file__).parents[1] / 'parity'
FIXTURES = sorted(PARITY.glob('avsegformer_*.json'))
# Fixture, adapter, and the never-read part of its checkpoint.
OTHERS = [
    ('combo_pvt2_avss', COMBO, {'criterion.empty_weight'}),
    ('combo_res50_ms3', COMBO, {'criterion.empty_weight'}),
    (
        'modat_pvt2_ms3',
        MODAT,
        {'head.fpn', 'head.attn_fc', 'head.query_generator'},
    ),
]
SEPARATE = [
    (adapter, path)
    for adapter, system in ((MEDVT, 'medvt'), (TPAVI, 'tpavi'))
    for path in sorted(PARITY.glob(f'{system}_pvt2_*.json')) + sorted(PARITY.glob(f'{system}_res*'))
    if path.suffix == '.json'
]


def published_state(path: Path) -> dict[str, torch.Tensor]:
    entries = json.loads(path.read_text())['checkpoint']
    return {key: torch.empty(shape, device='meta') for key, shape, _ in entries}


@pytest.mark.parametrize('path', FIXTURES, ids=lambda path: path.stem)
def test_published_checkpoints_go_there_and_back(path: Path) -> None:
    published = published_state(path)
    adapter = find_adapter(published)
    assert adapter is AVSEGFORMER
    own, dropped = adapter.to_own(published)
    assert len(own) + len(dropped) == len(published)
    assert {key.split('.')[1] for key in dropped} <= {'fpn', 'attn_fc', 'layer3_2', 'layer4_2'}
    back = adapter.to_published(own)
    assert {key: value.shape for key, value in back.items()} == {
        key: value.shape for key, value in published.items()
    }
    again, _ = adapter.to_own(back)
    assert set(again) == set(own)


@pytest.mark.parametrize(('name', 'adapter', 'unread'), OTHERS, ids=[case[0] for case in OTHERS])
def test_checkpoints_of_other_systems(name: str, adapter, unread: set[str]) -> None:
    published = published_state(PARITY / f'{name}.json')
    assert find_adapter(published) is adapter
    own, dropped = adapter.to_own(published)
    assert len(own) + len(dropped) == len(published)
    assert {'.'.join(key.split('.')[:2]) for key in dropped} == unread
    back = adapter.to_published(own)
    assert {key: value.shape for key, value in back.items()} == {
        key: value.shape for key, value in published.items()
    }


@pytest.mark.parametrize(
    ('adapter', 'path'), SEPARATE, ids=lambda value: getattr(value, 'stem', '')
)
def test_checkpoints_without_the_audio_encoder(adapter, path: Path) -> None:
    published = published_state(path)
    assert find_adapter(published) is adapter
    own, dropped = adapter.to_own(published)
    assert len(own) + len(dropped) == len(published)
    assert not any(key.startswith('audio_encoder.') for key in own)
    heard = {'audio_encoder.features.0.weight': torch.zeros(2)}
    back = adapter.to_published(own | heard)
    assert {key: value.shape for key, value in back.items()} == {
        key: value.shape for key, value in published.items()
    }
    assert set(adapter.audio_part(own | heard)) == {'features.0.weight'}
    assert AVSEGFORMER.audio_part(own | heard) == {}


def test_tpavi_drops_what_never_runs() -> None:
    dropped = TPAVI.to_own(published_state(PARITY / 'tpavi_res50_ms3.json'))[1]
    assert {key.split('.')[1] for key in dropped} == {'layer3_2', 'layer4_2', 'resConfUnit1'}
    assert sum(key.startswith('path4.resConfUnit1.') for key in dropped) == 4


def test_rules_rename_each_key_to_a_key_of_its_own() -> None:
    published = published_state(FIXTURES[0])
    own, dropped = AVSEGFORMER.to_own(published)
    kept = [key for key in published if key not in dropped]
    for key in kept:
        assert AVSEGFORMER.rename(AVSEGFORMER.rename(key, to_own=True), to_own=False) == key
    assert len(set(own)) == len(kept)


def test_vggish_file_is_recognised() -> None:
    entries = json.loads((PARITY / 'audio_vggish.json').read_text())['checkpoint']
    state = {key: torch.empty(shape, device='meta') for key, shape, _ in entries}
    adapter = find_adapter(state)
    assert adapter.name == 'VGGish'
    assert set(adapter.to_own(state)[0]) == set(state)


def test_unknown_keys_are_an_error_that_names_them() -> None:
    state = published_state(FIXTURES[0]) | {'head.surprise': torch.empty(1)}
    with pytest.raises(CheckpointError, match='1 keys are unknown to the AVSegFormer layout: head'):
        AVSEGFORMER.to_own(state)
    with pytest.raises(CheckpointError, match='no place in the AVSegFormer layout: surprise'):
        AVSEGFORMER.to_published({'surprise': torch.empty(1)})


def test_other_keys_match_no_adapter() -> None:
    assert find_adapter(['decode_head.audio_proj.weight']) is None
    assert len({adapter.name for adapter in adapters()}) == len(adapters())


def test_a_rule_renames_both_ways() -> None:
    rule = KeyRule('a.{i}.fc.{rest}', 'b.layers.{i}.{rest}')
    assert rule.rename('a.12.fc.x.bias', to_own=True) == 'b.layers.12.x.bias'
    assert rule.rename('b.layers.12.x.bias', to_own=False) == 'a.12.fc.x.bias'
    assert rule.rename('a.x.fc.bias', to_own=True) is None
    assert rule.rename('aa.1.fc.bias', to_own=True) is None
