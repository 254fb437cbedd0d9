"""Files of pretrained backbones in the layouts of their makers."""

import pickle

import numpy as np
import pytest
import torch

from avsbench.models import TimmBackbone
from avsbench.utils.errors import AVSBenchError, DataError
from avsbench.utils.safe_pickle import load_array_pickle


def detectron_names(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """timm's names of a ResNet as detectron2 has them."""
    renamed = {}
    for key, value in state.items():
        name = key
        for stage in (1, 2, 3, 4):
            name = name.replace(f'layer{stage}.', f'res{stage + 1}.')
        name = name.replace('downsample.0', 'shortcut').replace('downsample.1', 'shortcut.norm')
        for number in (1, 2, 3):
            name = name.replace(f'bn{number}.', f'conv{number}.norm.')
        if not name.startswith('res'):
            name = f'stem.{name}'
        if not name.endswith('num_batches_tracked'):
            renamed[name] = value.numpy()
    return renamed


@pytest.mark.parametrize('frozen', [False, True])
@pytest.mark.parametrize('protocol', [2, 4])
def test_detectron_pickle_fits_a_resnet(tmp_path, frozen: bool, protocol: int) -> None:
    torch.manual_seed(0)
    source = TimmBackbone('resnet50')
    file = tmp_path / 'R-50.pkl'
    content = {'model': detectron_names(source.model.state_dict()), 'matching_heuristics': True}
    content['model']['stem.fc.weight'] = np.zeros((2, 3), np.float32)
    file.write_bytes(pickle.dumps(content, protocol=protocol))
    backbone = TimmBackbone('resnet50', frozen_norm=frozen, weights=str(file))
    backbone.init_weights()
    frames = torch.randn(1, 3, 32, 32)
    expected, found = source.eval()(frames), backbone.eval()(frames)
    torch.testing.assert_close(found, expected)


def test_torchvision_file_fits_frozen_norms(tmp_path) -> None:
    source = TimmBackbone('resnet18')
    torch.save(source.model.state_dict(), tmp_path / 'r18.pth')
    backbone = TimmBackbone('resnet18', frozen_norm=True, weights=str(tmp_path / 'r18.pth'))
    backbone.init_weights()
    torch.testing.assert_close(backbone.model.bn1.weight, source.model.bn1.weight.detach())


class Evil:
    def __reduce__(self):
        return print, ('ran',)


@pytest.mark.parametrize(
    'content',
    [
        {'model': {'a': Evil()}},
        {'a': 'text'},
        {'a': np.array([Evil()], dtype=object)},
        [np.zeros(2)],
        {3: np.zeros(2)},
    ],
    ids=['call', 'text', 'objects', 'list', 'number as name'],
)
def test_other_pickles_are_refused(tmp_path, content, capsys) -> None:
    file = tmp_path / 'x.pkl'
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match='x.pkl: refused: .*only a dict of NumPy arrays'):
        load_array_pickle(file)
    backbone = TimmBackbone('resnet18', weights=str(file))
    with pytest.raises(AVSBenchError, match='x.pkl'):
        backbone.init_weights()
    assert 'ran' not in capsys.readouterr().out
