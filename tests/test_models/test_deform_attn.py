"""Deformable attention takes every available path to the same numbers: eager, traced, exported."""

import copy
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from avsbench.models.layers import (
    DeformableEncoder,
    MultiScaleDeformableAttention,
    multi_scale_deformable_attention,
    reference_points_of,
)
from avsbench.parity import check_fixture
from avsbench.utils import ops

FIXTURE = Path(__file__).resolve().parents[1] / 'parity' / 'avsegformer_res50_ms3.json'
SHAPES = [(6, 5), (3, 3), (2, 1)]
TOKENS = sum(height * width for height, width in SHAPES)
OPERATOR = 'avsbench.ms_deform_attn_fused.default'


@pytest.fixture(params=['reference', 'cpu', 'cuda'])
def device(request) -> Iterator[str]:
    """The device of each available path, which is taken within the test."""
    path = request.param
    skip_unless_available(path)
    with ops.use_path(path):
        yield 'cuda' if path == 'cuda' else 'cpu'


def skip_unless_available(path: str) -> None:
    if path == 'cuda' and not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    if path != 'reference' and not ops.choose(path, 'auto').compiled:
        pytest.skip(f'no compiled operator for {path}: {ops.choose(path, "auto").reason}')


@pytest.fixture
def encoder(device: str) -> DeformableEncoder:
    """Two layers whose sampling depends on the tokens."""
    torch.manual_seed(0)
    arguments = {'num_heads': 2, 'num_levels': len(SHAPES), 'num_points': 2, 'dropout': 0.0}
    encoder = DeformableEncoder(2, 16, feedforward_channels=16, **arguments)
    for layer in encoder.layers:
        nn.init.normal_(layer.self_attn.sampling_offsets.weight, std=0.2)
        nn.init.normal_(layer.self_attn.attention_weights.weight, std=0.2)
    return encoder.to(device)


def encoder_inputs(device: str) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return torch.randn(2, TOKENS, 16, device=device), torch.randn(1, TOKENS, 16, device=device)


def results(encoder: nn.Module, device: str) -> list[Tensor]:
    """Memory and the gradients of tokens and parameters."""
    tokens, pos = encoder_inputs(device)
    tokens.requires_grad_()
    parameters = [p for p in encoder.parameters() if p.requires_grad]
    memory = encoder(tokens, pos, SHAPES)
    # The mean square of a normalised memory is constant: its gradient would be rounding errors.
    loss = (memory * torch.linspace(-1, 1, memory.numel(), device=device).view_as(memory)).sum()
    return [memory.detach(), *torch.autograd.grad(loss, [tokens, *parameters])]


def attention_inputs(device: str, dtype: torch.dtype = torch.float32) -> list:
    """Arguments of multi_scale_deformable_attention; locations stay clear of pixel borders."""
    torch.manual_seed(2)
    heads, points, levels = 2, 3, len(SHAPES)
    value = torch.randn(2, TOKENS, heads, 4, dtype=dtype, device=device)
    offsets = 2 * torch.randn(2, TOKENS, heads, levels, points, 2, dtype=dtype, device=device)
    logits = torch.randn(2, TOKENS, heads, levels * points, dtype=dtype, device=device)
    return [value, SHAPES, reference_points_of(SHAPES, device), offsets, logits]


def test_encoder_equals_the_reference(encoder: DeformableEncoder, device: str) -> None:
    with ops.use_path('reference'):
        expected = results(encoder, device)
    for ours, reference in zip(results(encoder, device), expected, strict=True):
        scale = reference.abs().max().item()
        torch.testing.assert_close(ours, reference, atol=1e-5 * scale, rtol=0)


def test_encoder_compiles_as_one_graph(encoder: DeformableEncoder, device: str) -> None:
    torch._dynamo.reset()
    expected = results(encoder, device)
    compiled = torch.compile(copy.deepcopy(encoder), fullgraph=True, backend='aot_eager')
    for ours, eager in zip(results(compiled, device), expected, strict=True):
        torch.testing.assert_close(ours, eager, atol=1e-5 * eager.abs().max().item(), rtol=0)


def test_first_call_may_be_traced(encoder: DeformableEncoder, device: str, monkeypatch) -> None:
    """Reading the environment and loading the library do not break a graph."""
    monkeypatch.setattr(ops, '_path', None)
    monkeypatch.setenv(ops.ENV, 'auto')
    torch._dynamo.reset()
    ops.reset()
    explained = torch._dynamo.explain(encoder)(*encoder_inputs(device), SHAPES)
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)
    ops.reset()


def test_autocast_keeps_locations_in_float32(encoder: DeformableEncoder, device: str) -> None:
    """A location rounded to bfloat16 on a map 512 pixels wide is off by up to a pixel."""
    width = 512
    layer = MultiScaleDeformableAttention(4, num_heads=1, num_levels=1, num_points=1).to(device)
    nn.init.zeros_(layer.sampling_offsets.bias)
    for linear in (layer.value_proj, layer.output_proj):
        nn.init.eye_(linear.weight)
    columns = torch.arange(width, dtype=torch.float32, device=device)
    tokens = torch.stack([(columns // 2**power) % 2 for power in (0, 1, 4, 8)], -1)[None]
    with torch.autocast(device, torch.bfloat16):
        same = layer(tokens, tokens, reference_points_of([(1, width)], device), [(1, width)])
    assert same.dtype == torch.bfloat16
    torch.testing.assert_close(same.float(), tokens, atol=0.01, rtol=0)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_types_sum_in_float32(device: str, dtype: torch.dtype) -> None:
    """Against float64 with the same rounded inputs, only the result's own rounding is left."""
    inputs = attention_inputs(device, dtype)
    result = multi_scale_deformable_attention(*inputs)
    assert result.dtype == dtype
    with ops.use_path('reference'):
        exact = [x.double() if isinstance(x, Tensor) else x for x in inputs]
        expected = multi_scale_deformable_attention(*exact)
    atol = torch.finfo(dtype).eps * expected.abs().max().item()
    torch.testing.assert_close(result.double(), expected, atol=atol, rtol=0)


def test_float64(device: str) -> None:
    inputs = attention_inputs(device, torch.float64)
    result = multi_scale_deformable_attention(*inputs)
    with ops.use_path('reference'):
        torch.testing.assert_close(result, multi_scale_deformable_attention(*inputs))
    assert result.dtype == torch.float64


@pytest.mark.parametrize(('num', 'queries'), [(0, 3), (2, 0)])
def test_nothing_to_attend(device: str, num: int, queries: int) -> None:
    result = multi_scale_deformable_attention(
        torch.randn(num, TOKENS, 2, 4, device=device),
        SHAPES,
        torch.rand(1, queries, len(SHAPES), 2, device=device),
        torch.randn(num, queries, 2, len(SHAPES), 1, 2, device=device),
        torch.randn(num, queries, 2, len(SHAPES), device=device),
    )
    assert result.shape == (num, queries, 8)


def test_the_graph_has_one_node_and_the_decomposition_none(device: str, encoder) -> None:
    arguments = *encoder_inputs(device), SHAPES
    exported = torch.export.export(encoder.eval(), arguments)
    nodes = [str(node.target) for node in exported.graph.nodes]
    sampled = sum('grid_sampler' in node for node in nodes)
    if nodes.count(OPERATOR):
        assert (nodes.count(OPERATOR), sampled) == (len(encoder.layers), 0)
    else:
        assert sampled == len(encoder.layers) * len(SHAPES)
    with ops.export_decomposition():
        exported = torch.export.export(encoder, arguments)
    nodes = [str(node.target) for node in exported.graph.nodes]
    assert nodes.count(OPERATOR) == 0
    torch.testing.assert_close(exported.module()(*arguments), encoder(*arguments))


class FixedShapes(nn.Module):
    """An encoder whose levels are part of the graph."""

    def __init__(self, encoder: DeformableEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Tensor, pos: Tensor) -> Tensor:
        return self.encoder(tokens, pos, SHAPES)


@pytest.mark.filterwarnings('ignore::DeprecationWarning', 'ignore::FutureWarning')
def test_encoder_exported_to_onnx_equals_pytorch(encoder, device: str, tmp_path: Path) -> None:
    for package in ('onnx', 'onnxscript', 'onnxruntime'):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f'{package} is not installed')
    import onnxruntime

    encoder, inputs = FixedShapes(encoder).eval(), encoder_inputs(device)
    file = tmp_path / 'encoder.onnx'
    with ops.export_decomposition():
        torch.onnx.export(encoder, inputs, file, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(file, providers=['CPUExecutionProvider'])
    feeds = {i.name: x.cpu().numpy() for i, x in zip(session.get_inputs(), inputs, strict=True)}
    (memory,) = session.run(None, feeds)
    with torch.no_grad():
        expected = encoder(*inputs).cpu()
    torch.testing.assert_close(torch.from_numpy(memory), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_fixture_passes_with_the_reference() -> None:
    """That it passes with the operator of this machine, test_parity.py shows."""
    with ops.use_path('reference'):
        failed = [str(row) for row in check_fixture(FIXTURE) if not row.passed]
    assert not failed, '\n'.join(failed)
