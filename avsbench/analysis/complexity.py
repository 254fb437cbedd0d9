"""Parameters, floating-point operations and activation memory of a network.

The network runs on fake tensors, which have shapes and no numbers: any clip length and size can be
asked for, on any machine, without its memory.
"""

import copy
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
from avsbench.registry import MODELS
from avsbench.utils import ops
from avsbench.utils.errors import ConfigError

COUNTED = (
    'matrix products and attention (2 a multiply-add)',
    'convolutions (2 a multiply-add)',
    'deformable attention: 10 a sampled value (four corners and the attention weight)',
    'deformable convolutions: the convolution and 8 a sampled value',
)
NOT_COUNTED = (
    'norms, activations, softmax, interpolation and other operations on single elements',
    'losses, the data pipeline and the log-mel front end',
)
_SAMPLE_FLOPS = 8  # bilinear: a multiply-add for each of four corners
_WEIGHT_FLOPS = 2  # of a sampled value with its attention weight
_DEFAULT_FRAMES = {'avss': 10}
_PATCH_SHAPE = (1, 96, 64)  # of a frame's log-mel


@dataclass(frozen=True)
class Complexity:
    """What one clip costs.

    Attributes:
        frames: T of the clip.
        size: (H, W) of the frames, pixels.
        params: numbers that are learned or were, frozen ones included; without running statistics.
        trainable_params: those that a training changes.
        flops: operations of the forward pass, as `COUNTED` says; twice the multiply-adds that many
            papers call FLOPs.
        part_params: parameters of each part of the network.
        part_flops: operations of each part of the network.
        inference_bytes: largest sum of tensors, float32, that are alive at one time without
            gradients; weights, inputs and the operators' own workspace are not in it.
        training_bytes: tensors, float32, that the forward pass of a training keeps for the
            backward pass.
        operator: 'compiled' or 'reference': the form of deformable attention that the memory
            belongs to; the operations are the same.
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


def complexity(
    cfg: Config, frames: int | None = None, size: int | tuple[int, int] | None = None
) -> Complexity:
    """Parameters, operations and activation memory of a config's network for one clip.

    Weight files are not read.

    Args:
        cfg: a whole config; its `model` is built.
        frames: T of the clip; None for that of the config, see `clip_shape`.
        size: H and W of the frames in pixels, or one number for both; None for the config's.

    Raises:
        ConfigError: the model can't be built, takes no such clip, or no size is in the config.
    """
    default = clip_shape(cfg)
    frames = default[0] if frames is None else frames
    size = default[1] if size is None else (size, size) if isinstance(size, int) else tuple(size)
    if frames < 1 or min(size) < 1:
        raise ConfigError(f'frames={frames} and size={size}: expected 1 or more')
    model = build_model(cfg)
    parameters = list(model.parameters())
    trainable = sum(p.numel() for p in parameters if p.requires_grad)
    steps = [step.get('type') for step in _test_pipeline(cfg)]
    shape = (frames, 6 if 'LoadMaskiges' in steps else 3, *size)
    compiled = ops.choose('cpu').compiled
    with FakeTensorMode(allow_non_fake_inputs=True) as fake, _explained(cfg, shape):
        model._apply(fake.from_tensor)
        with ops.use_path('cpu' if compiled else 'reference'):
            training = _training_bytes(model, _inputs(shape))
            model.requires_grad_(False)
            inference = _inference_bytes(model, _inputs(shape))
        flops, part_flops = _flops(model, _inputs(shape))
    return Complexity(
        frames=frames,
        size=size,
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
    """The network of a config with random weights, whatever files it names.

    Raises:
        ConfigError: it can't be built.
    """
    cfg = copy.deepcopy(cfg)
    _forget_weights(cfg.model)
    scope = cfg.get('default_scope', 'avsbench')
    with DefaultScope.overwrite_default_scope(scope):
        return build_part(cfg, MODELS, 'model')


def clip_shape(cfg: Config) -> tuple[int, tuple[int, int]]:
    """T and (H, W) of the clips that a config tests on.

    T is the data preprocessor's `num_frames`; without one, 10 for AVSS and 5 for other subsets. The
    size is the data preprocessor's `frame_size`; without one, that of the last transform in the
    test pipeline that has one.

    Raises:
        ConfigError: no transform of the test pipeline has a size.
    """
    preprocessor = cfg.model.get('data_preprocessor', {})
    frames = preprocessor.get('num_frames') or _DEFAULT_FRAMES.get(cfg.get('subset'), 5)
    if preprocessor.get('frame_size') is not None:
        return frames, tuple(preprocessor.frame_size)
    sizes = [step.size for step in _test_pipeline(cfg) if step.get('size') is not None]
    if not sizes:
        raise ConfigError(
            f'{cfg.filename}: no transform of test_dataloader.dataset.pipeline has a size, e.g. '
            'ClipResize; name the size of the frames'
        )
    height, width = sizes[-1]
    return frames, (height, width)


def _test_pipeline(cfg: Config) -> list[dict]:
    return cfg.get('test_dataloader', {}).get('dataset', {}).get('pipeline', [])


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
    """Name config and clip in the error of a network that can't take it."""
    try:
        yield
    except (RuntimeError, ValueError, AssertionError) as error:
        frames, _, height, width = shape
        reason = str(error).strip().split('\n', 1)[0] or type(error).__name__
        raise ConfigError(
            f'{cfg.filename}: the network does not run on {frames} frames of {width} x {height} '
            f'pixels: {reason}'
        ) from error


def _inputs(shape: tuple[int, int, int, int]) -> dict:
    """Normalised frames and log-mel of one clip, as the data preprocessor hands them on."""
    frames = shape[0]
    audio = torch.zeros(frames, *_PATCH_SHAPE)
    return {'frames': torch.zeros(shape), 'audio': audio, 'clip_lengths': (frames,)}


def _forward(model: nn.Module, inputs: dict) -> Tensor:
    """Logits at the size of the frames."""
    output = model(inputs, mode='tensor')
    return model.decode_head.predict(output, tuple(inputs['frames'].shape[-2:]))


@torch.no_grad()
def _flops(model: nn.Module, inputs: dict) -> tuple[int, dict[str, int]]:
    """Operations of a forward pass, and of each part; the last one has what is not in the others.

    The deformable attention is counted in its reference form, so that the result does not depend
    on what is built on this machine.
    """
    formulas = {
        torch.ops.aten.grid_sampler_2d: _grid_sample_flops,
        torch.ops.torchvision.deform_conv2d: _deform_conv_flops,
    }
    model.eval()
    counter = FlopCounterMode(display=False, custom_mapping=formulas)
    with ops.use_path('reference'), counter:
        _forward(model, inputs)
    counts, root = counter.get_flop_counts(), type(model).__name__
    parts = {name: sum(counts[f'{root}.{name}'].values()) for name in _parts(model)}
    rest = counter.get_total_flops() - sum(parts.values())
    parts[next(reversed(parts))] += rest
    return counter.get_total_flops(), parts


def _parts(model: nn.Module) -> dict[str, nn.Module]:
    """Children of the model that have parameters."""
    return {name: part for name, part in model.named_children() if list(part.parameters())}


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
        _forward(model.eval(), inputs)
    return live.peak


def _training_bytes(model: nn.Module, inputs: dict) -> int:
    with LiveBytes() as live, torch.enable_grad():
        output = model.train()(inputs, mode='tensor')
        kept = live.now
    del output
    return kept


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that operators make, as long as they are alive.

    A tensor that shares its memory with an argument of its operator (a view, a result in place) is
    not new.

    Attributes:
        now: bytes that are alive.
        peak: the most that were at one time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.peak = 0
        self._known: Counter[int] = Counter()

    def __torch_dispatch__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run an operator and watch what it returns."""
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
