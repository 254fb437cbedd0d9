"""Options that the comment of a config proposes: they must be valid, and change something."""

import re
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import DictAction

from avsbench.config.loading import apply_overrides, load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.utils.errors import ConfigError

VALUE = re.compile(r'[\w.]+=\S+')


def proposals(path: Path) -> list[tuple[bool, dict[str, Any]]]:
    """(with --any-subset, {dotted key: value}) of each `--cfg-options` in a file's comments."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    # one line for each block of comments, for a command may go on in the next line
    text = '\n'.join(line if line.startswith('#') else '' for line in lines)
    text = text.replace('\n#', '')
    found = []
    for match in re.finditer(r'(--any-subset )?--cfg-options (.*)', text):
        options = {}
        for word in match[2].split():
            if not VALUE.fullmatch(word):
                break
            key, value = word.rstrip('.,;').split('=', 1)
            options[key] = DictAction._parse_iterable(value)
        found.append((match[1] is not None, options))
    return found


WITH_PROPOSALS = sorted(path for path in CONFIG_ROOT.rglob('*.py') if proposals(path))


def test_there_are_some() -> None:
    assert len(WITH_PROPOSALS) >= 4


@pytest.mark.parametrize('path', WITH_PROPOSALS, ids=lambda p: str(p.relative_to(CONFIG_ROOT)))
def test_options_are_valid(path: Path) -> None:
    for any_subset, options in proposals(path):
        assert options, f'{path}: no option after --cfg-options'
        cfg = load_config(path)
        before = cfg.to_dict()
        apply_overrides(cfg, options)
        assert cfg.to_dict() != before
        checkpoint = re.fullmatch(r'work_dir/(\w+)/(\w+)/.*', options.get('load_from', ''))
        if checkpoint is not None:
            start = load_config(CONFIG_ROOT / checkpoint[1] / f'{checkpoint[2]}.py')
            assert any_subset == (start.subset != cfg.subset)  # refused without it


def test_a_wrong_option_is_noticed() -> None:
    cfg = load_config(CONFIG_ROOT / 'ms3' / 'medvt_pvt2.py')
    with pytest.raises(ConfigError, match='load_form'):
        apply_overrides(cfg, {'load_form': 'x'})
