"""The index says what it can, and what it says agrees with the rest of the toolbox."""

from dataclasses import replace
from pathlib import Path

import pytest

from avsbench.analysis.zoo import make_zoo
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT, short_names
from avsbench.registry import SYSTEMS
from avsbench.utils.errors import CheckpointError, DataError
from avsbench.weights import index as module
from avsbench.weights.card import system_of
from avsbench.weights.download import check_address
from avsbench.weights.index import published_weights, read_index
from avsbench.weights.locating import find_checkpoint
from avsbench.weights.store import fetch, find_pretrained

DOCS = CONFIG_ROOT.parent / 'docs'
WEIGHTS = read_index().weights


@pytest.mark.parametrize('name', WEIGHTS)
def test_weights_belong_to_a_config_of_their_system(name) -> None:
    entry = WEIGHTS[name]
    assert entry.config in short_names() and entry.config.startswith(f'{entry.subset}/')
    assert name.startswith(f'{entry.system}_{entry.subset}_')
    model = load_config(entry.config).model.to_dict()
    assert system_of(model) is SYSTEMS.module_dict[entry.system]


def test_every_system_is_there_and_every_address_is_on_its_hosts() -> None:
    index = read_index()
    SYSTEMS.import_from_location()
    assert index.systems.keys() == SYSTEMS.module_dict.keys()
    for entry in [*index.weights.values(), *index.encoders.values()]:
        assert set(entry.needs) <= index.encoders.keys()
        if entry.address:
            check_address(entry.address, entry.hosts)


def test_one_file_is_described_in_one_way() -> None:
    """Entries that share a file, of several data sets, say the same of it."""
    for entry in WEIGHTS.values():
        for other in WEIGHTS.values():
            if other.file == entry.file:
                assert (other.address, other.by_hand) == (entry.address, entry.by_hand)


def test_pages_are_made_of_it() -> None:
    for name, text in make_zoo(DOCS).items():
        assert (DOCS / name).read_text() == text, f'{name}: run python tools/zoo.py'


def test_a_result_that_nobody_published_is_an_error(monkeypatch) -> None:
    index = read_index()
    wrong = replace(index.weights['vct_s4_swinb'], pixels='999')
    changed = replace(index, weights={**index.weights, 'vct_s4_swinb': wrong})
    monkeypatch.setattr('avsbench.analysis.zoo.read_index', lambda: changed)
    with pytest.raises(DataError, match='no row s4, VCT, two Swin-B, 999'):
        make_zoo(DOCS)


def test_what_to_do_by_hand_is_said(store) -> None:
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint('medvt_davis_swinb_cvpr2023')
    message = str(caught.value)
    assert 'https://github.com/rkyuca/medvt' in message and 'called swin_medvt.pth' in message
    assert f'save it as {store / "swin_medvt_cvpr2023.pth"}' in message
    assert 'davis/medvt_swinb_cvpr2023 FILE' in message
    store.mkdir(parents=True)
    (store / 'swin_medvt_cvpr2023.pth').write_bytes(b'PK')
    assert find_checkpoint('medvt_davis_swinb_cvpr2023') == store / 'swin_medvt_cvpr2023.pth'


def test_names_and_paths() -> None:
    assert published_weights('vct_s4_swinb').config == 's4/vct_swinb'
    for path in ('a/vct_s4_swinb', 'vct.pth', Path('vct_s4_swinb'), 'hf:a/b'):
        assert published_weights(path) is None
    Path('vct_s4_swinb').write_text('a file of that name comes first')
    assert published_weights('vct_s4_swinb') is None
    with pytest.raises(CheckpointError, match="did you mean 'vct_ms3_swinb'"):
        published_weights('vct_m3_swinb')
    with pytest.raises(CheckpointError, match='avsbench fetch vggish'):
        published_weights('vggish')
    with pytest.raises(CheckpointError, match="did you mean 'vggish'"):
        read_index().find('vgish')


def test_what_the_network_needs_beside_the_file_comes_along(listed, monkeypatch, store) -> None:
    index = read_index()
    encoder = replace(listed(), name='vggish', file='vggish-10086976.pth', system=None)
    changed = replace(index, encoders={**index.encoders, 'vggish': encoder})
    monkeypatch.setattr('avsbench.weights.store.read_index', lambda: changed)
    configured = 'pretrained/vggish-10086976.pth'
    assert find_pretrained(configured) == Path(configured)
    fetch(listed('tpavi_avss_pvt2'))
    assert find_pretrained(configured) == store / 'vggish-10086976.pth'
    Path('pretrained').mkdir()
    Path(configured).write_text('comes first')
    assert find_pretrained(configured) == Path(configured)


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('by_hand: x\n    colour: red', 'unknown keys colour'),
        ('licence: MIT', 'neither an address'),
        ('by_hand: x\n    sha256: abc', '8 to 64'),
        ('address: nowhere', 'no address'),
        ('by_hand: x\n    file: ../x.pth', 'no plain name'),
    ],
)
def test_a_wrong_entry_is_an_error(tmp_path, line, message) -> None:
    text = 'hosts: {}\nsystems: {}\nweights: {}\nencoders:\n  a:\n    what: b\n    page: c\n'
    path = tmp_path / 'index.yaml'
    path.write_text(f'{text}    {line}\n')
    with pytest.raises(CheckpointError, match=message):
        module.read_index(path)
