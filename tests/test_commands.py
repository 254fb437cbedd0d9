"""train.sh and test.sh from end to end: what they write, and what they say on mistakes."""

import argparse
import copy
import itertools
import json
import os
import runpy
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from avsbench.commands.arguments.test import add_arguments
from avsbench.config.paths import subsets
from avsbench.engine.commands import apply_test_arguments
from avsbench.synthetic import generate
from avsbench.utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[1]
QUIET = ('--cfg-options', 'log_level=WARNING')
_numbers = itertools.count()


def _errors(text: str) -> list[str]:
    """The lines of stderr that the commands write themselves."""
    return [line for line in text.splitlines() if line.startswith(('error:', 'Traceback'))]


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run train.py or test.py in this process, in `tmp_path`: exit code, stdout, stderr."""

    def run(script: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', [script, *map(str, arguments)])
        # Logger and message hub are global, and named by the second.
        start = 1e9 + 60 * next(_numbers)
        monkeypatch.setattr(time, 'localtime', lambda *_: time.gmtime(start))
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(ROOT / script), run_name='__main__')
        return (caught.value.code, *capsys.readouterr())

    return run


class TestOneProcess:
    """With the toy network: every path through the scripts in seconds."""

    def test_train_and_test(self, run_script, call, toy_config, tmp_path):
        finished = run_script('train.sh', 's4', toy_config, '--amp', 'off')
        assert finished.returncode == 0, finished.stderr
        work_dir = tmp_path / 'work_dir' / 's4' / 'toy'
        assert {'epoch_3.pth', 'best_mIoU.pth', 'config.py', 'env.json', 'results'} <= set(
            os.listdir(work_dir)
        )

        finished = run_script('test.sh', 's4', toy_config, work_dir / 'best_mIoU.pth')
        assert finished.returncode == 0, finished.stderr
        assert 'protocol' in finished.stdout and 'results/test_' in finished.stdout
        result = json.loads((work_dir / 'results' / 'test.json').read_text())
        assert 0 <= result['metrics']['mIoU'] <= 1 and result['precision'] == 'fp32'
        # The config of the training is not replaced by that of the test.
        assert 'max_epochs=3' in (work_dir / 'config.py').read_text()

        words = ('test.py', 'ms3', toy_config, work_dir / 'best_mIoU.pth')
        options = ('--cfg-options', 'subset=ms3', 'log_level=WARNING')
        code, _, err = call(*words, *options)
        assert code == 2 and "subset of the checkpoint is 's4', that of the config 'ms3'" in err
        assert call(*words, '--any-subset', *options)[0] == 0

        checkpoint = torch.load(work_dir / 'best_mIoU.pth', weights_only=True)
        torch.save(checkpoint | {'path': tmp_path}, tmp_path / 'more.pth')
        words = ('test.py', 's4', toy_config, tmp_path / 'more.pth')
        code, _, err = call(*words, *QUIET)
        assert code == 2 and '--trust-checkpoint' in err
        assert call(*words, '--trust-checkpoint', *QUIET)[0] == 0

        code, out, _ = call('train.py', 's4', toy_config, '--resume', '--amp', 'off')
        assert code == 0 and 'nothing to do' in out
        words = ('train.py', 's4', toy_config, '--amp', '--resume')
        options = ('--cfg-options', 'train_cfg.max_epochs=4')
        code, _, err = call(*words, *options)
        names = 'train_cfg.max_epochs optim_wrapper.type optim_wrapper.precision'
        assert code == 2 and f'--allow-changes {names}' in err
        code, out, _ = call(*words, '--allow-changes', *names.split(), *options)
        assert code == 0 and '--amp: no CUDA here' in out
        assert (work_dir / 'epoch_4.pth').exists()

    def test_config_that_a_run_has_left(self, call, toy_config, tmp_path):
        """The resolved config trains on its own, and gives the same."""
        assert call('train.py', 's4', toy_config, '--work-dir', 'first', *QUIET)[0] == 0
        copy = tmp_path / 'first' / 'config.py'
        assert call('train.py', 's4', copy, '--work-dir', 'again', *QUIET)[0] == 0
        one, other = (
            torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True)['state_dict']
            for name in ('first', 'again')
        )
        assert all(torch.equal(one[key], other[key]) for key in one)

    @pytest.mark.parametrize(
        ('arguments', 'message'),
        [
            (('ms3',), "the command says 'ms3', but toy.py is a config for 's4'"),
            (('s4', '--resume', 'x.pth'), 'x.pth: no such checkpoint file'),
            (
                ('s4', '--cfg-options', 'train_cfg.max_epoch=1'),
                "train_cfg has no key 'max_epoch'; did you mean 'max_epochs'",
            ),
            (('s4', '--cfg-options', 'train_cfg'), 'expected key=value'),
            (
                ('s4', '--cfg-options', 'model.decode_head.type=ToyHed'),
                "model.decode_head: unknown type 'ToyHed'; did you mean 'ToyHead'",
            ),
            (
                ('s4', '--cfg-options', 'train_dataloader.dataset.broken=3'),
                'clip_3.png: truncated',
            ),
            (
                (
                    's4',
                    '--cfg-options',
                    'train_dataloader.dataset.broken=3',
                    'train_dataloader.num_workers=2',
                ),
                'clip_3.png: truncated',
            ),
        ],
    )
    def test_one_clear_error(self, call, toy_config, arguments, message):
        code, _, err = call('train.py', arguments[0], 'toy.py', *arguments[1:])
        assert code == 2
        assert len(_errors(err)) == 1 and message in _errors(err)[0]

    def test_missing_config(self, run_script, toy_config):
        finished = run_script('train.sh', 's4', 'ty.py')
        assert finished.returncode == 2
        assert _errors(finished.stderr) == [
            "error: ty.py: no such config file; did you mean 'toy.py'?"
        ]

    def test_checkpoint_that_is_none(self, call, toy_config, tmp_path):
        code, _, err = call('test.py', 's4', 'toy.py', 'nowhere.pth')
        assert code == 2 and _errors(err) == ['error: nowhere.pth: no such checkpoint file']
        (tmp_path / 'page.pth').write_text('<html>')
        code, _, err = call('test.py', 's4', 'toy.py', 'page.pth')
        assert code == 2 and 'page.pth: is a web page' in err

    def test_options_of_a_test_change_the_config(self):
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        cfg = Config(dict(model=dict(test_cfg=dict(flip=False, flip_join='maximum'))))

        def changed(*words):
            args, copied = parser.parse_args(['s4', 'x.py', 'x.pth', *words]), copy.deepcopy(cfg)
            apply_test_arguments(copied, args)
            return copied

        assert changed().to_dict() == cfg.to_dict()
        augmented = changed('--flip', '--scales', '0.5', '1').model.test_cfg
        assert augmented == dict(flip=True, flip_join='maximum', scales=[0.5, 1])
        assert changed('--no-flip').model.test_cfg.flip is False
        (crf,) = changed('--crf').custom_hooks
        assert crf == dict(type='CRFHook', out_dir=None)
        saving, crf = changed('--crf', '--save-masks', 'd', '--overlays').custom_hooks
        assert (saving.out_dir, saving.overlays, saving.overwrite) == ('d', True, False)
        assert crf.out_dir == 'd'
        with pytest.raises(ConfigError, match='belong to --save-masks'):
            changed('--overlays')
        del cfg.model['test_cfg']
        assert changed('--flip').model.test_cfg == dict(flip=True)

    def test_help(self, call):
        for script, words in (
            ('train', ('--resume', '--amp', '--cfg-options', 'GPUS=2')),
            ('test', ('--save-masks', '--overwrite', '--trust-checkpoint', 'checkpoint', '--crf')),
            ('test', ('--no-flip', '--scales', *subsets())),
        ):
            code, out, _ = call(f'{script}.py', '--help')
            assert code == 0 and out.startswith(f'usage: {script}.sh')
            assert all(word in out for word in words)

    def test_plain_checkout(self, run_script, toy_config, tmp_path):
        """Without an installed package, from another folder, with spaces in the names."""
        checkout = tmp_path / 'a check out'
        checkout.mkdir()
        for name in ('avsbench', 'config'):
            shutil.copytree(ROOT / name, checkout / name)
        for name in ('train.py', 'train.sh'):
            shutil.copy(ROOT / name, checkout)
        (checkout / 'avsbench' / 'version.py').write_text("__version__ = '9.9.9'\n")
        script = checkout / 'train.sh'
        options = ('--work-dir', 'out dir', *QUIET)
        finished = run_script('bash', script, 's4', toy_config, *options)
        assert finished.returncode == 0, finished.stderr
        checkpoint = torch.load(tmp_path / 'out dir' / 'epoch_3.pth', weights_only=True)
        assert checkpoint['meta']['avsbench_version'] == '9.9.9'

    def test_no_python(self, run_script):
        finished = run_script('train.sh', 's4', 'toy.py', PYTHON='no-such-python')
        assert finished.returncode == 2 and "no 'no-such-python' here" in finished.stderr


@pytest.mark.skipif(shutil.which('make') is None, reason='needs make')
class TestMakefile:
    """What can be seen without installing anything."""

    @pytest.fixture
    def make(self, tmp_path, run_script):
        for name in ('Makefile', 'requirements.txt', 'constraints.txt', 'pyproject.toml'):
            shutil.copy(ROOT / name, tmp_path)
        outer = dict(MAKELEVEL='', MAKEFLAGS='', MFLAGS='')  # of the `make test` that runs this
        return lambda *words, **environment: run_script('make', *words, **outer, **environment)

    def test_help(self, make):
        assert make().stdout.startswith('make demo ')

    def test_no_suitable_python(self, make):
        finished = make('test', 'PYTHON=no-such-python')
        assert finished.returncode == 2
        assert 'none of "no-such-python" is Python 3.10 or newer' in finished.stderr
        assert 'make test PYTHON=/path/to/python3' in finished.stderr

    def test_failing_pip(self, make, tmp_path):
        python = f'PYTHON={sys.executable}'
        finished = make('install', python, PIP_NO_INDEX='1', PIP_FIND_LINKS='')
        assert finished.returncode == 2 and 'error: pip failed, see above' in finished.stderr
        assert not list((tmp_path / '.venv').glob('.installed-*'))

    def test_installed_environment_is_reused(self, make, tmp_path):
        binary = tmp_path / '.venv' / 'bin' / 'python'
        binary.parent.mkdir(parents=True)
        binary.write_text('#!/bin/sh\nexit 0\n')  # everything is there
        binary.chmod(0o755)
        finished = make('install')
        assert finished.returncode == 0 and 'has everything already' in finished.stdout
        assert make('install').stdout.strip() in ('', "make: Nothing to be done for 'install'.")
        (tmp_path / 'requirements.txt').write_text('')
        assert 'has everything already' in make('install').stdout


@pytest.mark.slow
class TestSyntheticClips:
    """The demo configs on a few generated clips."""

    @pytest.fixture(scope='class')
    def tree(self, tmp_path_factory):
        roots = {}

        def get(subset: str) -> Path:
            if subset not in roots:
                roots[subset] = generate(subset, tmp_path_factory.mktemp('synthetic'))
            return roots[subset]

        return get

    @pytest.mark.parametrize('subset', ['s4', 'ms3', 'avss'])
    def test_train_and_test(self, call, tree, tmp_path, subset):
        config = ROOT / 'config' / subset / 'demo.py'
        data = f'data_root={tree(subset)}'
        options = ('--cfg-options', data, 'log_level=WARNING', 'train_cfg.max_epochs=1')
        code, out, err = call('train.py', subset, config, *options)
        assert code == 0, err
        best = tmp_path / 'work_dir' / subset / 'demo' / 'best_mIoU.pth'
        assert torch.load(best, weights_only=True)['meta']['synthetic'] is True
        masks = ('--save-masks', 'masks')
        code, out, err = call('test.py', subset, config, best, *masks, *options[:3])
        assert code == 0, err
        result = json.loads((best.parent / 'results' / 'test.json').read_text())
        assert result['data']['subset'] == subset and result['data']['split'] == 'test'
        assert result['metrics']['clips'] == result['data']['clips'] > 0
        saved = list((tmp_path / 'masks').rglob('*.png'))
        assert len(saved) == result['data']['frames']
        words = ('masks', '--subset', subset, '--data-root', tree(subset))
        code, out, err = call('tools/score_masks.py', *words)
        assert code == 0, err
        scored = json.loads((tmp_path / 'masks' / 'results' / 'test.json').read_text())
        for key in ('metrics', 'protocol', 'protocol_texts'):
            assert scored[key] == result[key]
        tables = [folder / 'results' / 'scores.csv' for folder in (tmp_path / 'masks', best.parent)]
        assert tables[0].read_text() == tables[1].read_text()

        code, _, err = call('test.py', subset, config, best, *masks, *options[:3])
        assert code == 2 and 'already holds' in err
        code, _, err = call('test.py', subset, config, best, *masks, '--overwrite', *options[:3])
        assert code == 0, err

    def test_two_processes_give_the_same_digits(self, run_script, call, tree, tmp_path):
        config = ROOT / 'config' / 's4' / 'demo.py'
        options = ('--cfg-options', f'data_root={tree("s4")}', 'test_dataloader.batch_size=1')
        more = ('log_level=WARNING', 'train_cfg.max_epochs=1')
        assert call('train.py', 's4', config, *options, *more)[0] == 0
        best = tmp_path / 'work_dir' / 's4' / 'demo' / 'best_mIoU.pth'
        metrics = []
        for count in ('1', '2'):
            finished = run_script('test.sh', 's4', config, best, *options, GPUS=count)
            assert finished.returncode == 0, finished.stderr
            result = json.loads((best.parent / 'results' / 'test.json').read_text())
            assert result['num_processes'] == int(count)
            metrics.append(result['metrics'])
        assert metrics[0] == metrics[1]

    def test_checkpoint_of_another_head(self, call, tree, tmp_path, toy_config):
        assert call('train.py', 's4', toy_config, *QUIET)[0] == 0
        toy = tmp_path / 'work_dir' / 's4' / 'toy' / 'best_mIoU.pth'
        config = ROOT / 'config' / 's4' / 'demo.py'
        data = ('--cfg-options', f'data_root={tree("s4")}')
        code, _, err = call('test.py', 's4', config, toy, *data)
        assert code == 2
        assert "the checkpoint is 'ToyHead', that of the config 'AVSegFormerHead'" in err

    def test_missing_data(self, call, tmp_path):
        config = ROOT / 'config' / 's4' / 'demo.py'
        code, _, err = call('train.py', 's4', config, '--cfg-options', 'data_root=nowhere')
        assert code == 2 and len(_errors(err)) == 1
        assert 'nowhere' in err and 'data_root' in err
        assert not list((tmp_path / 'work_dir').rglob('*.pth'))


@pytest.mark.slow
class TestSeveralProcesses:
    """GPUS=2 on the CPU."""

    def test_same_scores_as_one(self, run_script, toy_config, tmp_path):
        hook = (
            'default_hooks.freeze.type=FreezeBackboneHook',
            'default_hooks.freeze.until_epoch=1',
        )
        options = (*QUIET, *hook)
        # In the precision of a test: a CPU with bfloat16 would validate in that.
        words = ('--amp', 'off', *options)
        finished = run_script('train.sh', 's4', toy_config, *words, GPUS='2')
        assert finished.returncode == 0, finished.stderr
        work_dir = tmp_path / 'work_dir' / 's4' / 'toy'
        meta = torch.load(work_dir / 'epoch_3.pth', weights_only=True)['meta']
        assert meta['num_processes'] == 2 and meta['iter'] == 6

        validation = json.loads((work_dir / 'results' / 'val.json').read_text())
        checkpoint = work_dir / 'best_mIoU.pth'
        best = torch.load(checkpoint, weights_only=True)['meta']['epoch']
        scores = []
        for processes in ('1', '2'):
            finished = run_script('test.sh', 's4', toy_config, checkpoint, *QUIET, GPUS=processes)
            assert finished.returncode == 0, finished.stderr
            result = json.loads((work_dir / 'results' / 'test.json').read_text())
            assert result['num_processes'] == int(processes)
            scores.append(result['metrics'])
        # The toy's validation and test data are the same.
        assert scores[0] == scores[1] == validation[best - 1]['metrics']

    def test_resume(self, run_script, toy_config, tmp_path):
        """Two processes that stop and go on end as two that do not."""
        ends = []
        for name, stops in (('whole', ()), ('parts', ('default_hooks.stop.type=StopHook',))):
            options = ('--work-dir', name, *QUIET, 'train_dataloader.num_workers=1', *stops)
            finished = run_script('train.sh', 's4', toy_config, *options, GPUS='2')
            if stops:
                assert finished.returncode != 0
                words = ('--resume', '--allow-changes', 'default_hooks', *options[:-1])
                finished = run_script('train.sh', 's4', toy_config, *words, GPUS='2')
            assert finished.returncode == 0, finished.stderr
            ends.append(torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True))
        for key, value in ends[0]['state_dict'].items():
            assert torch.equal(value, ends[1]['state_dict'][key]), key
        states = [end['rng_states'] for end in ends]
        assert len(states[0]) == 2
        assert all(torch.equal(a['torch'], b['torch']) for a, b in zip(*states, strict=True))

    def test_signal(self, run_script, toy_config, tmp_path):
        """Sent to the launcher, as batch systems do: both stop at the same step, and go on."""
        options = ('--work-dir', 'run', *QUIET)
        hook = 'default_hooks.signal.type=SignalHook'
        finished = run_script('train.sh', 's4', toy_config, *options, hook, GPUS='2')
        assert finished.returncode == 128 + signal.SIGTERM, finished.stderr
        assert finished.stderr.strip().splitlines()[-1] == 'interrupted by SIGTERM'
        meta = torch.load(tmp_path / 'run' / 'interrupted.pth', weights_only=True)['meta']
        assert meta['num_processes'] == 2 and 1 < meta['iter'] < 6
        words = ('s4', toy_config, '--resume', '--allow-changes', 'default_hooks', *options)
        finished = run_script('train.sh', *words, GPUS='2')
        assert finished.returncode == 0, finished.stderr
        names = {path.name for path in (tmp_path / 'run').glob('*.pth')}
        assert 'epoch_3.pth' in names and 'interrupted.pth' not in names

    def test_one_error_for_all(self, run_script, toy_config):
        finished = run_script('train.sh', 'ms3', toy_config, GPUS='2')
        assert finished.returncode == 2
        assert finished.stderr.strip().splitlines()[-1].startswith("error: the command says 'ms3'")
        assert len(_errors(finished.stderr)) == 1

    def test_error_in_one_process(self, run_script, toy_config):
        """Shuffled, the broken clip belongs to one process; the other one is ended."""
        options = (*QUIET, 'train_dataloader.dataset.broken=3')
        finished = run_script('train.sh', 's4', toy_config, *options, GPUS='2', timeout=120)
        assert finished.returncode == 2
        assert _errors(finished.stderr) == ['error: clip_3.png: truncated']
