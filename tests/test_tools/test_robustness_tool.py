"""tools/robustness.py: what it prints, where it writes, and what it refuses."""

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'test_analysis'))

from listeners import make_tones, write_checkpoint, write_config, write_pairs_csv


@pytest.fixture
def run(tool, tmp_path, monkeypatch):
    """Run the tool on two tones, in `tmp_path`."""
    config, checkpoint = write_config(tmp_path, make_tones(tmp_path)), write_checkpoint(tmp_path)
    monkeypatch.chdir(tmp_path)
    quick = ('--resamples', 100, '--conditions', 'silence', 'swapped')

    def call(*words, quick=quick):
        return tool('robustness', *words, *quick)

    call.config, call.checkpoint = config, checkpoint
    return call


def test_one_network(run, tmp_path) -> None:
    done = run(run.config, run.checkpoint)
    assert done.code == 0, done.err
    assert '| silence | nothing | 4 |' in done.out
    out = tmp_path / 'work_dir/s4/toylistener_s4/robustness'
    table = pd.read_csv(out / 'robustness.csv').set_index(['condition', 'metric'])
    assert table.value[('silence', 'FPR')] == 0 and table.value[('swapped', 'J')] == 1
    again = run(run.config, run.checkpoint)
    assert again.code == 2 and 'holds robustness.md; choose another folder' in again.err


def test_several_systems(run, tmp_path) -> None:
    network = (run.config, run.checkpoint)
    systems = ('--system', 'one', *network, '--system', 'two', *network, run.checkpoint)
    done = run(*systems, '--out', 'out')
    assert done.code == 0, done.err
    text = (tmp_path / 'out/systems.md').read_text()
    assert '| system | original: J | silence: FPR | swapped: J |' in text
    assert '| two | 1.000 ± 0.000 | 0.000 ± 0.000 | 1.000 ± 0.000 |' in text
    folders = [tmp_path / 'out' / name for name in ('one', 'two/0', 'two/1')]
    pairs = [pd.read_csv(folder / 'mapping.csv').replacement.tolist() for folder in folders]
    assert pairs[0] == pairs[1] == pairs[2]


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['config.py'], 'expected a config and a checkpoint'),
        (['--system', 'a', 'config.py', '--out', 'out'], '--system a: expected a name, a config'),
        (['--system', 'a', 'b', 'c'], '--out DIR'),
        (['--system', '../a', 'b', 'c', '--out', 'out'], 'names of folders'),
        (['x.py', 'y', '--system', 'a', 'b', 'c', '--out', 'out'], 'beside those with it'),
        (['no.py', 'no.pth'], 'no.py: no such config file'),
        (['CONFIG', 'no.pth'], 'no.pth'),
        (['CONFIG', 'CHECKPOINT', '--mapping', 'no.csv'], 'no.csv: no such file'),
        (['CONFIG', 'CHECKPOINT', '--mapping', 'pairs.csv'], 'dog_barking/rex'),
        (['CONFIG', 'CHECKPOINT', '--delays', '9'], 'delay of 9 s'),
    ],
)
def test_what_is_refused(run, tmp_path, words, message) -> None:
    row = ('swapped', 'dog_barking/rex', 'dog_barking/dog1')
    write_pairs_csv(tmp_path / 'pairs.csv', [row])
    given = {'CONFIG': run.config, 'CHECKPOINT': run.checkpoint}
    done = run(*(given.get(word, word) for word in words))
    assert done.code == 2 and message in done.err, done.err


def test_unknown_conditions(run) -> None:
    done = run(run.config, run.checkpoint, quick=('--conditions', 'silnce'))
    assert done.code == 2 and "did you mean 'silence'" in done.err
