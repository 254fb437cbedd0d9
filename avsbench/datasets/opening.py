"""The data sets that a config, or the base config of a subset, names."""

from pathlib import Path

from avsbench.config.loading import open_config
from avsbench.config.paths import CONFIG_ROOT, config_file
from avsbench.datasets.base_avs_dataset import BaseAVSDataset
from avsbench.layouts import LAYOUTS
from avsbench.registry import DATASETS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError

SUBSETS = (*LAYOUTS, 'own')
SPLITS = ('train', 'val', 'test')


def dataset_configs(target: str, data_root: str | None = None) -> dict[str, dict]:
    """The configs of data sets, with their checks off.

    Args:
        target: A config file, or one of `SUBSETS`.
        data_root: Instead of the config's.

    Returns:
        {split: config}.

    Raises:
        ConfigError: There is no such config, or its data sets are none of this toolbox.
    """
    if Path(target).suffix:
        path = config_file(target)
    else:
        check_choice('config file or subset', target, SUBSETS)
        path = CONFIG_ROOT / '_base_' / 'datasets' / f'{target}.py'
    cfg = open_config(path, {} if data_root is None else {'data_root': data_root})
    found = {}
    for split in SPLITS:
        config = cfg.get(f'{split}_dataloader', {}).get('dataset')
        if config is None:
            continue
        kind = DATASETS.get(config.type)
        if kind is None or not issubclass(kind, BaseAVSDataset):
            raise ConfigError(
                f'{target}: {split}_dataloader.dataset is a {config.type}; only data sets in '
                "AVSBench's layout, and FolderAVSDataset, can be checked"
            )
        found[split] = {**config, 'check': 'off'}
    if not found:
        raise ConfigError(f'{target}: it has no train_, val_ or test_dataloader with a dataset')
    return found
