"""The program `avsbench`: its verbs, what their help costs, and what it says on mistakes."""

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from avsbench.commands import completion
from avsbench.commands.main import add_help, arguments_of, find_verb, overview, parse, run_avsbench
from avsbench.commands.verbs import FAMILIES, VERBS, members
from avsbench.config.paths import CONFIG_ROOT, config_file, find_config, short_names
from avsbench.datasets.opening import dataset_configs
from avsbench.utils.errors import CheckpointError, ConfigError

ROOT = Path(__file__).resolve().parents[1]
HELP_OF_ALL = """
import json, sys
from avsbench.commands import completion
parser = completion.whole_parser()
heavy = [name for name in ('torch', 'mmengine', 'mmcv', 'pandas', 'cv2') if name in sys.modules]
print(json.dumps([heavy, sorted(parser._subparsers._group_actions[0].choices)]))
"""


@pytest.fixture
def call(monkeypatch, capsys):
    """Run `avsbench WORDS...` in this process; what it prints."""

    def run(*words: str) -> str:
        monkeypatch.setattr(sys, 'argv', ['avsbench', *words])
        run_avsbench()
        return capsys.readouterr().out

    return run


def test_help_of_every_verb_imports_nothing_heavy() -> None:
    command = [sys.executable, '-c', HELP_OF_ALL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    heavy, verbs = json.loads(done.stdout)
    assert heavy == []
    assert set(verbs) == {name.split()[0] for name in VERBS}


def test_threads_sleep_while_they_wait_unless_the_user_chose(call, monkeypatch) -> None:
    monkeypatch.setenv('OMP_WAIT_POLICY', 'ACTIVE')
    call('list', 'systems')
    assert os.environ['OMP_WAIT_POLICY'] == 'ACTIVE'
    monkeypatch.delenv('OMP_WAIT_POLICY')
    call('list', 'systems')
    assert os.environ['OMP_WAIT_POLICY'] == 'PASSIVE'


def test_torch_is_not_imported_before_the_policy_is_set() -> None:
    code = (
        'import os, sys; import avsbench.commands.main as main; seen = []; '
        'main.arguments_of = lambda name: seen.append(("torch" in sys.modules, '
        'os.environ["OMP_WAIT_POLICY"])) or sys.exit(print(seen)); main.run_verb("train", [])'
    )
    environment = {k: v for k, v in os.environ.items() if k != 'OMP_WAIT_POLICY'}
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[(False, 'PASSIVE')]", done.stderr


@pytest.mark.parametrize('name', VERBS)
def test_every_verb_has_help(name, call, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        call(*name.split(), '--help')
    text = capsys.readouterr().out
    assert stopped.value.code == 0 and text.startswith(f'usage: avsbench {name} ')
    assert f'    avsbench {name}' in text or name == 'publish'  # an example


@pytest.mark.parametrize('name', VERBS)
def test_every_verb_has_its_work(name) -> None:
    module = import_module(f'avsbench.commands.{name.replace(" ", ".")}')
    assert callable(module.run)


def test_overview_names_every_verb(call) -> None:
    text = call('--help')
    assert text.strip() == overview()
    assert all(f'  {name} ' in text for name in VERBS if ' ' not in name)
    for family in FAMILIES:
        assert ', '.join(members(family)) in text


def test_document_names_every_verb() -> None:
    text = (ROOT / 'docs' / 'commands.md').read_text()
    assert [name for name in VERBS if f'avsbench {name} ' not in text.replace('\n', ' ')] == []


def test_family_overview(call, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        call('data', '--help')
    assert stopped.value.code == 0 and VERBS['data check'] in capsys.readouterr().out


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['scor', 'DIR'], "avsbench: no verb 'scor'; did you mean 'score'?"),
        (['data', 'chek'], "avsbench data: no verb 'chek'; did you mean 'check'?"),
        (['sintetic'], "did you mean 'synthetic'?"),
    ],
)
def test_unknown_verb(words, message) -> None:
    with pytest.raises(ConfigError) as caught:
        find_verb(words)
    assert message in str(caught.value)


def test_config_and_checkpoint_as_words_or_as_options(capsys) -> None:
    parser = argparse.ArgumentParser()
    arguments = arguments_of('video')
    arguments.add_arguments(parser)
    for words in (['s4/pvt2', 'a.pth'], ['--config', 's4/pvt2', '--checkpoint', 'a.pth']):
        args = parser.parse_args(['in.mp4', *words, '--out', 'out.mp4'])
        arguments.check(parser, args)
        assert (args.config, args.checkpoint) == ('s4/pvt2', 'a.pth')
    for words, message in (
        (['s4/pvt2'], 'required: CHECKPOINT'),
        (['s4/pvt2', 'a.pth', '--checkpoint', 'b.pth'], 'give one of them'),
    ):
        args = parser.parse_args(['in.mp4', *words, '--out', 'out.mp4'])
        with pytest.raises(SystemExit):
            arguments.check(parser, args)
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    'words',
    [
        'IN.mp4 s4/demo best.pth --out OUT.mp4 --fps 2',
        'IN.mp4 --out OUT.mp4 s4/demo best.pth --fps 2',
        '--fps 2 IN.mp4 s4/demo --out OUT.mp4 best.pth',
        '--out OUT.mp4 --fps 2 -- IN.mp4 s4/demo best.pth',
    ],
)
def test_options_may_stand_between_the_words(words) -> None:
    arguments = arguments_of('video')
    parser = add_help(argparse.ArgumentParser(), arguments)
    args = parse(parser, words.split())
    arguments.check(parser, args)
    assert (str(args.video), args.config, args.checkpoint) == ('IN.mp4', 's4/demo', 'best.pth')
    assert (str(args.out), args.fps) == ('OUT.mp4', 2)


@pytest.mark.parametrize('name', VERBS)
def test_every_verb_sorts_its_words(name, capsys) -> None:
    """And says so where one is too many, or what it does not know."""
    parser = add_help(argparse.ArgumentParser(), arguments_of(name))
    with pytest.raises(SystemExit) as stopped:
        parse(parser, ['--no-such-option'])
    assert stopped.value.code == 2 and 'error: ' in capsys.readouterr().err


def test_list(call) -> None:
    assert call('list').splitlines() == short_names()
    assert 's4/demo' in call('list', 'configs', 's4', 'demo').splitlines()
    assert 'TPAVI' in call('list', 'systems')
    assert call('list', 'encoders', 'pvt_v2_b5') == 'pvt_v2_b5.in1k\n'
    with pytest.raises(ConfigError, match='no line has nothing'):
        call('list', 'configs', 'nothing')


def test_info(call) -> None:
    assert str(CONFIG_ROOT) in call('info')
    assert json.loads(call('info', '--json'))['configs'] == str(CONFIG_ROOT)


def test_completion_needs_its_extra(call, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, 'shtab', None)
    with pytest.raises(ConfigError, match='pip install shtab'):
        call('completion', 'bash')


def test_completion(call, monkeypatch) -> None:
    class Shtab:
        FILE = {'bash': 'files'}

        @staticmethod
        def complete(parser: argparse.ArgumentParser, shell: str) -> str:
            found = parser.parse_args(['data', 'check', 's4'])
            assert (found.verb, found.member) == ('data', 'check')
            return f'{shell} {parser.prog}'

    monkeypatch.setitem(sys.modules, 'shtab', Shtab)
    assert call('completion', 'zsh') == 'zsh avsbench\n'
    parser = completion.whole_parser()
    completion.mark_files(parser, Shtab.FILE)
    show = parser._subparsers._group_actions[0].choices['show']
    marked = {action.dest for action in show._actions if hasattr(action, 'complete')}
    assert marked == {'config', 'checkpoint', 'out'}


@pytest.mark.parametrize('name', ['s4/pvt2', 's4/pvt2.py', 'config/s4/pvt2.py', 'config/s4/pvt2'])
def test_short_names_of_configs(name, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == CONFIG_ROOT / 's4' / 'pvt2.py'
    (tmp_path / 's4').mkdir()
    (tmp_path / 's4' / 'pvt2.py').write_text('')
    mine = Path('s4/pvt2.py') if not name.startswith('config') else CONFIG_ROOT / 's4' / 'pvt2.py'
    assert config_file(name) == mine  # a file in the current folder comes first


def test_short_name_instead_of_a_subset() -> None:
    assert dataset_configs('s4/demo') == dataset_configs(str(CONFIG_ROOT / 's4' / 'demo.py'))
    assert dataset_configs('s4/demo') != dataset_configs('s4')
    with pytest.raises(ConfigError, match="did you mean 's4'"):
        dataset_configs('s44')


def test_nearest_short_name() -> None:
    with pytest.raises(ConfigError, match="did you mean 's4/pvt2'"):
        config_file('s4/pvt')
    assert 's4/pvt2' in short_names() and not any('_base_' in name for name in short_names())


@pytest.mark.parametrize('verb', ['video --out OUT.mp4 IN.mp4', 'page'])
def test_weights_stand_for_config_and_checkpoint(verb, call, capsys) -> None:
    for words in ('s4/demo --weights a.pth', '--checkpoint b.pth --weights a.pth'):
        with pytest.raises(SystemExit):
            call(*verb.split(), *words.split())
        assert '--weights FILE stands for CONFIG and CHECKPOINT' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        call(*verb.split(), 's4/demo')
    assert 'CHECKPOINT (or --weights)' in capsys.readouterr().err
    with pytest.raises(CheckpointError, match='nothing.pth'):
        call(*verb.split(), '--weights', 'nothing.pth')
