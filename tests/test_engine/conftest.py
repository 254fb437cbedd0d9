"""Build a runner for the toy network in this process."""

from pathlib import Path

import pytest

from avsbench.config.loading import apply_overrides, load_config
from avsbench.registry import RUNNERS


@pytest.fixture
def build_toy(toy_config: Path, tmp_path: Path):
    """A function (work dir name, {dotted key: value}, config keys) -> runner."""

    def build(name: str = 'run', options: dict | None = None, whole: dict | None = None, **keys):
        cfg = load_config(toy_config)
        apply_overrides(cfg, options or {})
        cfg.work_dir = str(tmp_path / name)
        cfg.log_level = 'ERROR'
        cfg.merge_from_dict(keys)
        for key, value in (whole or {}).items():  # instead of merging
            cfg[key] = value
        return RUNNERS.build(cfg)

    return build
