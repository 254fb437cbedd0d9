import copy
import json

import pytest

from avsbench.config.loading import load_config, open_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.reproduction.bundle import config_data, to_text
from avsbench.reproduction.reference import settings_hash
from avsbench.reproduction.strangers import distrusted
from avsbench.utils.errors import ConfigError

CONFIGS = sorted(CONFIG_ROOT.glob('[!_]*/*.py'))


@pytest.fixture(scope='module')
def demo():
    return json.loads(to_text(config_data(load_config(CONFIG_ROOT / 's4' / 'demo.py'))))


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_configs_of_the_toolbox_as_data(path, tmp_path):
    """They ask for no trust, and are the same configs when they are read again."""
    data = config_data(open_config(path))
    assert distrusted(data) == []
    (tmp_path / 'config.json').write_text(to_text(data))
    again = open_config(tmp_path / 'config.json')
    assert config_data(again) == data
    assert settings_hash(data) == settings_hash(config_data(again))


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        ('custom_imports', {'imports': ['os']}),
        ('_base_', '../evil.py'),
        ('model._scope_', 'mmseg'),
        ('model.type', 'os.system'),
        ('model.type', 'subprocess.run'),
        ('model.type', ['AVSegmentor']),
        ('optim_wrapper.constructor', 'os.system'),
        ('runner_type', 'mmengine.runner.Runner'),
        ('train_dataloader.collate_fn', 'os.system'),
        ('default_hooks.logger.type', 'ProfilerHook'),
        ('visualizer.vis_backends.0.type', 'WandbVisBackend'),
        ('data_root', '/etc'),
        ('data_root', '~/data'),
        ('data_root', 'data/../../secret'),
        ('model.backbone.weights', 'https://evil/x.pth'),
        ('model.backbone.model_name', 'hf-hub:evil/model'),
        ('default_hooks.logger.out_dir', 's3://bucket'),
        ('model.backbone.weights', '{{ $HOME: }}'),
        ('data_root', 'C:\\data'),
        ('data_root', '\\\\server\\share'),
        ('trust_checkpoint', True),
        ('work_dirs', 'x'),
    ],
)
def test_what_asks_for_trust(demo, place, value):
    config = copy.deepcopy(demo)
    *parents, last = place.split('.')
    node = config
    for name in parents:
        node = node[int(name)] if isinstance(node, list) else node[name]
    node[last] = value
    found = distrusted(config)
    assert len(found) == 1 and found[0].startswith(f'{place}:'), found


def test_only_data_are_written():
    cfg = load_config(CONFIG_ROOT / 's4' / 'demo.py')
    cfg.model['head'] = dict
    assert config_data(cfg)['model']['head'] == 'builtins.dict'
    cfg.model['head'] = {'a': [1, lambda: 0]}
    with pytest.raises(ConfigError, match=r'model.head.a.1: .* can not be written as data'):
        config_data(cfg)
