"""Files of pretrained backbones in the layouts of their makers."""

import pickle
import re

import numpy as np
import pytest
import timm
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


def test_published_swin_file_fits(tmp_path) -> None:
    name = 'swin_tiny_patch4_window7_224'
    source = timm.create_model(name, num_classes=3)
    content = {'layers.0.blocks.1.attn_mask': torch.zeros(1)}
    content['layers.0.blocks.0.attn.relative_position_index'] = torch.zeros(2, 2).long()

    def end_of_the_stage_before(found: re.Match) -> str:
        return f'layers.{int(found[1]) - 1}.downsample'

    for key, value in source.state_dict().items():
        moved = re.sub(r'layers\.(\d)\.downsample', end_of_the_stage_before, key)
        content[moved.replace('head.fc', 'head')] = value
    torch.save({'model': content}, tmp_path / 'swin.pth')
    backbone = TimmBackbone(name, weights=str(tmp_path / 'swin.pth'))
    backbone.init_weights()
    wanted = source.state_dict()
    for key, value in backbone.model.state_dict().items():
        assert torch.equal(value, wanted[key.replace('layers_', 'layers.')])


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
