"""How often the host waits for the device in a training step, counted on tensors of the CPU."""

from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.hooks import RuntimeInfoHook
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DefaultScope
from system_cases import SIZE, build, build_demo, demo_config, system_names
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from avsbench.engine.hooks import FiniteLossHook
from avsbench.structures import AVSDataSample

# 2 for the others: the loss terms, and the norm of gradients.
LIMITS = {'combo': 4, 'ease': 4, 'vct': 4, 'catr': 3}
# Operators whose result has a shape that the device must report, and numbers that it reports.
WAITING = {'_local_scalar_dense', 'nonzero', 'masked_select', '_unique2', 'unique_dim', 'equal'}
BY_MASK = {'index', 'index_put', 'index_put_', '_index_put_impl_'}
TO_HOST = {torch.Tensor.cpu, torch.Tensor.tolist}
# Without a device they make a tensor of the host, whose copy to the device waits.
FACTORIES = {
    getattr(torch, name)
    for name in ('arange', 'as_tensor', 'eye', 'full', 'linspace', 'ones', 'rand', 'zeros')
}


class Waits:
    """What the host waits for, by name.

    Args:
        loaded: Tensors of the loader, which are on the host.
    """

    def __init__(self, loaded: list[torch.Tensor] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self.loaded = {tensor.untyped_storage().data_ptr() for tensor in loaded}

    def on_host(self, value: Any) -> bool:
        """Whether a tensor is one of the loader's, or what the host made of it."""
        return isinstance(value, torch.Tensor) and value.untyped_storage().data_ptr() in self.loaded

    @contextmanager
    def counting(self):
        with _Functions(self), _Operators(self):
            yield


class _Operators(TorchDispatchMode):
    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self.waits = waits

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        found = func(*args, **(kwargs or {}))
        if name in BY_MASK:
            masks = [i for i in args[1] if i is not None and i.dtype in (torch.bool, torch.uint8)]
            self.waits.counts['index by a mask'] += len(masks)
        elif name in WAITING:
            if not self.waits.on_host(args[0]):
                self.waits.counts[name] += 1
            elif isinstance(found, torch.Tensor):
                self.waits.loaded.add(found.untyped_storage().data_ptr())
        return found


class _Functions(TorchFunctionMode):
    def __init__(self, waits: Waits) -> None:
        super().__init__()
        self.waits = waits

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in TO_HOST and not self.waits.on_host(args[0]):
            self.waits.counts[func.__name__] += 1
        elif func in FACTORIES and kwargs.get('device') is None and 'out' not in kwargs:
            self.waits.counts[f'{func.__name__} on the host'] += 1
        return func(*args, **kwargs)


@pytest.mark.parametrize(
    'wait',
    [
        lambda x: x.sum().item(),
        lambda x: bool(x.any()),
        lambda x: x.cpu(),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: x.unique(),
        lambda x: x.tolist(),
        lambda x: torch.eye(3).to(x),
    ],
)
def test_a_wait_is_counted(wait) -> None:
    waits = Waits()
    with waits.counting():
        wait(torch.ones(3, device='cpu'))
    assert waits.counts.total() == 1 + ('ones on the host' in waits.counts)


def test_work_on_the_device_is_no_wait() -> None:
    waits, loaded = Waits(), torch.tensor([True, False])
    x = torch.randn(3, 4, requires_grad=True)
    index = torch.tensor([0, 2])
    with waits.counting():
        x[index].sum().backward()
        torch.where(x > 0, x, torch.zeros_like(x)).softmax(1)
    assert waits.counts.total() == 0
    waits = Waits([loaded])
    with waits.counting():
        assert loaded.nonzero().flatten().tolist() == [0]
    assert waits.counts.total() == 0


def loaded_batch(cfg, num_clips: int = 2, frames: int = 3) -> dict:
    """Clips as the loader gives them; of each the first frame and the last are annotated."""
    torch.manual_seed(0)
    pipeline = [step.type for step in cfg.train_dataloader.dataset.pipeline]
    channels = 6 if 'LoadMaskiges' in pipeline else 3
    batch: dict = {'inputs': {'frames': [], 'audio': []}, 'data_samples': []}
    for _ in range(num_clips):
        images = torch.randint(256, (frames, channels, SIZE, SIZE), dtype=torch.uint8)
        sample = AVSDataSample()
        sample.gt_masks = (images[:, 0] > 127).to(torch.uint8)
        sample.gt_valid = torch.tensor([True, False, True])
        sample.frame_valid = torch.ones(frames, dtype=torch.bool)
        batch['inputs']['frames'].append(images)
        batch['inputs']['audio'].append(torch.randn(frames, 1, 96, 64))
        batch['data_samples'].append(sample)
    return batch


@pytest.mark.parametrize('system', system_names())
def test_waits_of_a_training_step(system: str) -> None:
    cfg = demo_config(system)
    cfg.model.data_preprocessor.update(clip_policy='pack', num_frames=None)
    model = build(cfg.model).train()
    decay = cfg.optim_wrapper.optimizer.get('weight_decay', 0.0)
    # Adam counts its steps on the host, whatever the device.
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=1e-3, weight_decay=decay)
    with DefaultScope.overwrite_default_scope('avsbench'):
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    hooks = [FiniteLossHook(), RuntimeInfoHook()]
    hub = MessageHub.get_instance(f'waits of {system}')
    runner = SimpleNamespace(optim_wrapper=wrapper, message_hub=hub, epoch=0, iter=0)
    hooks[0].before_train(runner)
    batch = loaded_batch(cfg)
    samples = [value for sample in batch['data_samples'] for value in sample.values()]
    waits = Waits(samples)
    with waits.counting():
        outputs = model.train_step(batch, wrapper)
        for hook in sorted(hooks, key=lambda hook: hook.priority):
            hook.after_train_iter(runner, 0, batch, outputs)
    assert hub.get_scalar('train/loss').current() > 0
    assert waits.counts.total() <= LIMITS.get(system, 2), waits.counts


def test_padded_clips_take_one_look_at_the_device() -> None:
    """MED-VT leaves padded frames out; the others multiply them by zero, which takes none."""
    for system in system_names():
        model = build_demo(system).eval()
        if not model.decode_head.accepts_padding:
            continue
        frames, audio = torch.randn(4, 3, SIZE, SIZE), torch.randn(4, 1, 96, 64)
        inputs = {'frames': frames, 'audio': audio, 'clip_lengths': (2, 2)}
        inputs['frame_valid'] = torch.tensor([True, True, True, False])
        waits = Waits()
        with torch.no_grad(), waits.counting():
            model(inputs)
        assert waits.counts.total() <= 1, (system, waits.counts)


def test_codes_of_positions_are_computed_once() -> None:
    """A second step of the same sizes computes no sine."""
    sines = {torch.Tensor.sin, torch.sin, torch.Tensor.cos, torch.cos}

    class Count(TorchFunctionMode):
        found = 0

        def __torch_function__(self, func, types, args=(), kwargs=None):
            self.found += func in sines
            return func(*args, **(kwargs or {}))

    for system in system_names():
        model = build_demo(system).eval()
        frames, audio = torch.randn(2, model.in_channels, SIZE, SIZE), torch.randn(2, 1, 96, 64)
        inputs = {'frames': frames, 'audio': audio, 'clip_lengths': (2,)}
        with torch.no_grad(), Count():
            model(inputs)
        with torch.no_grad(), Count() as second:
            model(inputs)
        assert not second.found, system
