"""The sounds that take the place of a clip's, and which clip gets the sound of which."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from dataset_trees import make_avss, make_ms3, make_s4, noise, write_wav

sys.path.insert(0, str(Path(__file__).parent))

from listeners import make_tones, write_pairs_csv

from avsbench.analysis.robustness.classes import TYPES, Classes, broad_types, clip_classes
from avsbench.analysis.robustness.conditions import (
    Clip,
    Delayed,
    Gain,
    Noise,
    OneChannel,
    Original,
    PublishedNoise,
    Replaced,
    Silence,
)
from avsbench.analysis.robustness.mapping import (
    is_off_screen,
    make_pairs,
    read_pairs,
    write_pairs,
)
from avsbench.analysis.robustness.running import ConditionReader
from avsbench.datasets import AVSSDataset, FolderAVSDataset, MS3Dataset, S4Dataset
from avsbench.datasets.transforms.log_mel_reader import LogMelReader
from avsbench.layouts.avss_classes import CLASSES
from avsbench.media.fbank import SILENCE
from avsbench.media.log_mel import log_mel_patches, read_wav, to_pcm
from avsbench.media.mel_power import published_mel_power_patches
from avsbench.utils.errors import DataError


@pytest.fixture
def stereo(tmp_path):
    """A clip of five seconds whose channels differ, at 22.05 kHz."""
    samples = np.stack([noise('left', 5, 22050), noise('right', 5, 22050) / 3], 1)
    write_wav(tmp_path / 'x.wav', samples, 22050)
    return {
        'clip_id': 'x',
        'frame_paths': ['x'] * 5,
        'audio_path': str(tmp_path / 'x.wav'),
        'log_mel_path': None,
        'short_audio': 'repeat',
    }


def read(condition, info, reader=None):
    return ConditionReader(condition, reader or LogMelReader(), from_files=True).read_clip(info)


def test_a_sound_is_what_its_file_would_be(stereo, tmp_path) -> None:
    """A condition gives what a test reads from a wav file with that sound."""
    conditions = [
        Original(name='o'),
        Silence(name='s'),
        Noise(name='n', rms=0.1, seed=0),
        PublishedNoise(name='p', seed=0),
        Delayed(name='d', seconds=0.5),
        Gain(name='g', decibels=-6),
        OneChannel(name='c', channel=1),
        Replaced(name='r', others={'x': stereo}, reason=''),
    ]
    for condition in conditions:
        samples, rate = condition.pcm(stereo)
        assert samples.dtype == np.int16 and samples.ndim == 2
        soundfile.write(tmp_path / 'file.wav', samples, rate, subtype='PCM_16')
        expected = LogMelReader().read_clip({**stereo, 'audio_path': str(tmp_path / 'file.wav')})
        np.testing.assert_array_equal(read(condition, stereo), expected)


def test_levels_delays_and_channels(stereo) -> None:
    before, rate = soundfile.read(stereo['audio_path'], dtype='int16')
    drawn = Noise(name='n', rms=0.1, seed=0).pcm(stereo)[0] / 32768
    assert np.sqrt(np.mean(drawn**2)) == pytest.approx(0.1, rel=1e-4)
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 0.02  # white
    late = Delayed(name='d', seconds=0.2).pcm(stereo)[0]
    step = round(0.2 * rate)
    assert late.shape == before.shape and not late[:step].any()
    assert (late[step:] == before[:-step]).all()
    quiet = Gain(name='g', decibels=-20).pcm(stereo)[0]
    assert np.abs(quiet - before / 10).max() <= 0.5
    loud = Gain(name='g', decibels=40).pcm(stereo)[0]
    assert (loud.min(), loud.max()) == (-32768, 32767)
    assert (OneChannel(name='c', channel=1).pcm(stereo)[0][:, 0] == before[:, 1]).all()
    assert to_pcm(np.array([-2.0, 0.5])).tolist() == [-32768, 16384]


def test_noise_depends_on_seed_and_clip_alone(stereo) -> None:
    for make in (
        lambda seed: Noise(name='n', rms=0.1, seed=seed),
        lambda seed: PublishedNoise(name='p', seed=seed),
    ):
        one, same, other = make(0), make(0), make(1)
        assert (one.pcm(stereo)[0] == same.pcm(stereo)[0]).all()
        assert (one.pcm(stereo)[0] != other.pcm(stereo)[0]).any()
        assert (one.pcm(stereo)[0] != one.pcm({**stereo, 'clip_id': 'y'})[0]).any()


def test_conditions_go_through_the_front_end_of_the_encoder(stereo) -> None:
    reader = LogMelReader(front_end='ast')
    silence = read(Silence(name='s'), stereo, reader)
    assert silence.shape[1:] == (1, 98, 128) and (silence == np.float32(SILENCE)).all()
    assert (read(Original(name='o'), stereo, reader) != silence).any()


def test_published_front_end_by_name(stereo) -> None:
    """Silence tells itself from any sound of the other front end by its zeros."""
    features = read(Silence(name='s', front_end='mel_power_published'), stereo)
    assert features.shape == (5, 1, 96, 64)
    assert (features[:, :, 44:] == 0).all() and features[:, :, :44].max() < -99
    wave = published_mel_power_patches(*read_wav(stereo['audio_path']))
    other = Replaced(name='r', front_end='mel_power_published', others={'x': stereo}, reason='')
    np.testing.assert_array_equal(read(other, stereo), wave)
    assert (read(Silence(name='s'), stereo) == np.float32(np.log(0.01))).all()


def test_short_and_long_other_sounds(stereo, tmp_path) -> None:
    other = {**stereo, 'clip_id': 'y', 'audio_path': str(tmp_path / 'y.wav')}
    condition = Replaced(name='r', others={'x': other}, reason='none')
    for seconds, rows in ((2.1, 2), (9.0, 5)):
        samples = noise('other', seconds)
        write_wav(tmp_path / 'y.wav', samples)
        patches = log_mel_patches(*read_wav(tmp_path / 'y.wav'))
        found = read(condition, stereo)
        assert found.shape == (5, 1, 96, 64)
        np.testing.assert_array_equal(found[:rows], patches[:rows])
        assert rows == 5 or (found[rows:] == patches[-1]).all()


def test_what_a_clip_can_have(stereo) -> None:
    mono, files, stored = Clip(stereo, 1), Clip(stereo, 2), Clip(stereo, None)
    channel, delayed = OneChannel(name='c', channel=1), Delayed(name='d', seconds=1)
    replaced = Replaced(name='r', others={}, reason='no other')
    assert channel.lack(files) is None and 'one channel' in channel.lack(mono)
    assert 'stored log-mel' in channel.lack(stored) and 'stored log-mel' in delayed.lack(stored)
    assert replaced.lack(files) == 'no other' and Silence(name='s').lack(stored) is None


def test_broad_types() -> None:
    assert {TYPES.get(name) for name in CLASSES} == {'music', 'human', 'animal', 'device'}
    assert broad_types(frozenset({'guitar', 'thing'})) == {'music', 'thing'}

    def one(*names):
        return Classes(frozenset(names), frozenset(names))

    assert is_off_screen(one('guitar'), one('dog'))
    assert not is_off_screen(one('guitar'), one('piano'))  # of the same type
    assert not is_off_screen(one('guitar'), one('man'))  # who may play it
    assert not is_off_screen(one('dog'), one('woman')) and is_off_screen(one('woman'), one('dog'))
    assert not is_off_screen(one('dog', 'guitar'), one('dog', 'bus'))
    assert is_off_screen(one('thing'), one('other')) and not is_off_screen(one('thing'), one())


def infos_of(root, kind=S4Dataset):
    dataset = kind(str(root), 'test')
    return dataset, list(dataset.clip_infos())


def test_pairs_are_drawn_once_and_read_again(tmp_path) -> None:
    dataset, infos = infos_of(make_tones(tmp_path))
    classes = clip_classes(dataset, infos)
    assert classes['dog_barking/dog0'].sounding == {'dog_barking'}
    pairs = make_pairs(infos, classes, 0)
    assert pairs == make_pairs(infos[::-1], classes, 0)  # whatever the order
    assert pairs['swapped']['dog_barking/dog0'] == 'dog_barking/dog1'
    assert all(a.split('/')[0] != b.split('/')[0] for a, b in pairs['off_screen'].items())
    draws = {make_pairs(infos, classes, s)['off_screen']['dog_barking/dog0'] for s in range(20)}
    assert draws == {'playing_piano/pla0', 'playing_piano/pla1'}
    write_pairs(tmp_path / 'mapping.csv', pairs, 0)
    assert read_pairs(tmp_path / 'mapping.csv', infos) == pairs
    assert make_pairs(infos, {}, 0) == {'off_screen': {}, 'swapped': {}}


def test_a_replacement_is_long_enough() -> None:
    infos = [
        {'clip_id': name, 'frame_paths': [''] * count} for name, count in (('a', 10), ('b', 5))
    ]
    alike = dict.fromkeys('ab', Classes(frozenset({'dog'}), frozenset({'dog'})))
    assert make_pairs(infos, alike, 0)['swapped'] == {'b': 'a'}


@pytest.mark.parametrize(
    ('row', 'message'),
    [
        (
            ('off_screen', 'dog_barking/dog7', 'playing_piano/pla0'),
            r"1 of its videos are not in split 'test' of .*csv: dog_barking/dog7 \(row 2\); "
            "did you mean 'dog_barking/dog",
        ),
        (('off_screen', 'dog_barking/dog0', 'x'), r'x \(row 2\)'),
        (('of_screen', 'dog_barking/dog0', 'dog_barking/dog1'), "did you mean 'off_screen'"),
    ],
)
def test_mappings_that_are_refused(tmp_path, row, message) -> None:
    _, infos = infos_of(make_tones(tmp_path))
    path = write_pairs_csv(tmp_path / 'pairs.csv', [row])
    with pytest.raises(DataError, match=message):
        read_pairs(path, infos)


def test_a_mapping_with_two_replacements_or_none(tmp_path) -> None:
    _, infos = infos_of(make_tones(tmp_path))
    row = ('swapped', 'dog_barking/dog0', 'dog_barking/dog1')
    path = write_pairs_csv(tmp_path / 'pairs.csv', [row, row])
    with pytest.raises(DataError, match='row 3: dog_barking/dog0 has a second replacement'):
        read_pairs(path, infos)
    path.write_text('video,replacement\na,b\n')
    with pytest.raises(DataError, match="no column 'condition'"):
        read_pairs(path, infos)


def test_where_classes_come_from(tmp_path) -> None:
    for make, kind, clip, expected in (
        (make_s4, S4Dataset, 'dog_barking/d', {'dog_barking'}),
        (make_avss, AVSSDataset, 'v1m/four_0_5000', {'dog'}),
    ):
        dataset, infos = infos_of(make(tmp_path), kind)
        assert clip_classes(dataset, infos)[clip].sounding == expected
    dataset, infos = infos_of(make_ms3(tmp_path), MS3Dataset)
    assert clip_classes(dataset, infos) == {}  # MS3 names none
    path = tmp_path / 'classes.csv'
    path.write_text('video,classes\nz,man + emergency-car\n')
    assert clip_classes(dataset, infos, path)['z'].sounding == {'man', 'emergency-car'}
    path.write_text('vid,uid,a_obj,label\nz,z_0_5000,man_piano,v1m\nz,z_5_10,dog,v2\n')
    assert clip_classes(dataset, infos, path)['z'].sounding == {'man', 'piano'}
    path.write_text('video,classes\ny,man\n')
    with pytest.raises(DataError, match='nothing about 1 of 1 clips of the split: z'):
        clip_classes(dataset, infos, path)


def test_classes_of_custom_videos(custom_data, tmp_path) -> None:
    """They are those of the masks; without classes there are none."""
    pytest.importorskip('av')
    dataset = FolderAVSDataset(custom_data(tmp_path / 'one'), 'test', fractions={'test': 1.0})
    assert clip_classes(dataset, list(dataset.clip_infos())) == {}
    names = ('background', 'bar', 'foo')
    root = custom_data(tmp_path / 'several', classes=3)
    dataset = FolderAVSDataset(root, 'test', fractions={'test': 1.0}, classes=names)
    found = clip_classes(dataset, list(dataset.clip_infos()))
    assert {classes.sounding for classes in found.values()} == {frozenset({'bar', 'foo'})}
