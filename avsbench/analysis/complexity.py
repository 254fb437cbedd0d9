"""Parameters, floating-point operations and activation memory of a network.

The network runs on fake tensors, which have shapes but no values, so any clip length and size can
be measured on any machine. Their memory layouts are those of a GPU: on a CPU, a group normalisation
may return another layout, and a layer after it then needs no copy of its input.
"""

import copy
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any
from weakref import finalize

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from avsbench.config.build import build_part
from avsbench.config.clips import clip_length, frame_size
from avsbench.config.front_ends import front_end
from avsbench.media.front_ends import VGGISH
from avsbench.registry import MODELS
from avsbench.utils import ops
from avsbench.utils.errors import ConfigError

COUNTED = (
    'matrix products and attention (2 per multiply-add)',
    'convolutions (2 per multiply-add)',
    'deformable attention: 10 per sampled value (four corners and the attention weight)',
    'deformable convolutions: the convolution and 8 per sampled value',
)
NOT_COUNTED = (
    'normalisations, activations, softmax, interpolation and other element-wise operations',
    'losses, the data pipeline and the log-mel front end',
)
_SAMPLE_FLOPS = 8  # bilinear: one multiply-add for each of four corners
_WEIGHT_FLOPS = 2  # multiply-add of a sampled value with its attention weight


@dataclass(frozen=True)
class Complexity:
    """What one clip costs.

    Attributes:
        frames: T of the clip.
        size: (H, W) of the frames in pixels.
        params: Parameters, frozen ones included, without running statistics.
        trainable_params: Parameters that a training changes.
        flops: Operations of the forward pass, as listed in `COUNTED`; twice the multiply-adds that
            many papers call FLOPs.
        part_params: Parameters of each part of the network.
        part_flops: Operations of each part of the network.
        inference_bytes: Peak memory of live tensors, float32, without gradients; weights, inputs
            and the workspace of operators are not included.
        training_bytes: Memory of the tensors, float32, that a training's forward pass keeps for the
            backward pass.
        operator: 'compiled' or 'reference': the form of deformable attention whose memory is given;
            the operations are the same.
    """

    frames: int
    size: tuple[int, int]
    params: int
    trainable_params: int
    flops: int
    part_params: dict[str, int]
    part_flops: dict[str, int]
    inference_bytes: int
    training_bytes: int
    operator: str


STAGES = ('network', 'memory of a training', 'memory of a prediction', 'operations')
"""What `complexity` does, in this order."""


def complexity(
    cfg: Config,
    frames: int | None = None,
    size: int | tuple[int, int] | None = None,
    begin: Callable[[str], object] = lambda stage: None,
) -> Complexity:
    """Measure a config's network on one clip.

    Weight files are not read.

    Args:
        cfg: A whole config. The model publishes `in_channels` of the frames, and returns maps at
            the size of the frames in the mode 'maps'.
        frames: T of the clip; None for that of the config, see `clip_length`.
        size: H and W of the frames in pixels, or one number for both; None for `frame_size`.
        begin: Called with each of `STAGES` when it begins.

    Raises:
        ConfigError: The model can't be built or run on such a clip, or the config has no size.
    """
    frames = clip_length(cfg) if frames is None else frames
    size = frame_size(cfg) if size is None else (size, size) if isinstance(size, int) else size
    if frames < 1 or min(size) < 1:
        raise ConfigError(f'frames={frames} and size={size}: expected 1 or more')
    begin(STAGES[0])
    model = build_model(cfg)
    parameters = list(model.parameters())
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    shape = (frames, model.in_channels, *size)
    has_priors = 'prior_masks' in getattr(model, 'needs', ())
    inputs = functools.partial(_inputs, shape, front_end(cfg).shape, has_priors)
    compiled = ops.choose('cpu').compiled
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, _explained(cfg, shape):
        model._apply(fake.from_tensor)
        with ops.use_path('cpu' if compiled else 'reference'):
            begin(STAGES[1])
            training = _training_bytes(model, inputs())
            model.requires_grad_(False)
            begin(STAGES[2])
            inference = _inference_bytes(model, inputs())
        begin(STAGES[3])
        flops, part_flops = _flops(model, inputs())
    return Complexity(
        frames=frames,
        size=tuple(size),
        params=sum(p.numel() for p in parameters),
        trainable_params=trainable,
        flops=flops,
        part_params={
            name: sum(p.numel() for p in part.parameters()) for name, part in _parts(model).items()
        },
        part_flops=part_flops,
        inference_bytes=inference,
        training_bytes=training,
        operator='compiled' if compiled else 'reference',
    )


def build_model(cfg: Config) -> nn.Module:
    """Build the network of a config with random weights, whatever files it names.

    Raises:
        ConfigError: It can't be built.
    """
    cfg = copy.deepcopy(cfg)
    _forget_weights(cfg.model)
    scope = cfg.get('default_scope', 'avsbench')
    with DefaultScope.overwrite_default_scope(scope):
        return build_part(cfg, MODELS, 'model')


def _forget_weights(node: Any) -> None:
    """Set every `weights` below to None."""
    if isinstance(node, dict):
        if 'weights' in node:
            node['weights'] = None
        node = list(node.values())
    if isinstance(node, list | tuple):
        for item in node:
            _forget_weights(item)


@contextmanager
def _explained(cfg: Config, shape: tuple[int, ...]) -> Iterator[None]:
    """Name the config and the clip in the error of a network that can't run on it."""
    try:
        yield
    except (RuntimeError, ValueError, AssertionError) as error:
        frames, _, height, width = shape
        reason = str(error).strip().split('\n', 1)[0] or type(error).__name__
        raise ConfigError(
            f'{cfg.filename}: the network does not run on {frames} frames of {width} x {height} '
            f'pixels: {reason}'
        ) from error


def _inputs(
    shape: tuple[int, int, int, int],
    patch_shape: tuple[int, int, int] = VGGISH.shape,
    has_priors: bool = False,
) -> dict:
    """Frames, log-mel and masks of an earlier stage, as the data preprocessor returns them."""
    frames, _, height, width = shape
    audio = torch.zeros(frames, *patch_shape)
    inputs = {'frames': torch.zeros(shape), 'audio': audio, 'clip_lengths': (frames,)}
    if has_priors:
        inputs['prior_masks'] = torch.zeros(frames, height, width, dtype=torch.long)
    return inputs


def flop_counter() -> FlopCounterMode:
    """A counter of the operations in `COUNTED`, in whatever runs under it."""
    formulas = {
        # torch has the formula for its kernels on a GPU only, and counts nothing for this one
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops,
        torch.ops.mkldnn._linear_pointwise: _linear_flops,
        torch.ops.aten.grid_sampler_2d: _grid_sample_flops,
        torch.ops.torchvision.deform_conv2d: _deform_conv_flops,
    }
    return FlopCounterMode(display=False, custom_mapping=formulas)


@torch.no_grad()
def _flops(model: nn.Module, inputs: dict) -> tuple[int, dict[str, int]]:
    """Operations of a forward pass, and of each part; the last part includes all the rest.

    Deformable attention is counted in its reference form, so that the result does not depend on
    what is built on this machine.
    """
    model.eval()
    counter = flop_counter()
    with ops.use_path('reference'), counter:
        model(inputs, mode='maps')
    counts, root = counter.get_flop_counts(), type(model).__name__
    parts = {name: sum(counts[f'{root}.{name}'].values()) for name in _parts(model)}
    rest = counter.get_total_flops() - sum(parts.values())
    parts[next(reversed(parts))] += rest
    return counter.get_total_flops(), parts


def _parts(model: nn.Module) -> dict[str, nn.Module]:
    """Children of the model that have parameters."""
    return {name: part for name, part in model.named_children() if list(part.parameters())}


def _attention_flops(
    query_shape: Any, key_shape: Any, value_shape: Any, *args: Any, **kwargs: Any
) -> int:
    batch, heads, queries, width = query_shape
    return 2 * batch * heads * queries * key_shape[2] * (width + value_shape[3])


def _linear_flops(tokens_shape: Any, weight_shape: Any, *args: Any, **kwargs: Any) -> int:
    return 2 * prod(tokens_shape) * weight_shape[0]


def _grid_sample_flops(input_shape: Any, grid_shape: Any, *args: Any, **kwargs: Any) -> int:
    sampled = input_shape[0] * input_shape[1] * prod(grid_shape[1:-1])
    return sampled * (_SAMPLE_FLOPS + _WEIGHT_FLOPS)


def _deform_conv_flops(
    input_shape: Any, weight_shape: Any, *args: Any, out_shape: Any = None, **kwargs: Any
) -> int:
    num, in_channels = input_shape[:2]
    out_channels, per_group, *kernel = weight_shape
    places = num * prod(out_shape[2:]) * prod(kernel)
    return places * (2 * out_channels * per_group + _SAMPLE_FLOPS * in_channels)


@torch.no_grad()
def _inference_bytes(model: nn.Module, inputs: dict) -> int:
    with LiveBytes() as live:
        model.eval()(inputs, mode='maps')
    return live.peak


def _training_bytes(model: nn.Module, inputs: dict) -> int:
    with LiveBytes() as live, torch.enable_grad():
        output = model.train()(inputs, mode='tensor')
        kept = live.now
    del output
    return kept


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that operators return, as long as they are alive.

    A tensor that shares its memory with an argument of its operator (a view, an in-place result) is
    not counted again.

    Attributes:
        now: Bytes that are alive.
        peak: The most that were alive at one time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self._known: Counter[int] = Counter()

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run an operator and track the memory of what it returns."""
        kwargs = kwargs or {}
        given = {id(s) for s in _storages((args, kwargs))}
        result = func(*args, **kwargs)
        for storage in _storages(result):
            if id(storage) not in given and id(storage) not in self._known:
                self._watch(storage)
        return result

    def _watch(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        self._known[key] = 1
        self.now += size
        self.peak = max(self.peak, self.now)
        finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        del self._known[key]
        self.now -= size


def _storages(tree: Any) -> list[torch.UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
