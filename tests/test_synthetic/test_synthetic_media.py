import numpy as np
import pytest
from PIL import Image

from avsbench.synthetic.audio import (
    PADDING,
    RATE,
    WHITE_NOISE,
    Source,
    gate_curve,
    sample_source,
    synthesise,
    timbre,
)
from avsbench.synthetic.classes import CLASSES
from avsbench.synthetic.clip import draw_scene, render_scene
from avsbench.synthetic.settings import Settings


def _labels(subset, size, index, **options):
    settings = Settings(subset, size=size, **options)
    part = settings.parts[0]
    scene, _ = draw_scene(settings, part, 'train', index)
    return render_scene(settings, part, 'train', index, scene)


def _shrink(mask):
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(image.resize((64, 64), Image.Resampling.BOX)) >= 128


def _iou(first, second):
    return (first & second).sum() / (first | second).sum()


def test_small_and_large_pictures_show_the_same_scene():
    single = []
    for index in range(8):
        (frames, small), (big_frames, big) = (_labels('ms3', size, index) for size in (64, 224))
        for here, there in zip(small, big, strict=True):
            assert _iou(here >= 0, _shrink(there >= 0)) > 0.9
            single += [_iou(here == n, _shrink(there == n)) for n in range(5)]
        shrunk = np.asarray(Image.fromarray(big_frames[0]).resize((64, 64)), float)
        assert np.corrcoef(shrunk.ravel(), frames[0].ravel())[0, 1] > 0.9
    assert np.mean(single) > 0.95  # a straight edge on a row of pixel centres costs one object 0.1


def test_every_object_is_visible_in_every_frame():
    frames, labels = _labels('ms3', 64, 0, decoys=2)
    assert frames.shape == (5, 64, 64, 3) and frames.dtype == np.uint8
    for frame_labels in labels:
        areas = np.bincount(frame_labels.ravel() + 1, minlength=8)
        assert len(areas) == 8 and areas[1:].min() > 20
        assert areas[0] > 64 * 64 / 2


def test_textures_have_a_dark_tone_except_the_solid_one():
    settings = Settings('s4')
    dark = {name: [] for name in CLASSES}
    for index in range(24):
        scene, _ = draw_scene(settings, settings.parts[0], 'train', index)
        frames, labels = render_scene(settings, settings.parts[0], 'train', index, scene)
        for n, kind in enumerate(scene.kinds):
            pixels = frames[labels == n] / 255
            bright = abs(pixels - scene.colours[n]).max(axis=1) < 0.1
            assert (bright | (abs(pixels - 0.3 * scene.colours[n]).max(axis=1) < 0.1)).all()
            dark[CLASSES[kind]].append(1 - bright.mean())
    for name, shares in dark.items():
        mean = np.mean(shares)
        assert mean == 0 if name == 'solid_disc' else 0.2 < mean < 0.8, name


def _source(kind, gate, gain=0.0, size=None):
    drawn = sample_source(np.random.default_rng(kind), kind, np.array(gate, bool), size)
    return Source(**{**vars(drawn), 'gain': gain})


def test_each_second_holds_exactly_its_sources():
    gates = {0: [1, 1, 0, 0, 1], 3: [0, 1, 0, 1, 0], 6: [1, 0, 0, 0, 0]}
    sources = [_source(kind, gate) for kind, gate in gates.items()]
    mixed = synthesise(sources, np.random.default_rng(0), 5, 1.0, np.inf) / 32768
    assert mixed.shape == (5 * RATE + PADDING,)
    seconds = mixed[: 5 * RATE].reshape(5, RATE)
    level = 20 * np.log10(np.sqrt((seconds**2).mean(axis=1)) + 1e-12)
    assert level[2] < -60 and (np.delete(level, 2) > -16).all()
    for source in sources:  # taking one away changes the seconds in which it sounds, and no other
        rest = [other for other in sources if other is not source]
        without = synthesise(rest, np.random.default_rng(0), 5, 1.0, np.inf) / 32768
        change = (mixed - without)[: 5 * RATE].reshape(5, RATE)
        assert ((np.sqrt((change**2).mean(axis=1)) > 0.05) == source.gate).all()


@pytest.mark.parametrize('kind', range(WHITE_NOISE + 1))
def test_timbres_have_unit_level_and_differ(kind):
    wave = timbre(_source(kind, [1]), 2 * RATE)
    assert np.sqrt((wave**2).mean()) == pytest.approx(1)
    assert np.array_equal(wave, timbre(_source(kind, [1]), 2 * RATE))
    spectra = [
        abs(np.fft.rfft(timbre(_source(k, [1]), 2 * RATE))) ** 2 for k in (kind, (kind + 1) % 8)
    ]
    first, other = (spectrum / np.linalg.norm(spectrum) for spectrum in spectra)
    assert first @ other < 0.5


@pytest.mark.parametrize(
    ('kind', 'f0', 'amplitudes'),
    [
        (1, 200.0, {n: 1 / n for n in range(1, 16, 2)}),
        (2, 200.0, {n: 1 / n for n in range(1, 21)}),
        (2, 500.0, {n: 1 / n for n in range(1, 16)}),  # nothing above half the sample rate
    ],
)
def test_harmonics_have_the_amplitudes_of_the_timbre(kind, f0, amplitudes):
    source = Source(**{**vars(_source(kind, [1])), 'f0': f0})
    spectrum = abs(np.fft.rfft(timbre(source, RATE)))  # one bin a hertz
    expected = np.zeros(len(spectrum))
    for n, amplitude in amplitudes.items():
        expected[round(n * f0)] = amplitude
    np.testing.assert_allclose(spectrum / spectrum[round(f0)], expected, atol=1e-6)


@pytest.mark.parametrize('kind', [5, 6, 7])
@pytest.mark.parametrize('size', [None, 'large', 'small'])
def test_unpitched_sources_stay_in_their_band(kind, size):
    source = _source(kind, [1], size=size)
    power = abs(np.fft.rfft(timbre(source, 2 * RATE))) ** 2
    bins = np.fft.rfftfreq(2 * RATE, 1 / RATE)
    low, high = source.band
    inside = (bins > low - 50) & (bins < high + 50)
    assert power[inside].sum() > 0.97 * power.sum()


def test_gate_has_one_pair_of_edges_a_run():
    curve = gate_curve(np.array([1, 1, 0, 1, 0], bool), 1.0, 5 * RATE + PADDING)
    assert curve[RATE] == 1  # nothing happens between two sounding seconds
    assert curve[0] < 0.01 and curve[160] == pytest.approx(0.5, abs=0.01) and curve[320] == 1
    assert curve[2 * RATE - 1] < 0.01 and curve[2 * RATE :].sum() == pytest.approx(RATE - 320)
    shorter = gate_curve(np.ones(5, bool), 0.96, 5 * RATE + PADDING)
    assert np.flatnonzero(shorter)[-1] == 5 * 15360 - 1


def test_noise_level_follows_snr():
    for snr in (30, 10):
        noise = synthesise([], np.random.default_rng(0), 5, 1.0, snr) / 32768
        assert 20 * np.log10(noise.std()) == pytest.approx(-12.04 - snr, abs=0.1)
    assert not synthesise([], np.random.default_rng(0), 5, 1.0, np.inf).any()
