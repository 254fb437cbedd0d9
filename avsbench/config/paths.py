"""Where the configs lie, and how they are named."""

import os
from pathlib import Path

from avsbench.utils.errors import ConfigError, nearest
from avsbench.utils.folders import visible

PACKAGE = Path(__file__).resolve().parents[1]
# A wheel has the configs inside the package, see setup.py; a checkout has them beside it.
PACKAGED = PACKAGE / 'packaged_configs'
CONFIG_ROOT = PACKAGED if PACKAGED.is_dir() else PACKAGE.parent / 'config'


def subsets() -> list[str]:
    """The data sets that there are configs for: the folders of the config tree."""
    inside = visible(CONFIG_ROOT.iterdir(), CONFIG_ROOT)
    return sorted(path.name for path in inside if path.is_dir() and path.name != '_base_')


def short_names() -> list[str]:
    """The configs by the shortest name that `config_file` knows them by, e.g. 's4/pvt2'."""
    found = [path for name in subsets() for path in sorted((CONFIG_ROOT / name).glob('*.py'))]
    return [path.relative_to(CONFIG_ROOT).with_suffix('').as_posix() for path in found]


def find_config(name: str | Path) -> Path | None:
    """A config by its path, or by its place in the config tree from whatever folder.

    Args:
        name: 's4/pvt2', 's4/pvt2.py', 'config/s4/pvt2.py' or a path.

    Returns:
        Its path, as given where that is one; None if there is no such file.
    """
    path = Path(name)
    parts = path.parts[1:] if path.parts[:1] == ('config',) else path.parts
    for place in (path, CONFIG_ROOT.joinpath(*parts)):
        for file in (place, place.with_name(f'{place.name}.py') if place.name else place):
            if os.path.isfile(file):
                return file
    return None


def config_file(name: str | Path) -> Path:
    """A config as `find_config` finds it.

    Raises:
        ConfigError: There is no such file.
    """
    found = find_config(name)
    if found is None:
        known = [f'{short}{Path(name).suffix}' for short in short_names()]
        raise ConfigError(f'no config {str(name)!r} here or in {CONFIG_ROOT}{nearest(name, known)}')
    return found
