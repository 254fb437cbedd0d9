"""Every command that a document or a tool's help names is one that its script accepts.

The commands of the README, of docs/custom_data.md and of CONTRIBUTING.md are run as well, see
test_readme.py, test_custom_data.py and test_contributing.py; options in comments of configs are
checked in test_config/test_comments.py.
"""

import argparse
import ast
import importlib.util
import os
import re
import runpy
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from avsbench.commands.main import find_verb
from avsbench.commands.verbs import FAMILIES, VERBS
from avsbench.config.loading import check_subset, open_config
from avsbench.config.paths import config_file
from avsbench.engine.commands import apply_test_arguments, apply_train_arguments

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ('*.md', 'docs/**/*.md', 'ops/*.md', 'avsbench/**/*.md')
    for path in ROOT.glob(pattern)
)
SCRIPTS = sorted(
    path
    for pattern in ('tools/**/*.py', 'avsbench/commands/arguments/**/*.py')
    for path in ROOT.glob(pattern)
)
PLACEHOLDERS = {'SUBSET': 's4', 'CONFIG': 'config/s4/demo.py'}
MADE_BY_THE_READER = ('audiopool', 'parity/audiopool', 'CONFIG.py', 'FIXTURE.json', 'a.py', 'b.py')
SHELL = ('export', 'source', 'pre-commit')
ASSIGNMENT = re.compile(r'[A-Z_]+=\S*')


class Parsed(BaseException):
    """A script has parsed its command line; no `except Exception` of its stops this."""

    def __init__(self, parser: argparse.ArgumentParser, found: argparse.Namespace | None) -> None:
        self.parser, self.found = parser, found


def joined(text: str) -> str:
    return re.sub(r' *\\\n\s*', ' ', text)


def of_document(path: Path) -> Iterator[str]:
    """Whole commands: blocks of code, indented lines, and code within a line."""
    text = joined(path.read_text())
    for language, block in re.findall(r'^```(\w*)\n(.*?)^```', text, re.DOTALL | re.MULTILINE):
        lines = block.splitlines()
        if language == 'bash' or (lines and lines[0].startswith(('python ', 'bash ', 'avsbench '))):
            yield from lines
    text = re.sub(r'^```.*?^```', '', text, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(
        r'^ {4}((?:python3? |bash |avsbench |pip |pytest |make ).*)$', text, re.MULTILINE
    )
    for code in re.findall(r'`([^`\n]+(?:\n[^`\n]+)?)`', text):
        code = ' '.join(code.split())
        if re.match(r'(?:[A-Z_]+=\S+ )*(?:python3?|bash|avsbench|pip|pytest|make) ', code):
            yield code


def of_script(path: Path) -> Iterator[str]:
    """The examples in the docstring and in the help of a script."""
    tree = ast.parse(path.read_text())
    text = joined(ast.get_docstring(tree) or '')
    yield from re.findall(
        r'^ {4}((?:[A-Z]+=\S+ )?(?:python|bash|avsbench) .*)$', text, re.MULTILINE
    )


def commands() -> list[tuple[str, str]]:
    """(file, command) of all commands, each once."""
    found: dict[str, str] = {}
    for path in [*DOCUMENTS, *SCRIPTS]:
        for line in of_document(path) if path.suffix == '.md' else of_script(path):
            words = shlex.split(line, comments=True)
            if words and '...' not in words:
                found.setdefault(shlex.join(words), str(path.relative_to(ROOT)))
    return [(name, command) for command, name in found.items()]


def test_there_are_some() -> None:
    """The search finds what is there, in each kind of place."""
    found = commands()
    assert len(found) > 70
    names = {name for name, _ in found}
    assert {'README.md', 'CONTRIBUTING.md', 'docs/results.md', 'docs/video_tasks.md'} <= names
    assert {'docs/videos.md', 'ops/README.md'} <= names
    arguments = {f'avsbench/commands/arguments/{name}.py' for name in ('config', 'data/check')}
    assert arguments <= names
    assert (
        'avsbench/commands/arguments/train.py',
        'GPUS=2 avsbench train s4 s4/pvt2 --resume',
    ) in (found)
    assert ('docs/benchmarks/load.md', 'python tools/benchmark.py csv_index') in found


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Runs a script up to where it has parsed its command line."""

    def stopping(plain: Callable) -> Callable:
        def parse_args(self, args=None, namespace=None):
            raise Parsed(self, plain(self, args, namespace))

        return parse_args

    def run(script: Path, words: list[str]) -> argparse.Namespace:
        with monkeypatch.context() as patch:
            for name in ('parse_args', 'parse_intermixed_args'):
                plain = getattr(argparse.ArgumentParser, name)
                patch.setattr(argparse.ArgumentParser, name, stopping(plain))
            patch.setattr(sys, 'argv', [str(script), *words])
            patch.setattr(sys, 'path', list(sys.path))
            patch.setattr(os, 'execve', None)  # a restart would end the tests
            patch.chdir(tmp_path)
            with pytest.raises(Parsed) as parsed:
                runpy.run_path(str(script), run_name='__main__')
        return parsed.value.found

    return run


def check_avsbench(words: list[str], parse) -> None:
    if words[0] in ('VERB', '--help') or ' '.join(words) in {*VERBS, *FAMILIES}:
        return  # a verb is named, not how it is called
    words = words[: words.index('>')] if '>' in words else words
    name, _ = find_verb(words)
    found = parse(
        ROOT / 'avsbench' / '__main__.py', [PLACEHOLDERS.get(word, word) for word in words]
    )
    if name in ('train', 'test'):
        check_run(found)


def check_run(found: argparse.Namespace) -> None:
    if str(found.config).startswith(MADE_BY_THE_READER):
        return
    cfg = open_config(found.config, found.cfg_options)
    check_subset(cfg, found.subset)
    apply_train_arguments(cfg, found)
    apply_test_arguments(cfg, found)


def check_python(words: list[str], parse) -> None:
    if words[0] == '-m':
        folder = ROOT.joinpath(*words[1].split('.'))
        assert (folder / '__main__.py').is_file() or importlib.util.find_spec(words[1])
        return
    script = ROOT / words[0]
    assert script.is_file()
    if len(words) == 1 and script.parent == ROOT / 'tools':
        return  # the tool is named, not how it is called
    if len(words) == 2 and words[1].isidentifier():  # and here one of its commands
        with pytest.raises(SystemExit) as stopped:
            parse(script, [words[1], '--help'])
        assert stopped.value.code == 0
        return
    words = [PLACEHOLDERS.get(word, word) for word in words[1:]]
    found = parse(script, words)
    for word in words:
        if word.endswith('.py') and not word.startswith(MADE_BY_THE_READER):
            config_file(word)
    if script.name in ('train.py', 'test.py'):
        check_run(found)


def check_pip(words: list[str]) -> None:
    project = (ROOT / 'pyproject.toml').read_text()
    known = project + (ROOT / 'requirements.txt').read_text()
    assert words[0] in ('install', 'download', 'wheel')
    for before, word in zip(words, words[1:], strict=False):
        if before == '--index-url':
            assert word == 'https://download.pytorch.org/whl/cpu'
            continue
        extra = re.fullmatch(r'\.\[(\w+)\]', word)
        if extra:
            assert f'\n{extra[1]} = [' in project
        elif before == '-r' or word.startswith('./'):
            assert (ROOT / word).exists()
        elif words[0] == 'install' and not word.startswith('-') and word not in ('.', 'avsbench'):
            assert re.search(rf'^ *"?{word}>=', known, re.MULTILINE) or f'["{word}>=' in known, word


@pytest.mark.parametrize(('name', 'command'), commands())
def test_command_is_accepted(name: str, command: str, parse) -> None:
    words = shlex.split(command)
    while ASSIGNMENT.fullmatch(words[0]):
        del words[0]
    if 'avsbench' in words and words[0] == 'ffmpeg':  # whose output goes through a pipe
        words = words[words.index('avsbench') :]
    for word in words[1:]:
        if word.startswith(('tools/', 'config/', 'tests/', 'ops/', 'demo/', 'docs/')):
            assert list(ROOT.glob(word.replace('<fixture>', '*'))), f'{word} does not exist'
    match words:
        case ['bash', 'train.sh' | 'test.sh' as script, *rest]:
            assert (ROOT / script).is_file()
            check_python([script.replace('.sh', '.py'), *rest], parse)
        case ['bash', 'tools/gpu_check.sh', *rest]:
            check_python(['tools/gpu_check.py', *rest], parse)
        case ['bash', script]:
            assert (ROOT / script).is_file()
        case ['avsbench', *rest]:
            check_avsbench(rest, parse)
        case ['python' | 'python3', '-m', 'pip', *rest] | ['pip', *rest]:
            check_pip(rest)
        case ['python' | 'python3', *rest]:
            check_python(rest, parse)
        case ['pytest', *rest]:
            assert all('/' not in word or (ROOT / word).exists() for word in rest)
        case ['make', *targets]:
            makefile = (ROOT / 'Makefile').read_text()
            assert all(re.search(rf'^{target}:', makefile, re.MULTILINE) for target in targets)
        case [first, *_]:
            assert first in SHELL


@pytest.mark.parametrize(
    'command',
    [
        'python tools/get_flops.py config/s4/pvt2.py --fames 10',
        'python tools/nothing.py s4',
        'avsbench flops s4/pvt2 --fames 10',
        'avsbench data chek s4',
        'avsbench train ms3 s4/pvt2',
        'avsbench nothing',
        'python tools/benchmark.py modle',
        'bash train.sh ms3 config/s4/pvt2.py',
        'bash train.sh s4 config/s4/pvt2.py --cfg-options train_cfg.max_epoch=1',
        'bash test.sh s4 config/s4/pvt2.py x.pth --overlays',
        'bash test.sh s4 config/s4/pvt.py x.pth',
        'python -m avsbench.utils.enw',
        "pip install -e '.[dem]'",
        'make demonstration',
        'pythn tools/get_flops.py',
    ],
)
def test_wrong_ones_are_noticed(command: str, parse) -> None:
    with pytest.raises((Exception, SystemExit, pytest.fail.Exception)):
        test_command_is_accepted('', command, parse)
