"""A fixture that runs a tool; tests/conftest.py makes it known."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from avsbench.utils.cli import run_command

TOOLS = Path(__file__).resolve().parents[1] / 'tools'


class Finished(NamedTuple):
    code: int
    out: str
    err: str


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tool(monkeypatch, capsys):
    """Run a tool in this process, which saves the seconds of importing everything anew."""

    def run(name: str, *arguments: object) -> Finished:
        monkeypatch.setattr(sys, 'argv', [f'tools/{name}.py', *map(str, arguments)])
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as stopped:
            patch.setattr(sys, 'path', list(sys.path))
            run_command(load_tool(name).main)
        code = stopped.value.code
        return Finished(code, *capsys.readouterr())

    return run
