"""Adapters, LoRA and prompts in a built network: the identity at first, trained afterwards."""

import copy

import pytest
import torch
from torch import nn

from avsbench.checkpoint.pretrained import published_state
from avsbench.models import TimmBackbone
from avsbench.models.inserts import insert_modules
from avsbench.utils.errors import ConfigError
from avsbench.utils.patterns import matching

VIT = 'vit_tiny_patch16_224'
SMALL = {'depth': 3, 'embed_dim': 24, 'num_heads': 2, 'dynamic_img_size': True}
INSERTS = [
    dict(type='Adapter', at='blocks.*.mlp', hidden_channels=4),
    dict(type='LoRA', at='blocks.*.attn.qkv', rank=2, alpha=4),
    dict(type='PromptVectors', at='blocks.1', count=3),
]


def vit(**settings) -> TimmBackbone:
    return TimmBackbone(VIT, options=SMALL, out_strides=(16,), **settings)


def test_the_network_is_the_same_at_first_and_loads_the_same_file(tmp_path) -> None:
    torch.manual_seed(0)
    plain = vit().eval()
    torch.save(plain.model.state_dict(), file := tmp_path / 'vit.pth')
    network = vit(inserts=INSERTS, frozen_parts='all', weights=str(file)).eval()
    network.init_weights()
    assert published_state(network.model).keys() == plain.model.state_dict().keys()
    images = torch.randn(1, 3, 32, 48)
    torch.testing.assert_close(network(images), plain(images))


def test_what_is_inserted_is_all_that_is_trained() -> None:
    torch.manual_seed(0)
    network = vit(inserts=INSERTS, frozen_parts='all').train()
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    assert all('.adapter.' in name for name in trained)
    assert 'model.model.blocks.2.attn.qkv.adapter.down.weight' in trained
    assert len(trained) == 3 * 4 + 3 * 2 + 2
    images = torch.randn(1, 3, 32, 48)
    (before,) = network(images)
    optimizer = torch.optim.SGD(trained.values(), lr=0.1)
    for _ in range(2):  # at first only last layers and gates have a gradient
        optimizer.zero_grad()
        network(images)[0].square().sum().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained.values())
    assert not torch.allclose(network(images)[0], before)


def test_low_rank_change_by_its_formula() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 3))
    (part,) = insert_modules('Test', network, [dict(type='LoRA', at='0', rank=2, alpha=6)]).values()
    nn.init.normal_(part.up.weight)
    inputs = torch.randn(4, 5)
    weight = network[0].weight + 3 * part.up.weight @ part.down.weight
    torch.testing.assert_close(network(inputs), inputs @ weight.T + network[0].bias)
    assert torch.equal(copy.deepcopy(network)(inputs), network(inputs))


def test_adapter_of_maps() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1))
    cfg = dict(type='Adapter', at='0', layout='maps', hidden_channels=2)
    (part,) = insert_modules('Test', network, [cfg]).values()
    nn.init.ones_(part.up.bias)
    images = torch.randn(1, 3, 5, 6)
    torch.testing.assert_close(network(images), network[0]._conv_forward(
        images, network[0].weight, network[0].bias) + 1)  # fmt: skip


def test_blocks_of_inserted_parameters_are_known() -> None:
    depths = vit(inserts=INSERTS).parameter_depths()
    for block in range(3):
        around = depths[f'model.model.blocks.{block}.mlp.fc1.weight']
        assert depths[f'model.model.blocks.{block}.mlp.adapter.up.bias'] == around


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        (
            dict(type='Adapter', at='block.*.mlp'),
            r"'block.*.mlp' matches no.*near are 'blocks.\*.m",
        ),
        (dict(type='Adapter'), 'at=None matches no part'),
        (dict(type='LoRA', at='blocks.*.mlp'), 'matches a Mlp, expected linear layers'),
        (dict(type='LoRA', at='blocks.*.mlp.fc1', rnk=2), "argument 'rnk'; did you mean 'rank'"),
        (dict(type='Adapter', at='blocks'), 'blocks is a .*name its members, as blocks'),
        (dict(type='Adapter', at='blocks.0.mlp.act'), 'tells no width; set channels'),
        (dict(type='Adapter', at='blocks.1.mlp', layout='map'), "layout='map'.*maps"),
    ],
)
def test_what_can_not_be_inserted(cfg: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        vit(inserts=[cfg])


def test_two_at_one_place() -> None:
    with pytest.raises(ConfigError, match=r'blocks.0.mlp.adapter is there already'):
        vit(inserts=[INSERTS[0], dict(type='PromptVectors', at='blocks.0.mlp')])


def test_a_network_that_reads_the_weights_of_a_layer() -> None:
    """BEiT's attention computes with `qkv.weight` and does not call `qkv`."""
    options = {**SMALL, 'img_size': 32}
    del options['dynamic_img_size']
    network = TimmBackbone(
        'beit_base_patch16_224',
        options=options,
        out_strides=(16,),
        inserts=[dict(type='LoRA', at='blocks.*.attn.qkv')],
    )
    with pytest.raises(ConfigError, match='does not run blocks.0.attn.qkv.adapter'):
        network(torch.zeros(1, 3, 32, 32))


def test_patterns() -> None:
    names = ['a', 'a.0', 'a.0.b', 'a.1.b', 'a.0.b.c', 'd.b']
    assert matching('a.*.b', names) == ['a.0.b', 'a.1.b']
    assert matching('**.b', names) == ['a.0.b', 'a.1.b', 'd.b']
    assert matching('a.**', names) == ['a.0', 'a.0.b', 'a.1.b', 'a.0.b.c']
    assert matching('a.0', names, below=True) == ['a.0', 'a.0.b', 'a.0.b.c']
    assert matching('a.0', names) == ['a.0'] and matching('a+', names) == []
