"""Packages that may be missing: when they are imported, and what the error says."""

import re
import sys
from pathlib import Path

import pytest

from avsbench.utils.errors import ConfigError
from avsbench.utils.extras import PACKAGES, OptionalModule, require

ROOT = Path(__file__).resolve().parents[2]


def test_a_missing_package_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    message = r"reading video needs PyAV: pip install av, .* pip install -e '\.\[video\]'"
    with pytest.raises(ConfigError, match=message):
        require('av', 'reading video')


def test_an_optional_module_is_imported_at_its_first_use(monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    av = OptionalModule('av', 'reading video')
    with pytest.raises(ConfigError, match='needs PyAV'):
        av.open('in.mp4')
    monkeypatch.undo()
    assert av.VideoFrame.__name__ == 'VideoFrame'


@pytest.mark.parametrize(('_', 'package', 'extra'), PACKAGES.values())
def test_the_extra_installs_the_package(_, package, extra):
    project = (ROOT / 'pyproject.toml').read_text()
    assert re.search(rf'^{extra} = \[.*"{package}>=', project, re.MULTILINE)
