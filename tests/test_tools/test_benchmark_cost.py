"""Frames a second, and what a training costs: what is measured, counted and written."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
SMALL = ('--config', 's4/demo.py', '--frames', '2', '--size', '32', '--threads', '1')


@pytest.fixture(scope='module')
def cost():
    """The module of tools/benchmarks."""
    sys.path.insert(0, str(ROOT / 'tools'))
    yield importlib.import_module('benchmarks.cost')
    sys.path.remove(str(ROOT / 'tools'))


@pytest.mark.parametrize(
    ('config', 'steps'),
    [
        ('s4/avsegformer_pvt2.py', 30 * 1726),  # 30 epochs of 3452 clips, 2 a step
        ('s4/combo_pvt2.py', 90_000),
    ],
)
def test_steps_of_a_training(cost, config, steps) -> None:
    assert cost.count_steps(load_config(config_file(config))) == steps


def test_steps_where_the_number_of_clips_is_not_known(cost) -> None:
    cfg = load_config(config_file('davis/medvt_demo.py'))
    with pytest.raises(ConfigError, match='medvt_demo.py: .* add --trained-clips'):
        cost.count_steps(cfg)
    assert cost.count_steps(cfg, 9) == 2 * cfg.train_cfg.max_epochs


@pytest.mark.slow
def test_measured_rows_and_their_page(tool, tmp_path) -> None:
    rows, table = tmp_path / 'rows.jsonl', tmp_path / 'cost.md'
    done = tool('benchmark', 'fps', *SMALL, '--rounds', '1', '--json', rows)
    assert done.code == 0, done.err
    done = tool('benchmark', 'cost', *SMALL, '--steps', '2', '--json', rows)
    assert done.code == 0, done.err
    fps, training = map(json.loads, rows.read_text().splitlines())
    assert fps['frames_per_second']['without'] > 0 and fps['frames_per_second']['with'] > 0
    assert training['hours'] == training['steps'] * training['step_ms'] / 3.6e6
    assert 0.2 < training['gib'] < 8 and training['watts'] is None
    assert tool('benchmark', 'cost', '--rows', rows, '--table', table).code == 0
    (line,) = [line for line in table.read_text().splitlines() if line.startswith('| s4/demo.py')]
    assert f'{training["step_ms"]:.0f}' in line or f'{training["step_ms"]:.2f}' in line
    assert '1 threads' in line and training['date'] in line  # one line of both rows
