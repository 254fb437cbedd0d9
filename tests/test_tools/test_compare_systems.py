import importlib.util
import json
import sys
from pathlib import Path

import pytest

from avsbench.analysis.complexity import Complexity
from avsbench.config.paths import CONFIG_ROOT
from avsbench.registry import SYSTEMS
from avsbench.utils.errors import AVSBenchError, ConfigError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))

from synthetic_data import listening, scripts  # noqa: E402
from synthetic_data.listening import Run  # noqa: E402


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """The tool, with trainings that take no time; `tool.trained` lists them."""
    spec = importlib.util.spec_from_file_location('compare', ROOT / 'tools' / 'compare_systems.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.trained = []

    def listen(subset: str, name: str, seed: int, work_dir: Path) -> Run:
        module.trained.append((subset, name, seed))
        return Run(subset, name, seed, False, 4.25, 0.5, 0.6, 0.125, 1 / 3)

    def complexity(cfg) -> Complexity:
        return Complexity(5, (64, 64), 12_340_000, 0, 2_500_000_000, {}, {}, 0, 0, 'reference')

    ceilings = {
        'test': {
            kind: {'bound_J': value}
            for kind, value in (('audio_blind', 0.3333), ('time_blind', 0.4))
        }
    }
    monkeypatch.setattr(module, 'listen', listen)
    monkeypatch.setattr(module, 'complexity', complexity)
    monkeypatch.setattr(module, 'load_ceilings', lambda root: ceilings)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, 'argv', ['compare_systems.py', *words])
        return module.main()

    module.run = run
    return module


def test_one_table_of_all_systems(tool, tmp_path, capsys) -> None:
    assert tool.run('--subset', 'ms3', '--seed', '7') == 0
    names = sorted(SYSTEMS.module_dict)
    assert tool.trained == [('ms3', f'{name}_demo.py', 7) for name in names]
    table = (tmp_path / 'work_dir/comparison/ms3.md').read_text().splitlines()
    assert 'ms3-like' in table[0] and '0.333 without sound, 0.400 without time' in table[0]
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in table[4:]]
    assert [row[0] for row in rows] == [SYSTEMS.get(name).title for name in names]
    assert rows[0][1:] == ['12.3 M', '2.50', '0.500', '0.600', '0.125', '0.375', '4.2']
    assert 'owed to sound' in capsys.readouterr().out


def test_what_is_finished_is_kept(tool, tmp_path) -> None:
    tool.run('--systems', 'catr')
    tool.run('--systems', 'catr', 'tpavi')
    assert tool.trained == [('s4', 'catr_demo.py', 0), ('s4', 'tpavi_demo.py', 0)]
    record = tmp_path / 'work_dir/comparison/s4/catr_demo_seed0/listening.json'
    assert json.loads(record.read_text())['score'] == 0.5
    tool.run('--systems', 'catr', '--again')
    assert len(tool.trained) == 3


def test_trainings_are_checked_before_the_first(tool, tmp_path) -> None:
    with pytest.raises(ConfigError, match='--seed=-1, expected a whole number'):
        tool.run('--systems', 'catr', '--seed', '-1')
    begun = tmp_path / 'work_dir/comparison/s4/tpavi_demo_seed0'
    begun.mkdir(parents=True)
    (begun / 'epoch_1.pth').write_bytes(b'')
    with pytest.raises(ConfigError, match=r'tpavi_demo_seed0: holds a training .*pass --again'):
        tool.run('--systems', 'catr', 'tpavi')
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='can not be used as work dir'):
        tool.run('--systems', 'catr', '--out', str(tmp_path / 'file'))
    assert not tool.trained
    tool.run('--systems', 'tpavi', '--again')
    assert tool.trained


def test_every_system_has_its_small_configs() -> None:
    SYSTEMS.import_from_location()
    for subset in ('s4', 'ms3'):
        found = {path.name for path in CONFIG_ROOT.glob(f'{subset}/*_demo.py')}
        assert found == {f'{name}_demo.py' for name in SYSTEMS.module_dict}


def test_failed_training_shows_the_end_of_its_log(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(
        listening, 'load_ceilings', lambda root: {'test': {'audio_blind': {'bound_J': 0.3}}}
    )
    (tmp_path / 'train.py').write_text('print("first")\nraise SystemExit("the reason")\n')
    monkeypatch.setattr(scripts, 'ROOT', tmp_path)
    with pytest.raises(
        AVSBenchError, match=r'train.py s4 .*failed, see .*train.log:\nfirst\nthe reason'
    ):
        listening.listen('s4', 'demo.py', 0, tmp_path / 'work')
