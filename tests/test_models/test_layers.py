import math

import pytest
import torch
from torch import nn

from avsbench.models.layers import (
    BidirectionalAttention,
    DeformableEncoder,
    MultiheadAttention,
    MultiScaleDeformableAttention,
    TransformerDecoder,
    TransformerDecoderLayer,
    multi_scale_deformable_attention,
    reference_points_of,
    sine_position_encoding,
)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('keys', [1, 5])
def test_attention_equals_torch(bias: bool, keys: int) -> None:
    torch.manual_seed(0)
    ours = MultiheadAttention(16, 4, bias=bias)
    theirs = nn.MultiheadAttention(16, 4, bias=bias, batch_first=True)
    state = {name: torch.randn_like(value) for name, value in theirs.state_dict().items()}
    theirs.load_state_dict(state)
    ours.load_state_dict(state)
    query, key, value = torch.randn(2, 3, 16), torch.randn(2, keys, 16), torch.randn(2, keys, 16)
    torch.testing.assert_close(ours(query, key, value), theirs(query, key, value)[0])
    torch.testing.assert_close(ours(query, query, query), theirs(query, query, query)[0])


def test_attention_with_one_key_has_gradient_in_the_value_path_only() -> None:
    attention = MultiheadAttention(8, 2, bias=False)
    attention(torch.randn(2, 3, 8), *[torch.randn(2, 1, 8)] * 2).sum().backward()
    query_key, value = attention.in_proj_weight.grad.split((16, 8))
    assert query_key.abs().max() == 0
    assert value.abs().max() > 0


def test_attention_mask_hides_keys() -> None:
    attention = MultiheadAttention(8, 2)
    query, memory = torch.randn(1, 2, 8), torch.randn(1, 4, 8)
    mask = torch.tensor([True, True, False, False]).expand(1, 1, 2, 4)
    masked = attention(query, memory, memory, attn_mask=mask)
    torch.testing.assert_close(masked, attention(query, memory[:, :2], memory[:, :2]))


def test_attention_drops_weights_in_training_only() -> None:
    attention = MultiheadAttention(8, 2, dropout=0.5)
    tokens = torch.randn(1, 6, 8)
    assert not torch.equal(attention(tokens, tokens, tokens), attention(tokens, tokens, tokens))
    attention.eval()
    torch.testing.assert_close(attention(tokens, tokens, tokens), attention(tokens, tokens, tokens))


def test_attention_needs_heads_that_divide() -> None:
    with pytest.raises(ValueError, match='num_heads=3 does not divide embed_dims=8'):
        MultiheadAttention(8, 3)


def test_decoder_layer_is_post_norm() -> None:
    layer = TransformerDecoderLayer(8, 2, feedforward_channels=16).eval()
    out = layer(torch.randn(2, 3, 8) * 10, torch.randn(2, 5, 8))
    torch.testing.assert_close(out.mean(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)


def test_decoder_returns_every_layer() -> None:
    decoder = TransformerDecoder(3, 8, num_heads=2, feedforward_channels=16).eval()
    queries, memory = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    hidden = decoder(queries, memory)
    assert [tuple(h.shape) for h in hidden] == [(2, 3, 8)] * 3
    torch.testing.assert_close(hidden[1], decoder.layers[1](hidden[0], memory))


def test_decoder_recomputes_to_the_same_gradients() -> None:
    torch.manual_seed(0)
    arguments = {'num_heads': 2, 'feedforward_channels': 16, 'dropout': 0.3}
    plain = TransformerDecoder(2, 8, **arguments)
    saving = TransformerDecoder(2, 8, with_cp=True, **arguments)
    saving.load_state_dict(plain.state_dict())
    queries, memory = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    grads = []
    for decoder in (plain, saving):
        torch.manual_seed(1)
        decoder(queries, memory)[-1].square().sum().backward()
        grads.append([p.grad for p in decoder.parameters()])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_sine_positions_by_the_formula() -> None:
    code = sine_position_encoding(2, 3, 4).view(2, 3, 8)
    for y in range(2):
        for x in range(3):
            expected = [
                wave((axis + 1) / 10000 ** (2 * (i // 2) / 4))
                for axis in (y, x)
                for i, wave in enumerate((math.sin, math.cos) * 2)
            ]
            torch.testing.assert_close(code[y, x], torch.tensor(expected))


def test_normalised_positions_end_at_two_pi() -> None:
    code = sine_position_encoding(7, 5, 2, normalize=True).view(7, 5, 4)
    torch.testing.assert_close(code[-1, -1], torch.tensor([0.0, 1.0, 0.0, 1.0]), atol=1e-4, rtol=0)


def bilinear(plane: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """The value of plane (D, h, w) at pixel coordinates where pixel i has its centre at i."""
    total = torch.zeros(len(plane))
    left, top = math.floor(x), math.floor(y)
    for column in (left, left + 1):
        for row in (top, top + 1):
            if 0 <= column < plane.shape[2] and 0 <= row < plane.shape[1]:
                weight = (1 - abs(x - column)) * (1 - abs(y - row))
                total += weight * plane[:, row, column]
    return total


def test_deformable_attention_by_hand() -> None:
    torch.manual_seed(1)
    shapes = [(3, 4), (2, 1)]
    num, heads, dims, queries, points = 2, 2, 3, 4, 2
    value = torch.randn(num, 14, heads, dims)
    reference = torch.rand(num, queries, 2, 2)
    offsets = 3 * torch.randn(num, queries, heads, 2, points, 2)
    logits = torch.randn(num, queries, heads, 2 * points)
    result = multi_scale_deformable_attention(value, shapes, reference, offsets, logits)

    weights = logits.softmax(-1).view(num, queries, heads, 2, points)
    expected = torch.zeros(num, queries, heads, dims)
    for n in range(num):
        for q in range(queries):
            for m in range(heads):
                start = 0
                for level, (h, w) in enumerate(shapes):
                    plane = value[n, start : start + h * w, m].T.reshape(dims, h, w)
                    start += h * w
                    for p in range(points):
                        x, y = reference[n, q, level] + offsets[n, q, m, level, p] / torch.tensor(
                            [w, h]
                        )
                        sample = bilinear(plane, float(x * w - 0.5), float(y * h - 0.5))
                        expected[n, q, m] += weights[n, q, m, level, p] * sample
    torch.testing.assert_close(result, expected.flatten(2), atol=1e-5, rtol=1e-5)


def test_deformable_attention_gradients() -> None:
    torch.manual_seed(0)
    shapes = [(3, 2)]
    tensors = (
        torch.randn(1, 6, 2, 2, dtype=torch.double, requires_grad=True),
        torch.randn(1, 3, 2, 1, 2, 2, dtype=torch.double, requires_grad=True),
        torch.randn(1, 3, 2, 2, dtype=torch.double, requires_grad=True),
    )
    reference = torch.rand(1, 3, 1, 2, dtype=torch.double)

    def attend(value, offsets, logits):
        return multi_scale_deformable_attention(value, shapes, reference, offsets, logits)

    assert torch.autograd.gradcheck(attend, tensors)


def test_deformable_attention_refuses_levels_that_do_not_sum() -> None:
    tensors = torch.zeros(1, 6, 1, 2), torch.zeros(1, 1, 1, 2)
    rest = torch.zeros(1, 1, 1, 1, 1, 2), torch.zeros(1, 1, 1, 1)
    with pytest.raises(ValueError, match=r'\[\(3, 3\)\] have 9 tokens, value has 6'):
        multi_scale_deformable_attention(tensors[0], [(3, 3)], tensors[1][:, :, None], *rest)


def test_deformable_attention_starts_on_a_ring() -> None:
    attention = MultiScaleDeformableAttention(16, num_heads=8, num_levels=2, num_points=3)
    offsets = attention.sampling_offsets.bias.view(8, 2, 3, 2)
    torch.testing.assert_close(offsets.abs().amax(-1)[0, 0], torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(offsets[2, 1, 0], torch.tensor([0.0, 1.0]), atol=1e-6, rtol=0)
    assert attention.sampling_offsets.weight.abs().max() == 0


def test_reference_points_are_pixel_centres() -> None:
    points = reference_points_of([(1, 2), (2, 1)])
    assert points.shape == (1, 4, 2, 2)
    expected = torch.tensor([[0.25, 0.5], [0.75, 0.5], [0.5, 0.25], [0.5, 0.75]])
    torch.testing.assert_close(points[0, :, 0], expected)
    torch.testing.assert_close(points[0, :, 1], expected)


def test_encoder_recomputes_to_the_same_gradients() -> None:
    torch.manual_seed(0)
    arguments = {'num_heads': 2, 'num_levels': 1, 'feedforward_channels': 8}
    plain = DeformableEncoder(2, 8, **arguments)
    saving = DeformableEncoder(2, 8, with_cp=True, **arguments)
    saving.load_state_dict(plain.state_dict())
    tokens, pos = torch.randn(1, 6, 8), torch.randn(1, 6, 8)
    grads = []
    for encoder in (plain, saving):
        torch.manual_seed(1)  # dropout is drawn again, and alike, in the backward pass
        encoder(tokens, pos, [(2, 3)]).square().sum().backward()
        grads.append([p.grad for p in encoder.parameters()])
    for one, other in zip(*grads, strict=True):
        torch.testing.assert_close(one, other)


def test_encoder_adds_positions_to_the_query_only() -> None:
    torch.manual_seed(0)
    encoder = DeformableEncoder(1, 8, num_heads=2, num_levels=1, feedforward_channels=8).eval()
    layer = encoder.layers[0]
    tokens, pos = torch.randn(1, 6, 8), torch.randn(1, 6, 8)
    nn.init.normal_(layer.self_attn.attention_weights.weight)
    attended = layer.self_attn(tokens + pos, tokens, reference_points_of([(2, 3)]), [(2, 3)])
    middle = layer.norm1(tokens + attended)
    expected = layer.norm2(middle + layer.ffn(middle))
    torch.testing.assert_close(encoder(tokens, pos, [(2, 3)]), expected)


def test_bidirectional_attention_does_not_overflow_in_float16() -> None:
    """Scores beyond 65504 are infinite, and their softmax is no number."""
    torch.manual_seed(0)
    layer = BidirectionalAttention(16, 16, num_heads=1).half()
    tokens, audio = torch.full((1, 4, 16), 250.0).half(), torch.full((1, 2, 16), 250.0).half()
    for projection in (layer.visual_qk, layer.audio_qk):
        torch.nn.init.eye_(projection.weight)
    none = torch.zeros(1).half()
    assert ((tokens * layer.scale) @ audio.transpose(1, 2)).isinf().all()
    assert all(part.isfinite().all() for part in layer(tokens, audio, none, none))
