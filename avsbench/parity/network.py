"""What running any network on its fixture shares: strict loading, taps, targets, gradients."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from avsbench.checkpoint import find_adapter
from avsbench.checkpoint.vggish import VGGISH
from avsbench.models import AVSegmentor
from avsbench.parity.fixture import Computed, Fixture, float32_noise
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import CheckpointError, DataError, examples

# What to take from a module's positional arguments and its result.
Hook = Callable[[tuple, object], Tensor]
# Fixture name: path of our module, and what to take there.
Taps = Mapping[str, tuple[str, Hook]]


def load_strictly(model: AVSegmentor, fixture: Fixture) -> Callable[[str], str]:
    """Load the seeded checkpoint through its adapter.

    Args:
        model: The segmentor of the fixture's variant.
        fixture: The fixture.

    Returns:
        The function from a published parameter name to ours.

    Raises:
        CheckpointError: No adapter knows the keys, or they do not load strictly.
    """
    state = fixture.state_dict()
    adapter = find_adapter(state)
    if adapter is None:
        raise CheckpointError(f'{fixture.path}: no adapter knows its checkpoint keys')
    own, dropped = adapter.to_ours(state)
    if 'audio_checkpoint' in fixture.content:
        audio = VGGISH.to_ours(fixture.state_dict('audio_checkpoint'))[0]
        own |= {adapter.audio_prefix + key: tensor for key, tensor in audio.items()}
    model.load_state_dict(own, strict=True)
    print(f'loaded {len(own)} tensors strictly; dropped as never read: {examples(dropped, 3)}')
    return lambda key: adapter.rename(key, to_ours=True)


def use_explicit_attention(model: nn.Module, explicit: bool = True) -> None:
    """Let all attentions compute softmax(q k^T) v step by step, as the published code does.

    The fused kernel differs by rounding. That matters for gradients: an input of a ReLU that
    vanishes to rounding would pass the gradient in one run and stop it in the other.

    Args:
        model: Its attentions are timm's and ours.
        explicit: Whether to; False for the fused kernel.
    """
    for module in model.modules():
        if hasattr(module, 'fused_attn'):
            module.fused_attn = not explicit


@contextmanager
def recording(model: nn.Module, taps: Taps, record: dict[str, list[Tensor]]) -> Iterator[None]:
    """Append what passes each tap to `record[name]`, one entry a call of its module."""
    handles = []
    for name, (path, take) in taps.items():
        values = record.setdefault(name, [])

        def hook(module, args, out, values=values, take=take):
            values.append(take(args, out).detach().clone())

        handles.append(model.get_submodule(path).register_forward_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def targets(fixture: Fixture, num_frames: int, name: str = 'target') -> AVSDataSample:
    """All frames as one sample; where targets are fewer, they belong to each clip's first frame.

    Args:
        fixture: Its input `name` holds class indices, (..., H, W).
        num_frames: N, a multiple of the number of targets.
        name: Of the input.

    Returns:
        `gt_masks` (N, H, W) and `gt_valid` (N,).

    Raises:
        DataError: The number of frames is not a multiple of the number of targets.
    """
    annotated = torch.from_numpy(fixture.input(name)).long()
    annotated = annotated.reshape(-1, *annotated.shape[-2:])  # (annotated, H, W)
    if num_frames % len(annotated):
        raise DataError(f'{fixture.path}: {len(annotated)} targets for {num_frames} frames')
    step = num_frames // len(annotated)
    sample = AVSDataSample()
    sample.gt_masks = annotated.new_zeros(num_frames, *annotated.shape[1:])
    sample.gt_masks[::step] = annotated
    sample.gt_valid = torch.arange(num_frames) % step == 0
    return sample


def gradient_norms(
    model: nn.Module, fixture: Fixture, own_name: Callable[[str], str]
) -> dict[str, float]:
    """Norm of each gradient that the fixture stores, by its published name; NaN for none."""
    parameters = dict(model.named_parameters())
    norms = {}
    for key in fixture.content['grad_norms']:
        gradient = parameters[own_name(key)].grad
        norms[key] = float('nan') if gradient is None else float(gradient.norm())
    return norms


def compute_with_noise(model: nn.Module, compute: Callable[[torch.dtype], Computed]) -> Computed:
    """Compute in float32, and again in float64 to know how far rounding moves each number.

    Args:
        model: The network that `compute` runs; it is float64 afterwards.
        compute: Runs it on inputs of the given type.

    Returns:
        What float32 gave, with its noise.
    """
    computed = compute(torch.float32)
    model.zero_grad()
    model.double()
    computed.noise = float32_noise(computed, compute(torch.float64))
    return computed
