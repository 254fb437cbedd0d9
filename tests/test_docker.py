"""The Dockerfile and the commands around it name what exists; no image is built."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from avsbench.commands.main import add_help, arguments_of, find_verb

ROOT = Path(__file__).resolve().parents[1]
TEXT = re.sub(r'\\\n\s*', '', re.sub(r'^#.*\n', '', (ROOT / 'Dockerfile').read_text(), flags=re.M))
LINES = [line for line in TEXT.splitlines() if line.strip()]
INSTALL = (ROOT / 'docs' / 'install.md').read_text()


def instructions(name: str) -> list[str]:
    return [line.removeprefix(f'{name} ') for line in LINES if line.startswith(f'{name} ')]


def test_every_line_is_an_instruction() -> None:
    known = {'FROM', 'ARG', 'RUN', 'WORKDIR', 'COPY', 'ENTRYPOINT', 'CMD'}
    assert {line.split()[0] for line in LINES} == known


def test_what_is_copied_is_there_and_not_ignored() -> None:
    ignored = (ROOT / '.dockerignore').read_text().split()
    sources = [word for copy in instructions('COPY') for word in copy.split()[:-1]]
    assert '.' in sources and len(sources) > 2
    needed = [*sources, 'ops/make.sh', 'ops/setup.py', 'avsbench', 'config', 'pyproject.toml']
    for source in needed:
        assert (ROOT / source).exists()
        assert not any(Path(source).match(pattern) for pattern in ignored), source
    assert {'.git', '.venv', 'data', 'work_dir', 'pretrained'} <= set(ignored)


def test_what_is_installed_is_what_the_project_declares() -> None:
    runs = '\n'.join(instructions('RUN'))
    project = (ROOT / 'pyproject.toml').read_text()
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", runs)
    assert all(f'\n{extra} = [' in project for extra in extras.split(','))
    assert all((ROOT / name).is_file() for name in re.findall(r'-[cr] (\S+)', runs))
    assert all((ROOT / name).is_file() for name in re.findall(r'bash (\S+)', runs))
    assert 'https://download.pytorch.org/whl/cpu' in runs
    assert f'[project.scripts]\n{shlex.split(instructions("ENTRYPOINT")[0].strip("[]"))[0]} =' in (
        project
    )
    version = re.search(r'python:(\d+\.\d+)', instructions('FROM')[0])[1]
    assert f'Python :: {version}"' in project


def test_build_arguments_are_declared_and_used() -> None:
    declared = [line.split('=')[0] for line in instructions('ARG')]
    text = (ROOT / 'Dockerfile').read_text() + INSTALL
    assert set(re.findall(r'--build-arg (\w+)=', text)) == set(declared)
    assert all(f'${name}' in TEXT for name in declared)


@pytest.mark.parametrize('command', re.findall(r'^docker run .* avsbench (.*)$', INSTALL, re.M))
def test_commands_in_the_container_are_accepted(command: str) -> None:
    name, rest = find_verb(shlex.split(command))
    parser = add_help(argparse.ArgumentParser(), arguments_of(name))
    assert parser.parse_args(rest)


def test_there_are_such_commands() -> None:
    assert len(re.findall(r'^docker run ', INSTALL, re.M)) == 3
