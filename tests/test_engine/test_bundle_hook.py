"""What a training leaves in `bundle/`, and that it changes nothing about the training."""

import json

import pytest
from toy import At, equal

from avsbench.checkpoint.reading import read_checkpoint
from avsbench.engine.hooks import BundleHook
from avsbench.engine.settings import settings_of
from avsbench.reproduction.bundle import FILES, FOLDER, read_bundle
from avsbench.utils.errors import DataError


def part(work_dir, name):
    return json.loads((work_dir / FOLDER / name).read_text())


def test_a_training_leaves_its_bundle(build_toy, tmp_path):
    runner = build_toy('run', {'randomness.seed': None})
    runner.train()
    work_dir = tmp_path / 'run'
    assert sorted(path.name for path in (work_dir / FOLDER).iterdir()) == sorted(FILES)
    bundle = read_bundle(work_dir)
    assert bundle.run['finished'] and (bundle.run['epochs'], bundle.run['iterations']) == (3, 12)
    assert bundle.run['headline'] == ['mIoU'] and bundle.run['num_processes'] == 1
    assert bundle.config['randomness']['seed'] == bundle.run['seed'] == runner.seed  # drawn
    assert bundle.config['model']['decode_head']['type'] == 'ToyHead'
    assert bundle.environment['torch'] and bundle.data['train_dataloader']['clips'] == 8
    assert list(bundle.curves.curves['mIoU']) == [1, 2, 3] == list(bundle.curves.curves['loss'])
    assert part(work_dir, 'curve.json') == bundle.curves.to_json()


def test_it_is_there_from_the_start_and_grows(build_toy, tmp_path):
    runner = build_toy('run')
    found = []

    def look() -> None:
        found.append(part(tmp_path / 'run', 'run.json')['finished'])
        found.append(part(tmp_path / 'run', 'data.json')['val_dataloader']['clips'])
        found.append((tmp_path / 'run' / FOLDER / 'curve.json').exists())

    runner.register_hook(At('before_train_iter', 1, look))
    runner.register_hook(
        At(
            'before_train_epoch',
            3,
            lambda: found.append(part(tmp_path / 'run', 'curve.json')['curves']['mIoU']['at']),
        )
    )
    runner.train()
    assert found == [False, 6, False, [1, 2]]


def test_a_resumed_training_keeps_its_sessions(build_toy, tmp_path):
    first = build_toy('run')

    def stop() -> None:
        raise RuntimeError('stopped')

    first.register_hook(At('before_train_epoch', 2, stop))
    with pytest.raises(RuntimeError):
        first.train()
    assert not part(tmp_path / 'run', 'run.json')['finished']
    warnings = []
    second = build_toy('run', {'val_dataloader.dataset.size': 5}, resume=True)
    second.logger.warning = warnings.append
    second.train()
    build_toy('whole', {'val_dataloader.dataset.size': 5}).train()
    run = part(tmp_path / 'run', 'run.json')
    assert [session['from_iteration'] for session in run['sessions']] == [0, 4]
    assert run['finished'] and run['started_from'] is None
    assert any('other data than this training began with: clips: 6' in text for text in warnings)
    whole = read_bundle(tmp_path / 'whole').curves.curves['loss']
    assert read_bundle(tmp_path / 'run').curves.curves['loss'] == whole
    assert len(part(tmp_path / 'whole', 'run.json')['sessions']) == 1


def test_the_training_is_the_same_without(build_toy, tmp_path):
    build_toy('with').train()
    without = build_toy('without')
    without._hooks = [hook for hook in without.hooks if not isinstance(hook, BundleHook)]
    without.train()
    assert not (tmp_path / 'without' / FOLDER).exists()
    weights = [
        read_checkpoint(tmp_path / name / 'epoch_3.pth')['state_dict']
        for name in ('with', 'without')
    ]
    assert equal(*weights)
    with pytest.raises(DataError, match='no folder bundle in it, as train.sh leaves one'):
        read_bundle(tmp_path / 'without')


def test_trainings_from_before_can_be_resumed(build_toy):
    """The hook is no setting that a training depends on."""
    runner = build_toy('run')
    assert not [key for key in settings_of(runner.cfg) if 'bundle' in key]


def test_weights_it_starts_from(build_toy, tmp_path):
    build_toy('first').train()
    path = tmp_path / 'first' / 'epoch_3.pth'
    build_toy('second', load_from=str(path)).train()
    started = part(tmp_path / 'second', 'run.json')['started_from']
    assert started['file'] == str(path) and started['bytes'] == path.stat().st_size
    assert len(started['sha256']) == 64


def test_a_config_that_is_no_data_is_said_so(build_toy, tmp_path):
    runner = build_toy('run')
    runner.cfg.model['odd'] = {1: 2}
    warnings = []
    runner.logger.warning = warnings.append
    runner.train()
    assert any(
        'can not be repeated from its bundle: model.odd: the key 1' in text for text in warnings
    )
    assert part(tmp_path / 'run', 'config.json') == {}
