import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from avsbench.parity import Fixture

TESTS = Path(__file__).resolve().parents[1]
PARITY = TESTS / 'parity'


@pytest.fixture(scope='session')
def published() -> ModuleType:
    """The published loops, which serve as baselines of the benchmark."""
    tools = str(TESTS.parent / 'tools')
    sys.path.insert(0, tools)
    try:
        return importlib.import_module('benchmarks.metric')
    finally:
        sys.path.remove(tools)


@pytest.fixture(scope='session')
def fixture_of():
    """Function: name of a fixture -> the fixture."""
    return lambda name: Fixture(PARITY / f'{name}.json')
