import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from avsbench.synthetic import Settings, generate, generator, load_ceilings, load_truth
from avsbench.utils.errors import ConfigError, DataError

SCRIPT = Path(__file__).parents[2] / 'tools' / 'synthetic.py'
SMALL = ['--train', '1', '--val', '1', '--test', '1', '--workers', '1']


@pytest.fixture
def run(tool):
    """Runs the command in this process: exit code, standard output, standard error."""
    return lambda *arguments: tool('synthetic', 'clips', *arguments)


def test_command_works_with_two_processes(tmp_path):
    options = ['--subset', 's4', '--out', tmp_path, *SMALL[:-1], '2']
    command = [sys.executable, SCRIPT, 'clips', *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f'{tmp_path / "Single-source"}: 5 clips' in done.stdout
    assert '100%' in done.stderr


def test_all_subsets_are_made_beside_each_other(run, tmp_path):
    code, text, _ = run('--subset', 'all', '--out', tmp_path, *SMALL)
    assert code == 0
    for folder, best in (('Single-source', 1 / 3), ('Multi-sources', 1 / 3), ('AVSS', 1 / 2)):
        assert load_ceilings(tmp_path / folder)['test']['audio_blind']['J'] == pytest.approx(best)
        assert f'{tmp_path / folder}: ' in text


def test_options_reach_the_tree(run, tmp_path, settings_of):
    options = ['--tier', 'T2', '--tier', 'T3', '--grid', '0.96', '--snr', 'inf', '--decoys', '1']
    options += ['--seed', '3', '--state-seed', '4', '--tell', '--size', '224', '--write-log-mel']
    code, text, _ = run('--subset', 's4', '--out', tmp_path, *SMALL, *options)
    assert code == 0 and 'do not hold' in text
    root = tmp_path / 'Single-source'
    assert settings_of(root) == Settings(
        subset='s4',
        size=224,
        seed=3,
        state_seed=4,
        tiers=('T2', 'T3'),
        tell=True,
        grid=0.96,
        snr=float('inf'),
        decoys=1,
        train=1,
        val=1,
        test=1,
        write_log_mel=True,
    )
    clip = load_truth(root)[0]
    assert len(clip['decoys']) == 1 and len(clip['candidates']) == 4
    where = root / 's4_data' / 'audio_log_mel' / 'train' / f'{clip["clip_id"]}.pkl'
    patches = pickle.loads(where.read_bytes())
    assert patches.shape == (5, 1, 96, 64) and patches.requires_grad
    silence = np.log(0.01)
    assert patches[:, :, 10:-10].max() > silence + 2


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--subset', 's5', '--out', 'x'], 'invalid choice'),
        (['--subset', 's4'], '--out'),
        (['--subset', 's4', '--out', 'x', '--size', '100'], '--size'),
        (['--subset', 's4', '--out', 'x', '--tier', 'T5'], '--tier'),
        (['--subset', 's4', '--out', 'x', '--train', '-1'], '--train: got -1, expected 0 or more'),
        (['--subset', 's4', '--out', 'x', '--snr', 'nan'], '--snr: got nan dB'),
        (['--subset', 's4', '--out', 'x', '--decoys', '7'], '--decoys: got 7, expected 0 to 6'),
        (['--subset', 'all', '--out', 'x', '--decoys', '5'], '--decoys: got 5, expected 0 to 4'),
        (
            ['--subset', 's4', '--out', 'x', '--train', '0', '--val', '0', '--test', '0'],
            'all are 0',
        ),
        (['--subset', 's4', '--out', 'x', '--workers', '-1'], '--workers: got -1'),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_written(
    run, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    code, _, error = run(*arguments)
    assert code == 2 and message in error and 'Traceback' not in error
    assert not list(tmp_path.iterdir())


def test_settings_name_the_nearest_valid_value():
    with pytest.raises(ConfigError, match="did you mean 'avss'"):
        Settings('avs')


def test_an_output_folder_that_cannot_be_made_is_named(run, tmp_path):
    (tmp_path / 'file').write_text('')
    code, _, error = run('--subset', 's4', '--out', tmp_path / 'file', *SMALL)
    assert code == 2 and str(tmp_path / 'file') in error and 'Traceback' not in error


def test_foreign_files_are_neither_replaced_nor_deleted(run, tmp_path):
    root = tmp_path / 'Single-source'
    root.mkdir()
    (root / 'notes.txt').write_text('mine')
    arguments = ('--subset', 's4', '--out', tmp_path, *SMALL)
    code, _, error = run(*arguments)
    assert code == 2 and 'notes.txt' in error and '--overwrite' in error
    assert [path.name for path in root.iterdir()] == ['notes.txt']
    assert run(*arguments, '--overwrite')[0] == 0
    assert run(*arguments, '--overwrite', '--seed', '1')[0] == 0
    assert (root / 'notes.txt').read_text() == 'mine' and load_ceilings(root)


def test_a_real_data_set_is_never_replaced(run, tmp_path):
    root = tmp_path / 'Single-source'
    root.mkdir()
    (root / 's4_meta_data.csv').write_text('name,start,category,split\n')
    code, _, error = run('--subset', 's4', '--out', tmp_path, '--overwrite', *SMALL)
    assert code == 2 and 's4_meta_data.csv' in error and 'real data set' in error
    assert [path.name for path in root.iterdir()] == ['s4_meta_data.csv']


def test_a_complete_tree_is_reused_and_another_is_replaced_on_request(tmp_path):
    root = generate('s4', tmp_path, train=2, val=1, test=1)
    stamp = (root / 'truth.json').stat().st_mtime_ns
    assert generate('s4', tmp_path, train=2, val=1, test=1) == root
    assert (root / 'truth.json').stat().st_mtime_ns == stamp
    with pytest.raises(DataError, match='with other settings.*--overwrite'):
        generate('s4', tmp_path, train=1, val=1, test=1)
    generate('s4', tmp_path, train=1, val=1, test=1, overwrite=True)
    assert not list(root.rglob('s4_train_0001*'))
    assert len(load_truth(root)) == 5


def test_an_interrupted_generation_is_recognised(tmp_path, monkeypatch, digests):
    write_scene, done = generator.write_scene, []

    def interrupted(*arguments):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments)
        return write_scene(*arguments)

    counts = {'train': 2, 'val': 1, 'test': 1}
    monkeypatch.setattr(generator, 'write_scene', interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate('ms3', tmp_path / 'a', **counts)
    monkeypatch.undo()
    root = tmp_path / 'a' / 'Multi-sources'
    assert list(root.rglob('*.wav'))
    with pytest.raises(DataError, match='not a complete synthetic tree'):
        load_ceilings(root)
    with pytest.raises(DataError, match='not finished.*--overwrite'):
        generate('ms3', tmp_path / 'a', **counts)
    generate('ms3', tmp_path / 'a', overwrite=True, **counts)
    assert digests(root) == digests(generate('ms3', tmp_path / 'b', **counts))


def test_counts_of_avss_keep_the_mixture(tmp_path):
    settings = Settings('avss', preset='default', train=30, test=0)
    train = {part.name: settings.num_scenes(part, 'train') for part in settings.parts}
    assert train == {'v2': 30, 'v1m': 4, 'v1s': 4}
    assert all(settings.num_scenes(part, 'test') == 0 for part in settings.parts)
    assert all(settings.num_scenes(part, 'val') > 0 for part in settings.parts)
    root = generate('s4', tmp_path, train=0, val=0, test=1)
    assert set(load_ceilings(root)) == {'test', 'overall'}
