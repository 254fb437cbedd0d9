"""A work dir belongs to one training, which nothing writes over unless it is told to."""

import json
import os
import shutil
import time
from argparse import Namespace
from pathlib import Path

import pytest
from toy import At

from avsbench.checkpoint.reading import sha256_of
from avsbench.config.loading import load_config
from avsbench.engine.commands import apply_train_arguments
from avsbench.engine.work_dir import LOCK
from avsbench.utils.errors import CheckpointError, ConfigError

SHORT = {'train_cfg.max_epochs': 1}


def checkpoints(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in folder.glob('*.pth')}


def test_a_second_training_is_refused_while_one_runs(build_toy, tmp_path):
    first, second = build_toy('run', SHORT), build_toy('run', SHORT, resume=True)
    errors = []

    def start() -> None:
        with pytest.raises(ConfigError) as caught:
            second.train()
        errors.append(str(caught.value))
        assert json.loads((tmp_path / 'run' / LOCK).read_text())['pid'] == os.getpid()

    first.register_hook(At('before_train_epoch', 1, start))
    first.train()
    assert f'run: the work dir is in use by process {os.getpid()} on ' in errors[0]
    assert not (tmp_path / 'run' / LOCK).exists()


def test_a_lock_of_a_dead_training_is_noticed(build_toy, tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'run' / LOCK).write_text('{"host": "node7", "pid": 3, "since": "then"}')
    runner, remarks = build_toy('run', SHORT), []
    runner.logger.warning = remarks.append
    runner.train()
    assert f'{LOCK} was left by process 3 on node7, since then, which has died' in remarks


def test_the_lock_is_given_back_after_an_error(build_toy, tmp_path):
    with pytest.raises(ConfigError):
        build_toy('run', {'train_cfg.max_epochs': 0}).train()
    assert not (tmp_path / 'run' / LOCK).exists()


class TestOverwrite:
    def test_refused_without(self, build_toy, tmp_path):
        build_toy('run', SHORT).train()
        before = checkpoints(tmp_path / 'run')
        message = r'holds a training already \(best_.*--resume.*--overwrite.*--work-dir'
        with pytest.raises(ConfigError, match=message):
            build_toy('run', SHORT).train()
        build_toy('other', SHORT).train()
        with pytest.raises(ConfigError, match=message):  # goes on elsewhere, and would end here
            build_toy('run', resume=True, load_from=str(tmp_path / 'other/epoch_1.pth')).train()
        assert checkpoints(tmp_path / 'run') == before

    def test_replaces_the_whole_training(self, build_toy, tmp_path):
        build_toy('run', {'default_hooks.checkpoint.max_keep_ckpts': 3}).train()
        before = checkpoints(tmp_path / 'run')
        assert 'epoch_3.pth' in before
        other = {'optim_wrapper.optimizer.lr': 0.01}
        build_toy('run', SHORT | other, overwrite=True).train()
        after = checkpoints(tmp_path / 'run')
        assert set(after) == {'epoch_1.pth', 'best_mIoU_epoch_1.pth', 'best_mIoU.pth'}
        assert not set(before.values()) & set(after.values())

    def test_nothing_is_removed_before_the_new_one_can_start(self, build_toy, tmp_path):
        build_toy('run', SHORT).train()
        before = checkpoints(tmp_path / 'run')
        (tmp_path / 'bad.pth').write_bytes(b'PK')
        with pytest.raises(CheckpointError):
            build_toy('run', overwrite=True, load_from=str(tmp_path / 'bad.pth')).train()
        assert checkpoints(tmp_path / 'run') == before

    @pytest.mark.parametrize(
        ('resume', 'replace', 'allowed', 'message'),
        [
            ('auto', True, None, '--resume goes on from a training that --overwrite removes'),
            (None, False, ['randomness.seed'], '--allow-changes belongs to --resume'),
        ],
    )
    def test_options_that_contradict(self, toy_config, resume, replace, allowed, message):
        args = Namespace(amp=False, resume=resume, replace=replace, allow_changes=allowed)
        with pytest.raises(ConfigError, match=message):
            apply_train_arguments(load_config(toy_config), args)


class TestFolders:
    def test_runs_of_one_second_do_not_share_one(self, build_toy, tmp_path, monkeypatch):
        monkeypatch.setattr(time, 'localtime', lambda *_: time.gmtime(1e9))
        runners = [build_toy('run', SHORT) for _ in range(3)]
        names = [runner.timestamp for runner in runners]
        assert len(set(names)) == 3 and all(name.startswith('20010909_014640') for name in names)
        assert all((tmp_path / 'run' / name).is_dir() for name in names)
        runners[0].train()
        weights = str(tmp_path / 'run' / 'epoch_1.pth')
        for _ in range(2):
            build_toy('run', load_from=weights).test()
        assert len(list((tmp_path / 'run' / 'results').glob('test_*.json'))) == 2

    def test_runs_of_one_second_share_nothing(self, build_toy, tmp_path, monkeypatch):
        monkeypatch.setattr(time, 'localtime', lambda *_: time.gmtime(2e9))
        first = build_toy('a', SHORT)
        shutil.rmtree(tmp_path / 'a')
        second = build_toy('b', SHORT)
        assert first.experiment_name.startswith('toy_20330518_033320')
        assert second.experiment_name.startswith('toy_20330518_033320_')
        for part in ('logger', 'message_hub', 'visualizer'):
            assert getattr(first, part) is not getattr(second, part)
        assert (tmp_path / 'b' / second.timestamp / 'vis_data' / 'config.py').is_file()

    def test_that_can_not_be_made(self, build_toy, tmp_path):
        (tmp_path / 'file').write_text('')
        with pytest.raises(ConfigError, match='file/run: can not be used as work dir .*--work-dir'):
            build_toy('file/run')

    def test_resumed_through_a_link(self, build_toy, tmp_path):
        build_toy('run', SHORT).train()
        (tmp_path / 'link').symlink_to('run')
        resumed = build_toy('link', resume=True, allow_changes=['train_cfg.max_epochs'])
        resumed.train()
        assert resumed.epoch == 3 and (tmp_path / 'run' / 'epoch_3.pth').is_file()
