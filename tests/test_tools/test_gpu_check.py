"""The control flow of `tools/gpu_check.sh`, on a machine without a GPU."""

import importlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / 'ops' / 'avsbench_ops' / '_library.so'


@pytest.fixture(scope='module')
def gpu_check():
    sys.path.insert(0, str(ROOT / 'tools'))
    yield importlib.import_module('gpu_check')
    sys.path.remove(str(ROOT / 'tools'))


@pytest.fixture
def check(gpu_check, monkeypatch, tmp_path):
    """Run the script over other parts: options -> exit code and report."""
    monkeypatch.setattr(gpu_check, 'missing_gpu', lambda: '')
    monkeypatch.setattr(gpu_check, 'describe_machine', lambda gpu: {'gpu': 'none'})
    monkeypatch.setattr(signal, 'signal', lambda *_: None)
    out = tmp_path / 'new' / 'figures'

    def run(made: list, *options: str) -> tuple[int, dict]:
        monkeypatch.setattr(gpu_check, 'PARTS', tuple(lambda setting, p=p: p for p in made))
        monkeypatch.setattr(sys, 'argv', ['gpu_check.py', '--out', str(out), *options])
        code = gpu_check.main()
        report = json.loads((out / 'report.json').read_text())
        report['parts'] = {part['name']: part for part in report['parts']}
        return code, report

    run.out = out
    return run


def python(code: str) -> list[str]:
    return [sys.executable, '-c', code]


def statuses(report: dict) -> dict[str, str]:
    return {name: part['status'] for name, part in report['parts'].items()}


@pytest.mark.skipif(torch.cuda.is_available(), reason='there is a GPU')
def test_without_a_gpu_one_line_and_exit_code_2(run_script, tmp_path) -> None:
    done = run_script('tools/gpu_check.sh', '--out', tmp_path / 'figures')
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith('gpu_check: nothing checked: PyTorch ')
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / 'figures').exists()


def test_without_python_one_line_and_exit_code_2(run_script) -> None:
    done = run_script('tools/gpu_check.sh', PYTHON='no-such-python')
    assert done.returncode == 2
    assert done.stderr.startswith("error: no 'no-such-python' here")


def test_wheels_and_library_that_do_not_exist(gpu_check, monkeypatch, capsys) -> None:
    for option in ('--wheels', '--library'):
        monkeypatch.setattr(sys, 'argv', ['gpu_check.py', option, '/no/such'])
        with pytest.raises(SystemExit):
            gpu_check.main()
        assert '/no/such does not exist' in capsys.readouterr().err


def test_a_failed_part_does_not_stop_the_others(gpu_check, check, capsys) -> None:
    part = gpu_check.Part
    many = 'for i in range(40): print(i)\n'
    made = [
        part('good', python('print("well")'), 60, figures=lambda lines: {'said': lines}),
        part('bad', python(many + 'raise SystemExit(3)'), 60),
        part('missing', ['/no/such/program'], 60),
        part('no_figures', python(''), 60, figures=lambda lines: 1 / 0),
        part('sanitizer', python('raise SystemExit(86)'), 60),
        part('unusable', python('exit("Not for you")'), 60, unusable='Not for'),
        part('absent', [], 60, absent='not installed'),
        part('needless', python('raise SystemExit(1)'), 60, instead='good'),
        part('needed', python(''), 60, instead='bad'),
    ]
    code, report = check(made, '--commit', 'abc')
    assert code == 1
    assert (report['machine'], report['commit'], report['complete']) == (
        {'gpu': 'none'},
        'abc',
        True,
    )
    assert report['date'].endswith('+00:00')
    assert statuses(report) == {
        'good': 'passed',
        'bad': 'failed',
        'missing': 'failed',
        'no_figures': 'failed',
        'sanitizer': 'failed',
        'unusable': 'absent',
        'absent': 'absent',
        'needless': 'absent',
        'needed': 'passed',
    }
    parts = report['parts']
    assert parts['good']['figures'] == {'said': ['well']}
    assert parts['bad']['detail'] == 'exit code 3' and parts['bad']['tail'][-1] == '39'
    assert len(parts['bad']['tail']) == gpu_check.TAIL_LINES
    assert 'ZeroDivisionError' in parts['no_figures']['detail']
    assert 'found errors' in parts['sanitizer']['detail']
    printed, log = capsys.readouterr().out, (check.out / 'log.txt').read_text()
    assert 'well' in printed and '\n39\n' in printed and '\n0\n' not in printed
    assert '\n0\n' in log and '\n39\n' in log  # all of it

    code, report = check(made, '--parts', 'good', 'absent')
    assert code == 0 and list(report['parts']) == ['good', 'absent']


def test_budget(gpu_check, check, tmp_path) -> None:
    """A part is stopped at its limit or the budget's end; its figures up to there are kept."""
    part, figures = gpu_check.Part, tmp_path / 'figures'
    write = f'import time; open({str(figures)!r}, "w").write("half"); time.sleep(60)'
    read = {'figures': lambda lines: figures.read_text(), 'writes': (figures,)}
    made = [
        part('own_limit', python(write), 1, **read),
        part('budget', python(write), 60, **read),
        part('late', python(''), 60),
        part('absent', [], 60, absent='not installed'),
    ]
    begin = time.monotonic()
    code, report = check(made, '--budget', '8')
    assert code == 1 and 6 < time.monotonic() - begin < 30
    assert list(statuses(report).values()) == ['failed', 'failed', 'late', 'absent']
    assert report['parts']['own_limit']['detail'] == 'stopped after 1 s'
    assert report['parts']['budget']['figures'] == 'half'
    assert report['budget'] == 8 and report['complete']


def test_figures_are_printed_as_they_come(gpu_check, check, capsys, tmp_path) -> None:
    """Each line once, also of a part that is stopped."""
    seen = tmp_path / 'seen'
    write = f"""
import pathlib, time
print('first row')
while not pathlib.Path({str(seen)!r}).exists():
    time.sleep(0.1)
print('second row')
time.sleep(60)
"""
    show = gpu_check.Lines.show

    def note(lines) -> None:
        show(lines)
        seen.touch()  # the part goes on when its first line was shown

    gpu_check.Lines.show, before = note, show
    try:
        rows = gpu_check.Part('rows', python(write), 60, shows=True)
        code, report = check([rows], '--budget', '7')
    finally:
        gpu_check.Lines.show = before
    printed = capsys.readouterr().out
    assert code == 1 and printed.count('first row') == printed.count('second row') == 1
    assert report['parts']['rows']['tail'] == ['first row', 'second row']


@pytest.mark.slow
def test_dry_run_of_both_stages(run_script, tmp_path) -> None:
    """What the CPU can do passes, and the rest says that it needs a GPU."""
    names = ['environment', 'build', 'benchmark', 'steps', 'profile', 'compiled', 'memcheck']
    words = ('tools/gpu_check.sh', '--dry-run', '--out', tmp_path, '--parts', *names)
    done = run_script(*words, timeout=1500, PYTHON=sys.executable)
    report = json.loads((tmp_path / 'report.json').read_text())
    parts = {part['name']: part for part in report['parts']}
    assert done.returncode == 0 and report['dry_run'] and list(parts) == names, done.stdout
    assert {name for name, part in parts.items() if part['detail'] == 'it needs a GPU'} == {
        'benchmark',
        'profile',
        'memcheck',
    }
    from avsbench.registry import SYSTEMS

    rows = parts['compiled']['figures']
    compiled = [row for row in rows if row['variant'] == 'compiled']
    assert len(compiled) >= len(SYSTEMS.module_dict) > 0 and len(rows) == 2 * len(compiled)
    assert all(row['graph_breaks'] == 0 for row in compiled)
    assert all(row['config'] in done.stdout for row in rows)


def test_stages(gpu_check, check) -> None:
    part = gpu_check.Part
    made = [part('both', [], 1, absent='x'), part('one', [], 1, 1, absent='x')]
    made.append(part('two', [], 1, 2, absent='x'))
    for options, names in (
        ((), ['both', 'one', 'two']),
        (('--stage', '1'), ['both', 'one']),
        (('--stage', '2'), ['both', 'two']),
        (('--stage', '1', '--parts', 'two'), ['two']),
    ):
        code, report = check(made, *options)
        assert code == 0 and list(report['parts']) == names


def test_figures_of_an_earlier_run_are_not_taken_for_new_ones(gpu_check, check) -> None:
    old = check.out.parent / 'old.json'
    old.parent.mkdir()
    old.write_text('1')
    read = {'figures': lambda lines: json.loads(old.read_text()), 'writes': (old,)}
    code, report = check([gpu_check.Part('stale', python('raise SystemExit(1)'), 60, **read)])
    assert code == 1 and report['parts']['stale']['figures'] is None


def test_taken_away_in_the_middle(tmp_path) -> None:
    """What was known is in the report, and no process of the part lives on."""
    script, loop, alive = (tmp_path / name for name in ('run.py', 'loop.py', 'alive'))
    loop.write_text(
        f'import time\nwhile True: open({str(alive)!r}, "a").write("x"), time.sleep(0.1)'
    )
    script.write_text(f"""
import sys
sys.path.insert(0, {str(ROOT / 'tools')!r})
import gpu_check
from gpu_check import Part
first = Part('first', [sys.executable, '-c', ''], 60, figures=lambda lines: 42)
second = Part('second', [sys.executable, {str(loop)!r}], 60)
gpu_check.PARTS = (lambda setting: first, lambda setting: second)
gpu_check.missing_gpu = lambda: ''
gpu_check.describe_machine = lambda gpu: {{}}
sys.exit(gpu_check.main())
""")
    command = [sys.executable, str(script), '--out', str(tmp_path / 'out')]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not alive.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.terminate()
    assert process.wait(30) == 143
    report = json.loads((tmp_path / 'out' / 'report.json').read_text())
    assert [part['figures'] for part in report['parts']] == [42] and not report['complete']
    size = alive.stat().st_size
    time.sleep(0.5)
    assert alive.stat().st_size == size


def setting(gpu_check, folder: Path, **changes):
    return gpu_check.Setting(folder, **changes)


def test_tests_that_were_all_skipped_have_not_passed(gpu_check, tmp_path) -> None:
    parts = importlib.import_module('gpu_check_parts')
    figures = parts.tests(setting(gpu_check, tmp_path)).figures
    report = '<testsuites><testsuite tests="{}" skipped="{}" failures="0" errors="0"/></testsuites>'
    (tmp_path / 'tests.xml').write_text(report.format(5, 5))
    with pytest.raises(RuntimeError, match='all of 5 tests were skipped'):
        figures([])
    (tmp_path / 'tests.xml').write_text(report.format(5, 1))
    assert figures([]) == {'tests': 5, 'failures': 0, 'errors': 0, 'skipped': 1}


def test_profile(tmp_path) -> None:
    parts = importlib.import_module('gpu_check_parts')
    path = tmp_path / 'profile.csv'
    path.write_text(
        '==PROF== Connected\n"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"\n'
        '"0","forward_kernel<float, 4>","Duration","us","80.5"\n'
        '"0","forward_kernel<float, 4>","Registers Per Thread","register/thread","48"\n'
        '"0","forward_kernel<float, 4>","","",""\n'
        '"1","query_kernel","Duration","us","120"\n'
    )
    assert parts.read_profile(path) == [
        {
            'kernel': 'forward_kernel<float, 4>',
            'Duration us': '80.5',
            'Registers Per Thread register/thread': '48',
        },
        {'kernel': 'query_kernel', 'Duration us': '120'},
    ]
    path.write_text('==ERROR== no counters\n')
    with pytest.raises(RuntimeError, match='no kernel'):
        parts.read_profile(path)


@pytest.mark.parametrize('brief', [False, True])
def test_parts_name_what_exists(gpu_check, monkeypatch, tmp_path, brief) -> None:
    parts = importlib.import_module('gpu_check_parts')
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: (9, 0))
    monkeypatch.delenv('TORCH_CUDA_ARCH_LIST', raising=False)
    monkeypatch.setattr(parts.shutil, 'which', lambda name: f'/usr/bin/{name}')
    (tmp_path / 'some-1.0-py3-none-any.whl').touch()
    given = setting(gpu_check, tmp_path, library=LIBRARY, wheels=tmp_path, brief=brief)
    made = {part.name: part for part in (make(given) for make in gpu_check.PARTS)}
    order = 'build tests benchmark steps demo demo_test profile compiled memcheck racecheck'.split()
    assert [name for name in made if name in order] == order and len(made) == len(gpu_check.PARTS)
    assert made['build'].environment['TORCH_CUDA_ARCH_LIST'] == '9.0'
    for part in made.values():
        assert part.command and part.command[0] != 'None'
        for word in part.command:
            if word.startswith(('ops/', 'tools/', 'config/')):
                assert (ROOT / word).exists(), word
            if word.startswith('s4/'):
                assert (ROOT / 'config' / word).exists(), word
    tests = (ROOT / parts.GPU_TESTS).read_text()
    for name in (*parts.SANITIZER_TESTS, *parts.MORE_SANITIZER_TESTS):
        assert f'def {name}(' in tests
    names = made['memcheck'].command[made['memcheck'].command.index('-k') + 1]
    assert ('test_head_widths' in names) is not brief
    limits = {stage: 0.0 for stage in (None, 1, 2)}
    for part in made.values():
        limits[part.stage] += part.limit
    # Each is a multiple of what is expected; a stage must not need several times its budget.
    assert limits[1] < 700 and limits[2] < 500


def test_options_of_the_benchmarks_are_known(gpu_check, tmp_path) -> None:
    """The commands that only a GPU can run are at least parsed."""
    import argparse

    given = setting(gpu_check, tmp_path, brief=True)
    made = {part.name: part for part in (make(given) for make in gpu_check.PARTS)}
    for name in ('benchmark', 'steps', 'steps_512', 'compiled', 'profile'):
        command = made[name].command
        words = command[command.index('tools/benchmark.py') + 1 :]
        parser = argparse.ArgumentParser()
        importlib.import_module(f'benchmarks.{words[0]}').add_arguments(parser)
        parser.parse_args(words[1:])


@pytest.mark.skipif(not LIBRARY.exists(), reason='no library is built')
def test_probe_of_a_carried_library(tmp_path) -> None:
    package = tmp_path / 'avsbench_ops'
    ignore = shutil.ignore_patterns('*.so', '__pycache__')
    shutil.copytree(LIBRARY.parent, package, ignore=ignore)

    def probe(library: Path) -> subprocess.CompletedProcess:
        script = str(ROOT / 'tools' / 'probe_operators.py')
        command = [sys.executable, script, str(library), '--device', 'cpu', '--into', str(package)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    done = probe(LIBRARY)
    assert done.returncode == 0 and 'runs on cpu' in done.stdout, done.stderr
    assert (package / '_library.so').exists()
    broken = tmp_path / 'broken.so'
    broken.write_text('not a library')
    done = probe(broken)
    assert done.returncode != 0 and 'can not be loaded' in done.stderr
    assert not (package / '_library.so').exists()
