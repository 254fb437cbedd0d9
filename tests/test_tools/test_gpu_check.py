import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def gpu_check():
    spec = importlib.util.spec_from_file_location('gpu_check', ROOT / 'tools' / 'gpu_check.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules['gpu_check'] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules['gpu_check']


def python(code: str) -> list[str]:
    return [sys.executable, '-c', code]


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_without_a_gpu_one_line_and_exit_code_2(run_script, tmp_path) -> None:
    done = run_script('tools/gpu_check.sh', '--out', tmp_path / 'figures.json')
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith('gpu_check: nothing checked: PyTorch ')
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / 'figures.json').exists()


def test_without_python_one_line_and_exit_code_2(run_script) -> None:
    done = run_script('tools/gpu_check.sh', PYTHON='no-such-python')
    assert done.returncode == 2
    assert done.stderr.startswith("error: no 'no-such-python' here")


def test_a_failed_part_does_not_stop_the_others(gpu_check, monkeypatch, tmp_path, capsys) -> None:
    part = gpu_check.Part
    many = 'for i in range(40): print(i)\n'
    made = {
        'good': part('good', python('print("well")'), 60, figures=lambda: {'answer': 42}),
        'bad': part('bad', python(many + 'raise SystemExit(3)'), 60),
        'slow': part('slow', python('import time; time.sleep(60)'), 0.5),
        'missing': part('missing', ['/no/such/program'], 60),
        'no_figures': part('no_figures', python(''), 60, figures=lambda: 1 / 0),
        'sanitizer': part('sanitizer', python('raise SystemExit(86)'), 60),
        'unusable': part('unusable', python('exit("Not for you")'), 60, unusable='Not for'),
        'absent': part('absent', [], 60, absent='not installed'),
    }
    monkeypatch.setattr(gpu_check, 'PARTS', {k: lambda folder, p=p: p for k, p in made.items()})
    monkeypatch.setattr(gpu_check, 'missing_gpu', lambda: '')
    monkeypatch.setattr(gpu_check, 'describe_machine', lambda: {'gpu': 'none'})
    out = tmp_path / 'new' / 'figures.json'
    monkeypatch.setattr(sys, 'argv', ['gpu_check.py', '--out', str(out)])
    assert gpu_check.main() == 1
    report = json.loads(out.read_text())
    assert report['machine'] == {'gpu': 'none'} and report['date'].endswith('+00:00')
    assert report['environment']['torch'] == torch.__version__
    parts = {entry['name']: entry for entry in report['parts']}
    assert {name: entry['status'] for name, entry in parts.items()} == {
        'good': 'passed',
        'bad': 'failed',
        'slow': 'failed',
        'missing': 'failed',
        'no_figures': 'failed',
        'sanitizer': 'failed',
        'unusable': 'absent',
        'absent': 'absent',
    }
    assert parts['good']['figures'] == {'answer': 42}
    assert parts['bad']['detail'] == 'exit code 3' and parts['bad']['tail'][-1] == '39'
    assert len(parts['bad']['tail']) == gpu_check.TAIL_LINES
    assert 'limit' in parts['slow']['detail'] and parts['slow']['seconds'] < 30
    assert 'ZeroDivisionError' in parts['no_figures']['detail']
    assert 'found errors' in parts['sanitizer']['detail']
    assert 'well' in capsys.readouterr().out

    monkeypatch.setattr(sys, 'argv', ['x', '--out', str(out), '--parts', 'good', 'absent'])
    assert gpu_check.main() == 0


def test_tests_that_were_all_skipped_have_not_passed(gpu_check, tmp_path) -> None:
    _, figures = gpu_check.pytest_command(tmp_path / 'report.xml')
    report = '<testsuites><testsuite tests="{}" skipped="{}" failures="0" errors="0"/></testsuites>'
    (tmp_path / 'report.xml').write_text(report.format(5, 5))
    with pytest.raises(RuntimeError, match='all of 5 tests were skipped'):
        figures()
    (tmp_path / 'report.xml').write_text(report.format(5, 1))
    assert figures() == {'tests': 5, 'failures': 0, 'errors': 0, 'skipped': 1}


def test_parts_name_what_exists(gpu_check, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: (9, 0))
    monkeypatch.delenv('TORCH_CUDA_ARCH_LIST', raising=False)
    monkeypatch.setattr(gpu_check.shutil, 'which', lambda name: '/usr/bin/compute-sanitizer')
    parts = {name: make(tmp_path) for name, make in gpu_check.PARTS.items()}
    assert list(parts) == [part.name for part in parts.values()]
    assert parts['build'].environment['TORCH_CUDA_ARCH_LIST'] == '9.0'
    for part in parts.values():
        words = [word for word in part.command if word.startswith(('ops/', 'tools/'))]
        assert words and all((ROOT / word).exists() for word in words)
    tests = (ROOT / gpu_check.GPU_TESTS).read_text()
    for name in gpu_check.SANITIZER_TESTS.split(' or '):
        assert f'def {name}(' in tests
    for name in ('train_demo', 'train_pvt2'):
        command = parts[name].command
        assert (ROOT / 'config' / command[command.index('--config') + 1]).exists()
