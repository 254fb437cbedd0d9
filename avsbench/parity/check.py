"""From a fixture to its rows: which code runs it, and on which config."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from avsbench.config.paths import config_file
from avsbench.parity import audio, metrics
from avsbench.parity.fixture import Computed, Fixture, Row
from avsbench.registry import SYSTEMS
from avsbench.utils.errors import DataError, nearest

SUBSETS = ('s4', 'ms3', 'avss')

# Front end and metrics stand for themselves; the network of a registered system needs a config.
FUNCTIONS: dict[str, Callable[[Fixture], Computed]] = {
    'audio_vggish': audio.run,
    'metrics_binary': metrics.run_binary,
    'metrics_semantic': metrics.run_semantic,
}


def check_fixture(path: str | Path, config: str | Path | None = None) -> list[Row]:
    """Compute everything a fixture stores and compare.

    Args:
        path: The fixture's json file.
        config: Config to build the network from; None finds the one of its system and variant.

    Returns:
        One row for each stored output, loss, gradient norm and metric.

    Raises:
        DataError: The fixture is not readable, or of a system that is not here.
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
    if fixture.system in FUNCTIONS:
        return FUNCTIONS[fixture.system](fixture)
    SYSTEMS.import_from_location()
    systems = SYSTEMS.module_dict
    if fixture.system not in systems:
        known = sorted([*systems, *FUNCTIONS])
        raise DataError(
            f'{fixture.path}: system {fixture.system!r} is not here; there are {known}'
            f'{nearest(fixture.system, known)}'
        )
    file = find_config(fixture) if config is None else config_file(config)
    print(f'{fixture.path.name}: {file}')
    return systems[fixture.system].run_fixture(fixture, Config.fromfile(file).model)


def find_config(fixture: Fixture) -> Path:
    """The config of a fixture's system and variant.

    A variant is named `<backbone>_<subset>[_<size>]`, such as `pvt2_s4_512`; where no config of
    that size exists the one without it serves, since the network is the same.

    Raises:
        ConfigError: There is none.
    """
    backbone, *rest = fixture.variant.split('_')
    subset = next((part for part in rest if part in SUBSETS), None)
    if subset is None:
        raise DataError(
            f'{fixture.path}: variant {fixture.variant!r} names none of the subsets {SUBSETS}; '
            'give --config'
        )
    names = [fixture.system, backbone, *(part for part in rest if part != subset)]
    while True:
        file = f'{subset}/{"_".join(names)}.py'
        if len(names) == 2 or (config_file('s4/pvt2.py').parents[1] / file).is_file():
            return config_file(file)
        names.pop()
