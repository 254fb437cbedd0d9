"""The data sets that a config, or the base config of a subset, names."""

from pathlib import Path

import pytest

from avsbench.datasets import opening
from avsbench.utils.errors import ConfigError

DAVIS = """
subset = 'davis'
data_root = 'data/DAVIS'
davis = dict(type='DAVISDataset', data_root=data_root)
train_dataloader = dict(
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(**davis, split='train'),
            dict(type='YouTubeVOSDataset', data_root='data/YTVOS', split='train'),
        ],
    )
)
val_dataloader = test_dataloader = dict(dataset=dict(**davis, split='val', test_mode=True))
"""


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / '_base_' / 'datasets'
    folder.mkdir(parents=True)
    monkeypatch.setattr(opening, 'CONFIG_ROOT', tmp_path)
    return folder


def test_a_config_with_joined_data_sets(configs: Path) -> None:
    """What serves both validation and test comes once."""
    path = configs / 'mine.py'
    path.write_text(DAVIS)
    found = opening.dataset_configs(str(path), 'elsewhere')
    assert list(found) == ['train (davis)', 'train (youtube_vos)', 'val']
    roots = [config['data_root'] for config in found.values()]
    assert roots == ['elsewhere', 'data/YTVOS', 'elsewhere']
    assert all(config['check'] == 'off' for config in found.values())


def test_a_subset_by_name(configs: Path) -> None:
    (configs / 'davis.py').write_text(DAVIS)
    found = opening.dataset_configs('davis', 'elsewhere')
    assert [(name, config['data_root']) for name, config in found.items()] == [
        ('train', 'elsewhere'),
        ('val', 'elsewhere'),
    ]
    found = opening.dataset_configs('youtube_vos', 'other')
    assert [(name, config['data_root']) for name, config in found.items()] == [('train', 'other')]


def test_the_split_of_another_name(configs: Path) -> None:
    path = configs / 'mine.py'
    a2d = "dict(type='A2DDataset', data_root='x', split='test', test_mode=True)"
    path.write_text(f'val_dataloader = test_dataloader = dict(dataset={a2d})\n')
    assert list(opening.dataset_configs(str(path))) == ['val (test)']


def test_other_data_sets_are_refused(configs: Path) -> None:
    path = configs / 'mine.py'
    path.write_text("val_dataloader = dict(dataset=dict(type='RepeatDataset', times=2))\n")
    with pytest.raises(ConfigError, match='dataset is a RepeatDataset; only data sets of this'):
        opening.dataset_configs(str(path))
