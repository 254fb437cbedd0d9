"""Networks that listen, or don't, on clips where the truth of each sound is known."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the config that imports `listeners`

from listeners import (
    classes_of,
    make_tones,
    write_checkpoint,
    write_config,
    write_pairs_csv,
)

from avsbench.analysis.comparison import read_result
from avsbench.analysis.robustness import (
    RobustnessSettings,
    evaluate_robustness,
    read_robustness,
    systems_table,
)
from avsbench.analysis.robustness.running import Session
from avsbench.synthetic import generate, load_ceilings, load_truth
from avsbench.utils.errors import ConfigError, DataError


def evaluate(folder, config, name='out', **options):
    settings = RobustnessSettings(resamples=200, **options.pop('settings', {}))
    checkpoint = write_checkpoint(folder)
    return evaluate_robustness(
        config, checkpoint, folder / name, settings, report=lambda line: None, **options
    )


@pytest.fixture(scope='module')
def tones(tmp_path_factory):
    """What a network that knows two tones makes of all sounds; and its folder."""
    folder = tmp_path_factory.mktemp('tones')
    config = write_config(folder, make_tones(folder))
    groups = (*RobustnessSettings().groups, 'published_noise', 'published')
    return evaluate(folder, config, settings={'groups': groups}), folder / 'out'


def test_every_sound_has_its_truth(tones) -> None:
    found, _ = tones
    expected = {
        ('original', 'J'): 1,
        ('original', 'area marked'): 0.5,
        ('silence', 'FPR'): 0,
        ('silence', 'frames marked'): 0,
        ('silence', 'leak mIoU'): 0,
        ('silence', 'sensitivity'): 1,
        ('off_screen', 'FPR'): 0.5,  # it marks the other half
        ('off_screen', 'frames marked'): 1,
        ('off_screen', 'leak mIoU'): 0,
        ('swapped', 'J'): 1,
        ('swapped', 'sensitivity'): 0,
        ('delayed_0.2', 'J'): 1,
        ('delayed_1', 'J'): 0.8,  # nothing sounds in the first of five seconds
        ('delayed_1', 'sensitivity'): 0.2,
        ('delayed_2', 'retained J'): 0.6,
        ('gain_-12', 'J'): 1,
        ('gain_+12', 'J'): 1,
        ('channel_1', 'J'): 1,
        ('channel_2', 'J'): 0,
    }
    assert {key: found.value(*key) for key in expected} == pytest.approx(expected, abs=1e-6)
    rows = found.scores.set_index(['condition', 'metric'])
    assert rows.loc[('channel_1', 'J'), 'clips'] == 2 and rows.clips.max() == 4
    assert found.left_out == {'channel_1': '2 clips are without it: the audio has one channel'} | {
        'channel_2': '2 clips are without it: the audio has one channel'
    }
    assert not found.unavailable
    assert (rows.low <= rows.value + 1e-9).all() and (rows.value <= rows.high + 1e-9).all()


def test_what_is_written(tones) -> None:
    found, out = tones
    table = pd.read_csv(out / 'robustness.csv')
    pd.testing.assert_frame_equal(table, found.scores, check_dtype=False)
    again = read_robustness(out)
    assert again.value('off_screen', 'FPR') == found.value('off_screen', 'FPR')
    assert again.settings == found.settings and again.facts == found.facts
    text = (out / 'robustness.md').read_text()
    assert '| silence | nothing | 4 |' in text and '0.500 [' in text
    assert '* channel_1: 2 clips are without it' in text
    assert (out / 'robustness.png').stat().st_size > 10_000
    result = read_result(out / 'silence')
    assert result.entry['audio_condition'] == 'silence' and len(result.table) == 20
    pairs = pd.read_csv(out / 'mapping.csv')
    assert set(pairs.condition) == {'off_screen', 'swapped'} and (pairs.seed == 0).all()


def test_pairs_are_read_again(tones, tmp_path) -> None:
    found, out = tones
    config = out.parent / 'toylistener_s4.py'
    settings = {'groups': ('off_screen', 'swapped'), 'seed': 3}
    again = evaluate(tmp_path, config, settings=settings, mapping=out / 'mapping.csv')
    assert again.value('off_screen', 'FPR') == found.value('off_screen', 'FPR')
    pairs, copied = (pd.read_csv(folder / 'mapping.csv') for folder in (out, tmp_path / 'out'))
    assert pairs.drop(columns='seed').equals(copied.drop(columns='seed'))
    reversed_pairs = [('off_screen', 'dog_barking/dog0', 'dog_barking/dog1')]
    one = evaluate(
        tmp_path,
        config,
        'one',
        settings=settings,
        mapping=write_pairs_csv(tmp_path / 'pairs.csv', reversed_pairs),
    )
    assert one.value('off_screen', 'leak mIoU') == 1
    assert one.scores.set_index('condition').clips['off_screen'].max() == 1
    assert 'pairs.csv has no row for it' in one.unavailable['swapped']


@pytest.fixture(scope='module')
def scenes(tmp_path_factory):
    """S4-like synthetic clips: four scenes with three soundtracks each."""
    return generate('s4', tmp_path_factory.mktemp('data'), train=1, val=1, test=4)


def test_a_listener_on_synthetic_clips(scenes, tmp_path) -> None:
    config = write_config(tmp_path, scenes, 'Rememberer', arguments=f"data_root='{scenes}'")
    groups = ('silence', 'noise', 'off_screen', 'swapped', 'delayed')
    found = evaluate(tmp_path, config, settings={'groups': groups, 'delays': (0.96,)})
    assert found.value('original', 'J') == 1
    for condition in ('silence', 'noise', 'off_screen'):
        assert found.value(condition, 'FPR') == 0, condition
    # The masks of the other soundtracks are disjoint from those of this one.
    ceiling = load_ceilings(scenes)['test']['audio_blind']['bound_J']
    assert found.value('swapped', 'J') == 0 < ceiling
    assert found.value('swapped', 'sensitivity') == 1
    clips = [classes_of(clip) for clip in load_truth(scenes) if clip['split'] == 'test']
    late = np.mean([[0, *(a == b for a, b in zip(c, c[1:], strict=False))] for c in clips])
    assert found.value('delayed_0.96', 'J') == pytest.approx(late, abs=0.03)
    truth = {clip['clip_id']: clip for clip in load_truth(scenes)}
    for row in pd.read_csv(tmp_path / 'out/mapping.csv').itertuples():
        one, other = truth[row.video], truth[row.replacement]
        shown = {candidate['class'] for candidate in one['candidates']}
        if row.condition == 'swapped':
            assert one['group'] == other['group'] and one is not other
        else:
            assert not shown & set(classes_of(other))


def test_a_deaf_network_on_synthetic_clips(scenes, tmp_path) -> None:
    arguments = f"data_root='{scenes}', deaf=True"
    config = write_config(tmp_path, scenes, 'Rememberer', arguments=arguments)
    found = evaluate(tmp_path, config, settings={'groups': ('silence', 'swapped', 'gain')})
    ceiling = load_ceilings(scenes)['test']['audio_blind']['bound_J']
    for condition, metric in (('original', 'J'), ('swapped', 'J'), ('silence', 'leak mIoU')):
        assert found.value(condition, metric) == pytest.approx(ceiling, abs=1e-6)
    assert found.value('silence', 'FPR') == found.value('original', 'area marked') > 0
    assert found.value('silence', 'retained J') == 1
    assert found.value('silence', 'sensitivity') == 0


def test_what_data_do_not_offer(tmp_path) -> None:
    root = make_tones(tmp_path, wav=False)
    config = write_config(tmp_path, root)
    found = evaluate(tmp_path, config)
    stored = 'it takes audio files, and there is only stored log-mel'
    names = ('delayed_0.2', 'delayed_0.5', 'delayed_1', 'delayed_2', 'gain_-12', 'gain_+12')
    assert found.unavailable == dict.fromkeys((*names, 'channel_1', 'channel_2'), stored)
    assert (found.value('silence', 'FPR'), found.value('swapped', 'J')) == (0, 1)
    text = (tmp_path / 'out/robustness.md').read_text()
    assert f'| delayed_1 | not available: {stored} | 0 |' in text


def test_published_features_do_not_fit_every_network(tmp_path) -> None:
    config = write_config(tmp_path, make_tones(tmp_path))
    options = {'test_dataloader.dataset.pipeline.0.front_end': 'mel_power'}
    found = evaluate(tmp_path, config, settings={'groups': ('published',)}, options=options)
    reasons = set(found.unavailable.values())
    assert len(found.unavailable) == 3 and found.facts['front_end'] == 'mel_power'
    assert reasons == {
        'its spectrograms have the shape (1, 96, 64), and the network reads (1, 44, 64)'
    }


def test_systems_in_one_table(tones) -> None:
    found, _ = tones
    text = systems_table({'A': [found], 'B': [found, found]})
    head, _, first, second = text.strip().splitlines()
    assert head.startswith('| system | original: J | silence: FPR | noise: FPR | off_screen: FPR |')
    assert first.startswith('| A | 1.000 | 0.000 |')
    assert second.startswith('| B | 1.000 ± 0.000 |')


def test_tables_of_different_data_are_refused(tones, tmp_path) -> None:
    found, out = tones
    config = out.parent / 'toylistener_s4.py'
    fewer = evaluate(tmp_path, config, settings={'groups': ('silence',)})
    with pytest.raises(DataError, match=r'listener\.pth and .*listener\.pth .*conditions'):
        systems_table({'A': [found], 'B': [fewer]})
    options = {'test_dataloader.dataset.indices': 2}
    other = evaluate(tmp_path, config, 'o', settings={'groups': ('silence',)}, options=options)
    with pytest.raises(DataError, match='different data: clips 4 and 2'):
        systems_table({'A': [fewer], 'B': [other]})
    with pytest.raises(DataError, match=r'no result of `avsbench robustness`'):
        read_robustness(tmp_path)


def test_masks_of_classes(tmp_path) -> None:
    """AVSS: clips of several lengths, padded ones, classes in place of one foreground."""
    root = generate('avss', tmp_path, train=1, val=1, test=1)
    config = write_config(
        tmp_path,
        root,
        subset='avss',
        classes=71,
        frames=10,
        dataset='AVSSDataset',
        task='semantic',
    )
    found = evaluate(tmp_path, config, settings={'groups': ('silence', 'off_screen', 'delayed')})
    assert found.value('silence', 'FPR') == 0 and found.value('silence', 'frames marked') == 0
    before = read_result(tmp_path / 'out/original')
    assert before.table.padded.any()
    marked = found.value('original', 'frames marked')
    assert found.value('original', 'area marked') == pytest.approx(marked / 2, abs=1e-6)
    assert found.value('original', 'J') == pytest.approx(before.entry['metrics']['mIoU'], abs=1e-6)


def test_bad_settings() -> None:
    cases = {
        "condition='silnce'.*did you mean 'silence'": {'groups': ('silnce',)},
        'delay of 3 s, expected 0.2 to 2 s': {'delays': (3.0,)},
        'gains of .* and not 0': {'gains': (0.0,)},
        'noise of RMS 2': {'noise_rms': 2.0},
        'seed=-1': {'seed': -1},
        'resamples: got 5': {'resamples': 5},
        'level: got 95': {'level': 95},
    }
    for message, arguments in cases.items():
        with pytest.raises(ConfigError, match=message):
            RobustnessSettings(**arguments)


def test_configs_without_sound(tmp_path) -> None:
    root = make_tones(tmp_path)
    config = write_config(tmp_path, root)
    checkpoint = write_checkpoint(tmp_path)
    no_audio = {'test_dataloader.dataset.pipeline.0.type': 'LoadFrames'}
    with pytest.raises(ConfigError, match='has no LoadClip'):
        Session(config, checkpoint, tmp_path / 'out', options=no_audio)
    path = tmp_path / 'other_metric.py'
    text = config.read_text()
    start = text.index('test_evaluator')
    dump = (
        "test_evaluator = dict(type='mmengine.DumpResults', out_file_path='x.pkl')\ntest_cfg={}\n"
    )
    path.write_text(text[:start] + dump)
    with pytest.raises(ConfigError, match='has no AVSMetric'):
        Session(path, checkpoint, tmp_path / 'out')
