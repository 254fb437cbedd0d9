"""torch.compile of backbone and decode head, of every system: whole graphs, and equal numbers."""

from typing import Any

import pytest
import torch
from system_cases import SIZE, build, demo_config, system_names

from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.engine.compiling import PARTS
from avsbench.models import AVSegmentor, AVSHeadOutput, DenseAVSHead
from avsbench.models.layers import MultiScaleDeformableAttention
from avsbench.utils import ops

# Beside the sounding ones: networks that read a clip at once, binary and with classes.
VIDEO = ('davis/medvt_demo.py', 'a2d/medvt_demo.py')


@pytest.fixture(scope='module', params=[*system_names(), *VIDEO])
def model(request) -> AVSegmentor:
    name = request.param
    cfg = load_config(CONFIG_ROOT / name) if name in VIDEO else demo_config(name)
    cfg.model.data_preprocessor.update(clip_policy='pack')
    return build(cfg.model)


@pytest.fixture
def graphs(model):
    """The graphs of the parts, which are compiled in this test."""
    torch._dynamo.reset()
    found: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, inputs: list) -> Any:
        found.append(graph)
        return graph.forward

    for name in PARTS:
        getattr(model, name).compile(backend=keep, fullgraph=True)  # an error where one breaks
    yield found
    for name in PARTS:
        getattr(model, name)._compiled_call_impl = None
    torch._dynamo.reset()


def batch(model: AVSegmentor, *lengths: int) -> dict:
    draw = torch.Generator().manual_seed(sum(lengths))
    frames = torch.randn(sum(lengths), model.in_channels, SIZE, SIZE, generator=draw)
    inputs = {'frames': frames, 'clip_lengths': lengths}
    if model.audio_encoder is not None:
        inputs['audio'] = torch.randn(sum(lengths), 1, 96, 64, generator=draw)
    return inputs


def maps_of(model: AVSegmentor, inputs: dict) -> torch.Tensor:
    """What the head predicts; dropout is drawn from the same seed each time."""
    torch.manual_seed(0)
    output: AVSHeadOutput = model(inputs)
    return output.mask_logits if output.logits is None else output.logits


def outputs(model: AVSegmentor, inputs: dict) -> list[torch.Tensor]:
    """In a training with bfloat16, and in a test."""
    with torch.autocast('cpu', torch.bfloat16):
        trained = maps_of(model.train(), inputs)
    with torch.no_grad():
        return [trained.detach(), maps_of(model.eval(), inputs)]


def eager(model: AVSegmentor, inputs: dict) -> list[torch.Tensor]:
    """The same without the compiler; statistics of batch normalisation stay as they were."""
    state = {key: value.clone() for key, value in model.state_dict().items()}
    calls = [getattr(model, name)._compiled_call_impl for name in PARTS]
    for name in PARTS:
        getattr(model, name)._compiled_call_impl = None
    found = outputs(model, inputs)
    for name, call in zip(PARTS, calls, strict=True):
        getattr(model, name)._compiled_call_impl = call
    model.load_state_dict(state)
    return found


@pytest.mark.slow
def test_whole_graphs_with_equal_outputs(model, graphs) -> None:
    """Also: sizes that were there before are not compiled again, a smaller batch only once."""
    whole, last = batch(model, 3, 3), batch(model, 3)
    expected = eager(model, whole)
    keys = list(model.state_dict())
    for one, other in zip(outputs(model, whole), expected, strict=True):
        torch.testing.assert_close(one, other)
    assert len(graphs) == 4  # of two parts, in two modes
    assert list(model.state_dict()) == keys
    counts = []
    for inputs in (last, whole, last):
        before = len(graphs)
        with torch.no_grad():
            maps_of(model.eval(), inputs)
        counts.append(len(graphs) - before)
    assert counts[0] <= 2 and counts[1:] == [0, 0]


def test_deformable_attention_is_one_operator_of_the_graph(model, graphs) -> None:
    layers = sum(isinstance(m, MultiScaleDeformableAttention) for m in model.decode_head.modules())
    if not layers or not ops.choose('cpu').compiled:
        pytest.skip('this network has none, or the operator is not built')
    with torch.no_grad():
        maps_of(model.eval(), batch(model, 3))
    calls = [str(node.target) for node in graphs[-1].graph.nodes if node.op == 'call_function']
    found = [name for name in calls if 'ms_deform_attn_fused' in name]
    assert len(found) == layers and not any('grid_sample' in name for name in calls)


def test_losses_of_dense_heads_are_whole_graphs(model) -> None:
    """Those of query heads match queries with objects on the host, which is a break."""
    head = model.decode_head
    if not isinstance(head, DenseAVSHead):
        pytest.skip('its loss matches queries')
    torch._dynamo.reset()
    inputs = batch(model, 3, 3)
    masks = torch.randint(2, (6, SIZE, SIZE))
    valid = torch.tensor([True, False, True, True, True, True])
    inputs |= {'gt_masks': masks, 'gt_valid': valid, 'gt_frames': (0, 2, 3, 4, 5)}
    output, targets = model.eval()(inputs), model.targets(inputs)
    expected = head.loss(output, targets)
    found = torch.compile(head.loss, backend='eager', fullgraph=True)(output, targets)
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)
