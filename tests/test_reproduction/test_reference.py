import json

import numpy as np
import pytest
from PIL import Image

from avsbench.analysis.curves import Curves
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.reproduction.bundle import FILES, FOLDER, Bundle, config_data
from avsbench.reproduction.reference import (
    band_of,
    find_reference,
    make_reference,
    read_reference,
    settings_hash,
    verdict,
)
from avsbench.utils.errors import DataError
from avsbench.visualization.reference_figure import draw_against_reference, seeds_text

EPOCHS = 15
REFERENCES = CONFIG_ROOT.parent / 'docs' / 'reference'


@pytest.fixture(scope='module')
def config():
    return config_data(load_config(CONFIG_ROOT / 's4' / 'demo.py'))


def curves(rng, epochs=EPOCHS, shift=0.0):
    loss = {e: 1 / e + shift + rng.normal(0, 0.01) for e in range(1, epochs + 1)}
    metric = {e: 0.03 * e + rng.normal(0, 0.02) for e in range(5, epochs + 1, 5)}
    return Curves('epoch', {'loss': loss, 'mIoU': metric, 'F_b1': metric})


def training(config, seed, *, data='a', **keys):
    run = {'format': 1, 'subset': 's4', 'seed': seed, 'num_processes': 1}
    run |= {'config_file': 's4/demo.py', 'finished': True}
    hashes = {'clips': 4} | dict.fromkeys(('index_sha256', 'clips_sha256', 'files_sha256'), data)
    environment = {'git_commit': 'c0ffee', 'torch': '2', 'cpu': 'x', 'gpus': []}
    found = curves(np.random.default_rng(seed), **keys)
    return Bundle(run, config, environment, {'train_dataloader': hashes}, found)


def reference_of(config, seeds=3):
    bundles = [training(config, seed) for seed in range(seeds)]
    return make_reference(bundles, [f'run{seed}' for seed in range(seeds)])


def write_work_dir(folder, bundle):
    """A work dir as a training leaves it."""
    for name, text in bundle.texts().items():
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        (folder / FOLDER / name).write_text(text)
    lines = []
    for epoch, loss in bundle.curves.curves['loss'].items():
        lines.append({'loss': loss, 'lr': 0.1, 'epoch': epoch, 'iter': epoch, 'step': epoch})
        if epoch in bundle.curves.curves['mIoU']:
            value = bundle.curves.curves['mIoU'][epoch]
            lines.append({'mIoU': value, 'F_b1': value, 'step': epoch})
    path = folder / '20260101_000000' / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, lines)))
    return folder


def test_the_interval_holds_further_trainings(config):
    """At least 95 % of them at each point, over many references of three seeds."""
    inside, widths = [], []
    for trial in range(100):
        bundles = [training(config, 4 * trial + seed) for seed in range(4)]
        reference = make_reference(bundles[:3], ['a', 'b', 'c'])
        for name in ('loss', 'mIoU'):
            band, curve = band_of(reference, name), bundles[3].curves.curves[name]
            values = np.array([curve[int(at)] for at in band.at])
            inside.append(((band.low <= values) & (values <= band.high)).mean())
        widths.append(np.median(band_of(reference, 'loss').high - band_of(reference, 'loss').low))
    assert np.mean(inside) > 0.95
    assert np.mean(widths) < 12 * 0.01  # of the noise: not so wide that all is inside


def test_inside_and_outside_in_words(config):
    reference = reference_of(config)
    normal = training(config, 50).curves
    assert 'inside the spread at all 15 epochs' in verdict(reference, normal, 'loss')
    assert 'inside the spread at all 3 epochs' in verdict(reference, normal, 'mIoU')
    half = curves(np.random.default_rng(50), epochs=7)
    assert 'inside the spread at all 7 epochs' in verdict(reference, half, 'loss')
    stuck = training(config, 50, shift=0.5).curves
    text = verdict(reference, stuck, 'loss')
    assert 'OUTSIDE the spread at 15 of 15 epochs, first at epoch 1: 1.5' in text
    stuck.curves['mIoU'] = {5: 0.15, 10: 0.01}
    assert 'OUTSIDE the spread at 1 of 2 epochs, first at epoch 10: 0.01' in (
        verdict(reference, stuck, 'mIoU')
    )
    assert 'no point in common' in verdict(reference, Curves('epoch', {}), 'loss')


def test_one_seed_has_no_spread(config):
    reference = reference_of(config, seeds=1)
    assert 'one seed has no spread' in verdict(reference, training(config, 50).curves, 'loss')
    assert seeds_text(reference) == '1 seed (0), which has no spread'
    assert reference.to_json()['num_seeds'] == 1
    draw_against_reference(reference, {}, ['loss', 'mIoU'])


def test_what_does_not_belong_together(config):
    def make(*bundles):
        return make_reference(bundles, ['one', 'other'])

    first, other = training(config, 0), json.loads(json.dumps(config))
    other['optim_wrapper']['optimizer']['lr'] = 1.0
    with pytest.raises(DataError, match='one and other have different settings'):
        make(first, training(other, 1))
    with pytest.raises(DataError, match='one and other were trained on different data'):
        make(first, training(config, 1, data='b'))
    with pytest.raises(DataError, match=r'seeds \[0, 0\], expected different ones'):
        make(first, training(config, 0))
    with pytest.raises(DataError, match='other: its training has not finished'):
        make(first, training(config, 1, epochs=14))


def test_seed_and_place_of_the_data_are_no_settings(config):
    other = json.loads(json.dumps(config))
    other['randomness']['seed'] = 7
    other['train_dataloader']['dataset']['data_root'] = '/data'
    assert settings_hash(other) == settings_hash(config)


def test_files(config, tmp_path):
    reference = reference_of(config)
    path = tmp_path / 's4_demo.json'
    path.write_text(json.dumps(reference.to_json()))
    assert read_reference(path) == reference
    assert find_reference(tmp_path, config) == path and find_reference(tmp_path, {}) is None
    assert list(reference.curves[0].curves) == ['loss', 'mIoU']  # the headline metrics
    assert path.stat().st_size < 4000
    for broken in ({}, {'format': 9}, {**reference.to_json(), 'runs': []}, []):
        path.write_text(json.dumps(broken))
        with pytest.raises(DataError, match='s4_demo.json: (no reference|format 9)'):
            read_reference(path)


def test_commands(tool, config, tmp_path):
    runs = [write_work_dir(tmp_path / f'seed{seed}', training(config, seed)) for seed in (0, 1, 2)]
    half = write_work_dir(tmp_path / 'half', training(config, 3, epochs=9))
    out = tmp_path / 'reference'
    made = tool('make_reference', *runs[:2], half, '--out', out)
    assert made.code == 0, made.err
    assert 'half: has not finished, left out' in made.out and 'seeds 0, 1' in made.out
    assert tool('make_reference', runs[2], '--out', out).code == 2
    assert tool('make_reference', runs[1], '--out', out, '--add').code == 2
    made = tool('make_reference', runs[2], '--out', out, '--add')
    assert made.code == 0 and 'seeds 0, 1, 2' in made.out
    path = out / 's4_demo.json'
    assert read_reference(path) == make_reference(
        [training(config, seed) for seed in range(3)], ['a', 'b', 'c']
    )
    png = tmp_path / 'curves.png'
    done = tool('analyze_logs', half, '--reference', path, '--out', png)
    assert done.code == 0, done.err
    assert 's4/demo.py, 3 seeds (0, 1, 2)' in done.out and 'note' not in done.out
    assert 'loss: ' in done.out and 'inside the spread at all 9 epochs' in done.out
    with Image.open(png) as image:
        assert len(np.unique(np.asarray(image.convert('L')))) > 50
    other = write_work_dir(tmp_path / 'other', training({**config, 'model': {}}, 1, data='b'))
    done = tool('analyze_logs', other, '--reference', path, '--out', png, '--overwrite')
    assert 'its settings are not those of the reference' in done.out
    assert 'its data are not those of the reference' in done.out
    done = tool('analyze_logs', other, '--reference', '--out', png, '--overwrite')
    assert done.code == 2 and 'no reference has its settings' in done.err
    words = ('--reference', path, '--keys', 'lr', '--out', png, '--overwrite')
    assert tool('analyze_logs', other, *words).code == 2


def test_a_work_dir_without_a_bundle(tool, tmp_path, config):
    """As the toolbox left them before: config, environment and logs tell the same."""
    run = write_work_dir(tmp_path / 'old', training(config, 4))
    for name in FILES:
        (run / FOLDER / name).unlink()
    (run / FOLDER).rmdir()
    done = tool('make_reference', run, '--out', tmp_path)
    assert done.code == 2 and 'no env.json' in done.err


@pytest.mark.parametrize('path', sorted(REFERENCES.glob('*.json')), ids=lambda path: path.stem)
def test_references_are_of_the_configs_as_they_are(path):
    """Make them again where a config has changed: tools/make_reference.py."""
    reference = read_reference(path)
    cfg = load_config(CONFIG_ROOT / reference.config)
    assert settings_hash(config_data(cfg)) == reference.settings
    assert len(set(reference.seeds)) == len(reference.runs)
    assert list(reference.curves[0].curves['loss']) == [*range(1, cfg.train_cfg.max_epochs + 1)]
