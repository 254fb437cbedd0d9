"""Where the configs of a checkout lie."""

import os
from pathlib import Path

from avsbench.utils.errors import ConfigError, nearest
from avsbench.utils.folders import visible

CONFIG_ROOT = Path(__file__).resolve().parents[2] / 'config'


def subsets() -> list[str]:
    """The data sets that there are configs for: the folders of the config tree."""
    inside = visible(CONFIG_ROOT.iterdir(), CONFIG_ROOT)
    return sorted(path.name for path in inside if path.is_dir() and path.name != '_base_')


def config_file(name: str | Path) -> Path:
    """A config by its path, or by its path below `config/` from whatever folder.

    Raises:
        ConfigError: There is no such file.
    """
    for path in (Path(name), CONFIG_ROOT / name):
        if os.path.isfile(path):
            return path
    known = [str(path.relative_to(CONFIG_ROOT)) for path in sorted(CONFIG_ROOT.glob('*/*.py'))]
    raise ConfigError(f'no config {str(name)!r} here or in {CONFIG_ROOT}{nearest(name, known)}')
