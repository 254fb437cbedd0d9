"""From a fixture to its rows: which code runs it, and on which config."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from avsbench.config.paths import CONFIG_ROOT, config_file, subsets
from avsbench.parity.fixture import Computed, Fixture, Row
from avsbench.registry import CHECKERS, SYSTEMS
from avsbench.utils.errors import ConfigError, DataError, nearest


def check_fixture(path: str | Path, config: str | Path | None = None) -> list[Row]:
    """Compute everything a fixture stores and compare.

    Args:
        path: The fixture's json file.
        config: Config to build the network from; None finds the one of its system and variant. Its
            `custom_imports` may register the system.

    Returns:
        One row for each stored output, loss, gradient norm and metric.

    Raises:
        DataError: The fixture is not readable, or nothing registered claims it.
        ConfigError: There is no config for its variant.
        CheckpointError: The seeded checkpoint does not load strictly.
    """
    fixture = Fixture(path)
    with DefaultScope.overwrite_default_scope('avsbench'), _one_thread():
        return fixture.compare(_compute(fixture, config))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in one order, so that a fixture gives the same numbers however many cores there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _compute(fixture: Fixture, config: str | Path | None) -> Computed:
    # Runs its custom_imports, which may register the system.
    cfg = None if config is None else Config.fromfile(config_file(config))
    check_claimed(fixture)
    if fixture.system in CHECKERS.module_dict:
        return CHECKERS.module_dict[fixture.system](fixture)
    cfg = cfg or Config.fromfile(find_config(fixture))
    print(f'{fixture.path.name}: {cfg.filename}')
    return SYSTEMS.module_dict[fixture.system].parity_run(fixture, cfg.model).run()


def check_claimed(fixture: Fixture) -> None:
    """Check that a registered system or checker runs a fixture.

    Raises:
        DataError: None does; the message names the nearest.
    """
    SYSTEMS.import_from_location()
    CHECKERS.import_from_location()
    known = sorted([*SYSTEMS.module_dict, *CHECKERS.module_dict])
    if fixture.system not in known:
        raise DataError(
            f'{fixture.path}: system {fixture.system!r} is not registered'
            f'{nearest(fixture.system, known)}\n  registered are {", ".join(known)}; if the system '
            'is yours, is its file imported? Give --config with a config that has '
            "custom_imports=dict(imports=['your_package.your_system'])"
        )


def find_config(fixture: Fixture) -> Path:
    """The config of a fixture's system and variant.

    A variant is named `<backbone>_<subset>[_<size>]`, such as `pvt2_s4_512`, where a subset is a
    folder of the config tree; or `<backbone>_<task>` like a base under `_base_/models`, such as
    `swinb_avos`, for a network that serves several data sets. Where none of that size exists the
    one without it serves, since the network is the same.

    Raises:
        ConfigError: There is none.
        DataError: The variant names no subset, and there is no base of its name.
    """
    backbone, *rest = fixture.variant.split('_')
    known = subsets()
    subset = next((part for part in rest if part in known), None)
    folder = '_base_/models' if subset is None else subset
    names = [fixture.system, backbone, *(part for part in rest if part != subset)]
    while len(names) > 2 and not (CONFIG_ROOT / folder / f'{"_".join(names)}.py').is_file():
        names.pop()
    file = f'{folder}/{"_".join(names)}.py'
    if subset is None and not (CONFIG_ROOT / file).is_file():
        raise DataError(
            f'{fixture.path}: variant {fixture.variant!r} names none of the subsets '
            f'{", ".join(known)}, and no base under {CONFIG_ROOT / folder}; give --config'
        )
    try:
        return config_file(file)
    except ConfigError as error:
        raise ConfigError(f'{fixture.path}: {error}; give --config') from None
