"""The data sets that a config, or the base config of a subset, names."""

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

from avsbench.config.loading import open_config
from avsbench.config.paths import CONFIG_ROOT, config_file, find_config
from avsbench.datasets.base_clip_dataset import BaseClipDataset
from avsbench.options import SPLITS, SUBSETS
from avsbench.registry import DATASETS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError

_BASES = {'youtube_vos': 'davis'}  # the base config of a subset that has none: it is trained with


def dataset_configs(target: str, data_root: str | None = None) -> dict[str, dict]:
    """The configs of data sets, with their checks off.

    Data sets that are joined for a training come one by one; one that serves two purposes comes
    once. Of a subset's base config only the data sets of that subset count.

    Args:
        target: A config file, or one of `SUBSETS`.
        data_root: Instead of the config's.

    Returns:
        {name: config}; the name is that of the split, with the subset of a joined data set and the
        data set's own name of the split where that differs.

    Raises:
        ConfigError: There is no such config, or its data sets are none of this toolbox.
    """
    named = target in SUBSETS or not (Path(target).suffix or find_config(target))
    if named:
        check_choice('config file or subset', target, SUBSETS)
        path = CONFIG_ROOT / '_base_' / 'datasets' / f'{_BASES.get(target, target)}.py'
        cfg = Config.fromfile(path)  # unchecked: a base has keys that only the files above it read
        init_default_scope('avsbench')
    else:
        given = {} if data_root is None else {'data_root': data_root}
        cfg = open_config(config_file(target), given)
    found: dict[str, dict] = {}
    for split in SPLITS:
        parts = list(_parts(cfg, split, target))
        for subset, config in parts:
            if named and subset != target:
                continue
            if named and data_root is not None:
                config = {**config, 'data_root': data_root}
            details = [subset] if len(parts) > 1 and not named else []
            details += [config['split']] if config.get('split', split) != split else []
            if not any(_same(config, other) for other in found.values()):
                name = f'{split} ({", ".join(details)})' if details else split
                found[name] = {**config, 'check': 'off'}
    if not found:
        raise ConfigError(f'{target}: it has no train_, val_ or test_dataloader with a dataset')
    return found


def _parts(cfg: Config, split: str, target: str) -> Iterator[tuple[str, dict]]:
    """Subset and config of each data set that a loader reads."""
    config = cfg.get(f'{split}_dataloader', {}).get('dataset')
    if config is None:
        return
    for part in config.get('datasets', [config]):
        kind = DATASETS.get(part.get('type', ''))
        if not (isinstance(kind, type) and issubclass(kind, BaseClipDataset)):
            raise ConfigError(
                f'{target}: {split}_dataloader.dataset is a {part.get("type")}; only data sets of '
                'this toolbox can be checked'
            )
        yield kind.subset, part


def _same(config: dict, other: dict) -> bool:
    return all(config.get(key) == other.get(key) for key in ('type', 'data_root', 'split'))
