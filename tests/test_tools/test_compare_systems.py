import json
import re
import shutil
import sys
import types
from pathlib import Path

import pandas as pd
import pytest
from test_compare_results import CATEGORIES, write_result

from avsbench.analysis.complexity import Complexity, build_model
from avsbench.commands.main import run_verb
from avsbench.commands.synthetic import listening, scripts, systems
from avsbench.commands.synthetic.listening import WITHOUT_AUDIO, Run
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.registry import SYSTEMS
from avsbench.utils.errors import AVSBenchError, ConfigError, DataError

CLIPS = 30


def quality(system: str) -> float:
    return 0.5 + 0.05 * sorted(SYSTEMS.module_dict).index(system)


def write_training(work_dir: Path) -> None:
    """The checkpoints of a training that came to its end."""
    work_dir.mkdir(parents=True, exist_ok=True)
    system = work_dir.name.split('_')[0]
    epochs = load_config(CONFIG_ROOT / f's4/{system}_demo.py').train_cfg.max_epochs
    for name in ('best_mIoU.pth', f'epoch_{epochs}.pth'):
        (work_dir / name).write_bytes(b'')


def remove_results(work_dir: Path) -> None:
    for folder in list(work_dir.rglob('results')):
        shutil.rmtree(folder)


class Measured(str):
    """The name of a training in place of what was measured of it."""

    def value(self, condition: str, metric: str) -> float:
        return {'noise': 0.25, 'off_screen': 0.5, 'swapped': 0.125}[condition]


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """The tool, with trainings that take no time; `tool.trained` and `tool.tested` list them."""
    module = types.SimpleNamespace(trained=[], tested=[], measured=[])

    def tested(subset, config, seed, work_dir, minutes) -> Run:
        name, system = config.name, config.name.split('_')[0]
        for folder, value in ((work_dir, quality(system)), (work_dir / WITHOUT_AUDIO, 0.125)):
            write_result(folder, value + 0.01 * seed, seed=seed, subset=subset)
        j = json.loads((work_dir / 'results/test.json').read_text())['metrics']['mIoU']
        return Run(subset, name, seed, False, minutes, j, 0.6, 0.125, 1 / 3)

    def listen(subset: str, config: Path, seed: int, work_dir: Path) -> Run:
        module.trained.append((subset, config.name, seed))
        write_training(work_dir)
        remove_results(work_dir)
        return tested(subset, config, seed, work_dir, 4.25)

    def test_training(subset, config, *others) -> Run:
        module.tested.append((subset, config.name, others[0]))
        remove_results(others[1])
        return tested(subset, config, *others)

    def complexity(cfg) -> Complexity:
        return Complexity(5, (64, 64), 12_340_000, 0, 2_500_000_000, {}, {}, 0, 0, 'reference')

    def evaluate(config, checkpoint, folder, overwrite) -> Measured:
        module.measured.append(f'{checkpoint.parent.name}/{checkpoint.name}')
        folder.mkdir(exist_ok=True)
        (folder / 'robustness.json').write_text('')
        return Measured(folder.parent.name)

    ceilings = {'audio_blind': {'bound_J': 0.3333}, 'time_blind': {'bound_J': 0.4}}
    truth = [
        {'clip_id': f'{CATEGORIES[clip % 3]}/v{clip}', 'group': f'scene{clip // 3}'}
        for clip in range(CLIPS)
    ]
    monkeypatch.setattr(systems, 'listen', listen)
    monkeypatch.setattr(systems, 'test_training', test_training)
    monkeypatch.setattr(systems, 'complexity', complexity)
    monkeypatch.setattr(systems, 'evaluate_robustness', evaluate)
    monkeypatch.setattr(systems, 'read_robustness', lambda folder: Measured(folder.parent.name))
    monkeypatch.setattr(systems, 'systems_table', lambda found: f'robust {found}\n')
    monkeypatch.setattr(systems, 'load_ceilings', lambda root: {'test': ceilings})
    monkeypatch.setattr(systems, 'load_truth', lambda root: truth)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        run_verb('synthetic systems', list(words))
        return next(Path('work_dir/comparison').glob('*.md')).read_text()

    module.run = run
    return module


def rows_of(text: str, header: str) -> list[list[str]]:
    """Cells of the table whose header line begins so."""
    lines = text[text.index(header) :].split('\n\n')[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]


def test_all_systems_over_seeds(tool, tmp_path) -> None:
    text = tool.run('--subset', 'ms3', '--seeds', '7', '9')
    names = sorted(SYSTEMS.module_dict)
    assert tool.trained == [('ms3', f'{name}_demo.py', s) for name in names for s in (7, 9)]
    assert 'ms3-like twin test split, 10 scenes, seeds 7, 9; 95 % intervals (percentile) over' in (
        text
    )
    assert 'seeds and scenes' in text and '0.333 without sound, 0.400 without time' in text
    rows = rows_of(text, '| system')
    assert [row[0] for row in rows] == [SYSTEMS.get(name).title for name in names]
    assert rows[0][1:4] == ['12.3 M', '2.50', '2'] and rows[0][-3] == '0.125'
    assert rows[0][-1] == '4.2'
    folder = tmp_path / 'work_dir/comparison/ms3'
    tables = [
        pd.read_csv(folder / f'{names[0]}_demo_seed{seed}/results/scores.csv') for seed in (7, 9)
    ]
    mean = sum(table.IoU.mean() for table in tables) / 2
    value, low, high = map(float, re.findall(r'\d\.\d+', rows[0][4]))
    assert value == pytest.approx(mean, abs=6e-4) and low < value < high
    assert float(rows[0][-2]) == pytest.approx(mean - 0.125, abs=2e-3)
    wins = rows_of(text, '| wins')
    assert wins[-1][1] == '**10**' and wins[0][-1] == '**0**' and wins[0][1] == ''


def test_other_sounds(tool) -> None:
    words = ('--systems', 'catr', '--seeds', '0', '1')
    text = tool.run(*words)
    assert "robust {'CATR': ['catr_demo_seed0', 'catr_demo_seed1']}" in text
    first = ['catr_demo_seed0/best_mIoU.pth', 'catr_demo_seed1/best_mIoU.pth']
    assert tool.measured == first
    assert tool.run(*words) == text and tool.measured == first  # kept
    assert 'robust' not in tool.run(*words, '--no-robustness')
    tool.run('--systems', 'catr', '--seeds', '1', '--again')
    assert tool.measured == [*first, first[1]]  # of the new training


def test_twins_are_resampled_together(tool, monkeypatch) -> None:
    """With all clips of one scene there is nothing to resample."""
    monkeypatch.setattr(
        systems,
        'load_truth',
        lambda root: [
            {'clip_id': f'{CATEGORIES[clip % 3]}/v{clip}', 'group': 'one'} for clip in range(CLIPS)
        ],
    )
    row = rows_of(tool.run('--systems', 'catr', '--seeds', '0'), '| system')[0]
    value, low, high = re.findall(r'\d\.\d+', row[4])
    assert value == low == high


def test_same_head_on_other_encoders(tool, tmp_path) -> None:
    backbones = ('resnet10t', 'vit_tiny_patch16_224')
    words = ('--systems', 'tpavi', '--seeds', '0', '1', '--backbones', *backbones)
    text = tool.run(*words)
    names = [f'tpavi_demo_{name}' for name in backbones]
    assert tool.trained == [('s4', f'{name}.py', seed) for name in names for seed in (0, 1)]
    assert [row[0] for row in rows_of(text, '| system')] == [f'TPAVI, {name}' for name in backbones]
    assert rows_of(text, '| wins')[0][0] == 'TPAVI, resnet10t'
    own = [load_config(tmp_path / 'work_dir/comparison/config/s4' / f'{name}.py') for name in names]
    demo = load_config(CONFIG_ROOT / 's4/tpavi_demo.py')
    assert own[0].model.backbone == dict(type='TimmBackbone', model_name='resnet10t', weights=None)
    assert own[1].model.backbone.type == 'SimpleFeaturePyramid'
    assert all(cfg.model.decode_head == demo.model.decode_head for cfg in own)
    assert all(cfg.train_dataloader == demo.train_dataloader for cfg in own)
    network = build_model(own[1])
    assert network.backbone.out_strides == (4, 8, 16, 32)
    document = tmp_path / 'encoders.md'
    marks = (
        '<!-- begin compare_systems s4 backbones -->',
        '<!-- end compare_systems s4 backbones -->',
    )
    document.write_text('\n'.join(marks))
    tool.run(*words, '--documents', str(document))
    assert len(tool.trained) == 4  # kept
    assert document.read_text() == f'{marks[0]}\n\n{text.strip()}\n\n{marks[1]}'
    folder = tmp_path / 'work_dir/comparison'  # tables of the demos would be s4.md
    assert (folder / 's4_backbones.md').is_file() and not (folder / 's4.md').exists()
    with pytest.raises(ConfigError, match='resnet10x.*did you mean'):
        tool.run('--systems', 'tpavi', '--backbones', 'resnet10x')
    with pytest.raises(SystemExit):
        tool.run('--backbone-weights', 'timm')


def test_one_seed_says_so(tool) -> None:
    text = tool.run('--systems', 'catr', '--seeds', '0')
    assert 'over scenes alone, since a system has one seed' in text
    assert rows_of(text, '| system')[0][6] == '' and '| wins' not in text


def test_what_is_finished_is_kept(tool, tmp_path) -> None:
    tool.run('--systems', 'catr', '--seeds', '0')
    tool.run('--systems', 'catr', 'tpavi', '--seeds', '0')
    assert tool.trained == [('s4', 'catr_demo.py', 0), ('s4', 'tpavi_demo.py', 0)]
    assert tool.tested == []
    record = tmp_path / 'work_dir/comparison/s4/catr_demo_seed0/listening.json'
    assert json.loads(record.read_text())['minutes'] == 4.25
    tool.run('--systems', 'catr', '--seeds', '0', '--again')
    assert len(tool.trained) == 3


def test_finished_trainings_without_both_results_are_tested_again(tool, tmp_path) -> None:
    """The result of one folder alone may be that of the test without audio."""
    folder = tmp_path / 'work_dir/comparison/s4/catr_demo_seed0'
    write_training(folder)
    old = Run('s4', 'catr_demo.py', 0, False, 6.5, 0.4, 0.5, 0.2, 1 / 3)
    (folder / 'listening.json').write_text(json.dumps(vars(old)))
    text = tool.run('--systems', 'catr', '--seeds', '0')
    assert tool.tested == [('s4', 'catr_demo.py', 0)] and not tool.trained
    record = json.loads((folder / 'listening.json').read_text())
    assert record['minutes'] == 6.5 and record['score'] != 0.4
    assert rows_of(text, '| system')[0][-1] == '6.5'
    (folder / 'listening.json').unlink()  # killed between training and test
    assert rows_of(tool.run('--systems', 'catr', '--seeds', '0'), '| system')[0][-1] == ''
    assert len(tool.tested) == 2 and not tool.trained


def test_only_what_is_finished(tool, tmp_path) -> None:
    tool.run('--systems', 'catr', '--seeds', '0', '1')
    tool.run('--systems', 'tpavi', '--seeds', '0')
    running = tmp_path / 'work_dir/comparison/s4/tpavi_demo_seed1'
    write_training(running)
    (running / 'training.lock').write_text('')
    trained = len(tool.trained)
    text = tool.run('--systems', 'catr', 'tpavi', '--seeds', '0', '1', '--finished')
    assert len(tool.trained) == trained
    assert [row[3] for row in rows_of(text, '| system')] == ['2', '1']
    assert 'not every system has all' in text and 'over scenes alone' in text
    with pytest.raises(ConfigError, match='no finished training of combo_demo with the seeds 0, 1'):
        tool.run('--systems', 'catr', 'combo', '--seeds', '0', '1', '--finished')


def test_document(tool, tmp_path) -> None:
    document = tmp_path / 'README.md'
    document.write_text(
        'Before\n<!-- begin compare_systems s4 -->\nold\n<!-- end compare_systems s4 -->\nAfter\n'
    )
    text = tool.run('--systems', 'catr', '--seeds', '0', '--readme', str(document))
    content = document.read_text()
    assert content.startswith('Before\n') and content.endswith('-->\nAfter\n')
    assert text.strip() in content and 'old' not in content
    tool.run('--systems', 'catr', '--seeds', '0', '--readme', str(document))
    assert document.read_text() == content
    short = '<!-- begin compare_systems s4 short -->\n<!-- end compare_systems s4 short -->\n'
    document.write_text(short)
    tool.run('--systems', 'catr', '--seeds', '0', '--documents', str(document))
    (row,) = rows_of(document.read_text(), '| system')
    assert row[0] == 'CATR' and len(row) == 6 and '[' in row[1] and row[4]
    tool.run('--systems', 'catr', '--seeds', '0', '1', '--documents', str(document))
    (row,) = rows_of(document.read_text(), '| system')  # means; standard deviations are in the long
    assert all(re.fullmatch(r'\d\.\d{3}', cell) for cell in row[2:])
    document.write_text('no marks')
    with pytest.raises(DataError, match='expected one line <!-- begin compare_systems s4 -->'):
        tool.run('--systems', 'catr', '--seeds', '0', '--readme', str(document))


def test_trainings_are_checked_before_the_first(tool, tmp_path) -> None:
    with pytest.raises(ConfigError, match='--seed=-1, expected a whole number'):
        tool.run('--systems', 'catr', '--seeds', '-1')
    begun = tmp_path / 'work_dir/comparison/s4/tpavi_demo_seed0'
    begun.mkdir(parents=True)
    (begun / 'epoch_1.pth').write_bytes(b'')
    with pytest.raises(ConfigError, match=r'tpavi_demo_seed0: holds a training .*pass --again'):
        tool.run('--systems', 'catr', 'tpavi', '--seeds', '0')
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='can not be used as work dir'):
        tool.run('--systems', 'catr', '--out', str(tmp_path / 'file'))
    for words in (('--seeds', '0', '0'), ('--again', '--finished')):
        with pytest.raises(SystemExit):
            tool.run(*words)
    assert not tool.trained
    tool.run('--systems', 'tpavi', '--seeds', '0', '--again')
    assert tool.trained


def test_every_system_has_its_small_configs() -> None:
    SYSTEMS.import_from_location()
    for subset in ('s4', 'ms3'):
        found = {path.name for path in CONFIG_ROOT.glob(f'{subset}/*_demo.py')}
        assert found == {f'{name}_demo.py' for name in SYSTEMS.module_dict}


def test_failed_training_shows_the_end_of_its_log(monkeypatch, tmp_path) -> None:
    program = [sys.executable, '-c', 'print("first")\nraise SystemExit("the reason")']
    monkeypatch.setattr(scripts, 'command_of', lambda *words: [*program, *words])
    with pytest.raises(
        AVSBenchError, match=r'train s4 .*failed, see .*train.log:\nfirst\nthe reason'
    ):
        listening.listen('s4', 'demo.py', 0, tmp_path / 'work')


def test_the_result_without_audio_is_beside_the_other(monkeypatch, tmp_path) -> None:
    calls = []

    def run_script(verb: str, *words: str, log: Path) -> None:
        folder = Path(words[words.index('--work-dir') + 1])
        value = 0.2 if listening.MUTE in words else 0.5
        calls.append((verb, folder.name, value))
        (folder / 'results').mkdir(parents=True)
        metrics = {'metrics': {'mIoU': value, 'F_all': value}}
        (folder / 'results/test.json').write_text(json.dumps(metrics))

    ceilings = {'test': {'audio_blind': {'bound_J': 0.3}}}
    monkeypatch.setattr(listening, 'load_ceilings', lambda root: ceilings)
    monkeypatch.setattr(listening, 'run_script', run_script)
    run = listening.test_training('s4', 'demo.py', 0, tmp_path / 'work', None)
    assert calls == [('test', 'work', 0.5), ('test', WITHOUT_AUDIO, 0.2)]
    assert (run.score, run.score_when_muted, run.minutes) == (0.5, 0.2, None)
