"""Our networks, data sets, front end and metrics equal the published ones, fixture by fixture."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope

from avsbench.config.paths import CONFIG_ROOT
from avsbench.parity import (
    Computed,
    Fixture,
    audio,
    check,
    check_claimed,
    check_fixture,
    data,
    metrics,
)
from avsbench.parity.check import find_config
from avsbench.parity.fixture import FURTHER_LOSSES, rounding_noise
from avsbench.registry import SYSTEMS
from avsbench.utils.errors import ConfigError, DataError

FOLDER = Path(__file__).parent / 'parity'
FIXTURES = {path.stem: Fixture(path) for path in sorted(FOLDER.glob('*.json'))}
SYSTEMS.import_from_location()
# A network takes up to three minutes, everything else some seconds.
CASES = [
    pytest.param(
        fixture.path,
        id=name,
        marks=[pytest.mark.slow] if fixture.system in SYSTEMS.module_dict else [],
    )
    for name, fixture in FIXTURES.items()
]


@pytest.mark.parametrize('fixture', FIXTURES.values(), ids=FIXTURES)
def test_every_fixture_is_claimed(fixture: Fixture) -> None:
    check_claimed(fixture)


def test_every_system_has_a_fixture() -> None:
    assert set(SYSTEMS.module_dict) <= {fixture.system for fixture in FIXTURES.values()}


@pytest.mark.parametrize('path', CASES)
def test_fixture(path: Path) -> None:
    rows = check_fixture(path)
    content = json.loads(path.read_text())
    kinds = ('outputs', 'losses', 'grad_norms', *FURTHER_LOSSES)
    stored = [name for kind in kinds for name in content.get(kind, {})]
    assert len(rows) >= len(stored) - len(content.get('given', ())) > 0
    failed = [str(row) for row in rows if not row.passed]
    assert not failed, '\n'.join(failed)


def test_labels_by_colour_equal_those_by_index() -> None:
    fixture = FIXTURES['data_pipeline']
    for name in [name for name in fixture.stored if '.avss.' not in name]:
        del fixture.stored[name]
    with DefaultScope.overwrite_default_scope('avsbench'):
        rows = fixture.compare(data.run(fixture, label_source='rgb'))
    assert rows and all(row.passed for row in rows)


def test_binary_metrics_read_margin_and_length_of_videos() -> None:
    fixture = Fixture(FOLDER / 'metrics_binary.json')
    before, target = metrics.binary_inputs(fixture)
    fixture.content['construct'] |= {'margin': 3.0, 'frames_per_video': 7}
    after, _ = metrics.binary_inputs(fixture)
    expected = 2.0 * (2 * target[0] - 1)  # the margin was 1
    torch.testing.assert_close(after[0] - before[0], expected)
    outputs = metrics.run_binary(fixture).outputs
    assert len(outputs['F_batches_b1']) == len(outputs['refavs_S_videos']) == len(target) // 7


def test_semantic_metrics_read_rule_and_number_of_classes() -> None:
    fixture = Fixture(FOLDER / 'metrics_semantic.json')
    fixture.content['construct'] |= {'copies_target_where_keep_is': 0, 'edits': []}
    fixture.content['outputs']['avsbench.count']['shape'] = [80]
    logits, target, exists = metrics.semantic_inputs(fixture)
    copied = (torch.from_numpy(fixture.input('keep')) == 0) & exists[:, None, None]
    assert logits.shape[1] == 80
    assert torch.equal(logits.argmax(1)[copied], target[copied])
    assert len(metrics.run_semantic(fixture).outputs['combo.count']) == 80


def test_the_front_end_reads_which_clips_to_take() -> None:
    fixture = Fixture(FOLDER / 'audio_vggish.json')
    fixture.content |= {'batch': ['mono16k_3s'], 'reference_clip': 'mono16k_3s'}
    fixture.content['outputs']['avss_batch.log_mel']['shape'][0] = 7
    outputs = audio.run(fixture).outputs
    assert outputs['avss_batch.log_mel'].shape == (7, 1, 96, 64)
    assert (outputs['avss_batch.log_mel'][:3] == outputs['mono16k_3s.log_mel']).all()
    assert 'mono16k_3s.stft' in outputs and 'mono16k_3s.embedding_pca' in outputs


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A fixture with one output, two losses and a gradient norm."""
    content = {
        'system': 'avsegformer',
        'variant': 'pvt2_s4_512',
        'outputs': {'x': {'shape': [2, 3], 'stride': 2}},
        'losses': {'a': 2.0, 'b': 0.0},
        'grad_norms': {'w': 1e-8},
    }
    (tmp_path / 'small.json').write_text(json.dumps(content))
    np.savez(tmp_path / 'small.npz', x=np.array([0.0, -4.0, 2.0], np.float32))
    shutil.copy(FOLDER / 'seeded.py', tmp_path)
    return tmp_path / 'small.json'


def compare(path: Path, **changed) -> dict[str, bool]:
    computed = {
        'outputs': {'x': np.array([[0, 9, -4], [9, 2, 9]], np.float32)},
        'losses': {'a': 2.001, 'b': 0.0},
        'grad_norms': {'w': 5e-7},
    }
    rows = Fixture(path).compare(Computed(**(computed | changed)))
    return {row.name: row.passed for row in rows}


def test_compare_passes_within_tolerance(small: Path) -> None:
    assert compare(small) == {'x': True, 'a': True, 'b': True, 'w': True}


def test_compare_fails_beyond_it(small: Path) -> None:
    off = np.array([[0.0, 9, -4.0005], [9, 2, 9]], np.float32)
    assert compare(small, outputs={'x': off})['x'] is False
    nan = np.array([[np.nan, 9, -4], [9, 2, 9]], np.float32)
    assert compare(small, outputs={'x': nan})['x'] is False
    assert compare(small, losses={'a': 2.003, 'b': 0.0})['a'] is False
    assert compare(small, losses={'a': 2.0, 'b': 1e-9})['b'] is False
    assert compare(small, grad_norms={'w': 2e-6})['w'] is False


def test_compare_asks_for_the_losses_of_other_settings(small: Path) -> None:
    content = json.loads(small.read_text())
    content |= {'extra_losses': {'c': 3.0}, 'losses_given_pred': {'a': 4.0}}
    small.write_text(json.dumps(content))
    further = {'extra_losses.c': 3.0, 'losses_given_pred.a': 4.1}
    result = compare(small, losses={'a': 2.0, 'b': 0.0, **further})
    assert result['a'] and result['extra_losses.c']
    assert not result['losses_given_pred.a']
    assert compare(small)['extra_losses.c (not computed)'] is False


def test_compare_fails_on_what_is_missing_or_misshapen(small: Path) -> None:
    assert not any(compare(small, outputs={}, losses={}, grad_norms={}).values())
    wrong = compare(small, outputs={'x': np.zeros((3, 2), np.float32)})
    assert wrong['x (shape [3, 2], stored [2, 3])'] is False


def test_a_fixture_whose_files_differ_is_an_error(small: Path) -> None:
    np.savez(small.with_suffix('.npz'), x=np.zeros(2, np.float32))
    with pytest.raises(DataError, match="output 'x' has 2 values in the npz, and 3 by its shape"):
        compare(small)


def test_noise_widens_the_tolerance_of_its_number_alone(small: Path) -> None:
    off = {'losses': {'a': 2.01, 'b': 0.0}}
    assert not compare(small, **off)['a']
    assert compare(small, **off, noise={('loss', 'a'): 0.011})['a']
    assert not compare(small, **off, noise={('loss', 'a'): 0.009})['a']
    assert not compare(small, **off, noise={('gradient', 'a'): 0.011, ('loss', 'b'): 0.011})['a']


def test_noise_explains_a_hundredth_at_most(small: Path) -> None:
    noise = {('loss', 'a'): 5.0, ('output', 'x'): 5.0}
    assert compare(small, losses={'a': 2.019, 'b': 0.0}, noise=noise)['a']
    assert not compare(small, losses={'a': 2.021, 'b': 0.0}, noise=noise)['a']
    for shift, passes in ((0.039, True), (0.041, False)):
        off = np.array([[0, 9, -4 + shift], [9, 2, 9]], np.float32)
        assert compare(small, outputs={'x': off}, noise=noise)['x'] is passes


def test_noise_is_that_of_each_number() -> None:
    def computed(x: float, loss: float, norm: float) -> Computed:
        outputs = {'x': torch.tensor([1.0, x])}
        return Computed(outputs, losses={'a': loss}, grid_losses={'a': 7.0}, grad_norms={'w': norm})

    nan = float('nan')
    others = [computed(2.5, 1.0, nan), computed(1.75, 1.25, nan)]
    noise = rounding_noise(computed(2.0, 1.0, nan), others)
    assert set(noise) == {('output', 'x'), ('loss', 'a'), ('grid loss', 'a')}
    assert noise['output', 'x'] == 1.0 and noise['grid loss', 'a'] == 0.0
    # Three draws, two degrees of freedom: 31.6 standard deviations of a difference.
    assert noise['loss', 'a'] == pytest.approx(31.599 * 2**0.5 * np.std([1, 1, 1.25], ddof=1), 1e-3)
    assert rounding_noise(computed(2.0, 1.0, nan), []) == {}


def test_given_arrays_are_not_compared(small: Path) -> None:
    small.write_text(json.dumps(json.loads(small.read_text()) | {'given': ['x']}))
    assert set(compare(small)) == {'a', 'b', 'w'}


def test_config_of_a_variant(small: Path) -> None:
    fixture = Fixture(small)
    expected = {
        'pvt2_s4_512': 's4/avsegformer_pvt2_512.py',
        'pvt2_s4_96': 's4/avsegformer_pvt2.py',
        'res50_avss': 'avss/avsegformer_res50.py',
    }
    for variant, name in expected.items():
        fixture.variant = variant
        assert find_config(fixture) == CONFIG_ROOT / name
    fixture.variant = 'res51_s4'
    with pytest.raises(ConfigError, match="did you mean 's4/avsegformer_res50.py'.*--config"):
        find_config(fixture)
    fixture.variant = 'pvt2'
    with pytest.raises(DataError, match='names none of the subsets .*; give --config'):
        find_config(fixture)


def test_unreadable_fixtures(small: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no file .*none.json'):
        Fixture(tmp_path / 'none.json')
    (tmp_path / 'seeded.py').unlink()
    with pytest.raises(DataError, match='no seeded.py beside it'):
        Fixture(small)
    small.write_text('{"system": "x"}')
    with pytest.raises(DataError, match="not a parity fixture: KeyError\\('variant'\\)"):
        Fixture(small)


def test_unknown_system(small: Path) -> None:
    small.write_text(small.read_text().replace('avsegformer', 'avsegform'))
    with pytest.raises(DataError) as caught:
        check_fixture(small)
    message = str(caught.value)
    assert "system 'avsegform' is not registered; did you mean 'avsegformer'?" in message
    assert 'registered are audio_vggish, avsegformer, catr' in message
    assert 'is its file imported? Give --config' in message and 'custom_imports' in message


def test_the_numbers_do_not_depend_on_the_number_of_cores(small: Path, monkeypatch) -> None:
    used = []

    def run(fixture: Fixture, config: None) -> Computed:
        used.append(torch.get_num_threads())
        return Computed()

    monkeypatch.setattr(check, '_compute', run)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        check_fixture(small)
        assert (used, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)
