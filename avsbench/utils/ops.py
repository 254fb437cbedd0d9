"""Which implementation of the compiled operators runs: the package `avsbench_ops`, or PyTorch.

The environment variable AVSBENCH_OPS chooses:

    auto       the compiled operator where it is built for the tensors' device, otherwise the
               PyTorch reference, with one message that says how to build it (default)
    reference  PyTorch's operators, also what an export to ONNX needs
    cpu, cuda  the compiled operator on this device; an error where it is missing

The variable is read and the library is loaded once, when an operator is first needed, and
`reset` forgets both. A graph made by torch.compile keeps the choice of the time it was traced;
`use_path` affects such graphs, which are then traced again.
"""

import functools
import importlib
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from mmengine.logging import print_log

from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError

ENV = 'AVSBENCH_OPS'
PATHS = ('auto', 'reference', 'cpu', 'cuda')
PACKAGE = 'avsbench_ops'
OPERATOR = 'avsbench::ms_deform_attn_fused'
DEVICES = {'cpu': 'CPU', 'cuda': 'CUDA'}  # device type -> PyTorch's dispatch key
CHECKOUT = Path(__file__).resolve().parents[2] / 'ops'
BUILD = 'build it with: bash ops/make.sh'

_path: str | None = None  # of `use_path`; a plain global, so that compiled graphs watch it


@dataclass(frozen=True)
class Library:
    """What became of loading the compiled library.

    Attributes:
        location: Folder of the package, None where it was not found.
        devices: Device types that it has kernels for.
        trouble: Why it can't be used, empty where it can.
    """

    location: str | None = None
    devices: frozenset[str] = field(default_factory=frozenset)
    trouble: str = ''


@dataclass(frozen=True)
class Choice:
    """What runs on one type of device, and why."""

    compiled: bool
    reason: str


def use_compiled(device_type: str) -> bool:
    """Whether tensors on this type of device go to the compiled operator.

    May be called in code that torch.compile traces: the result is a constant of the graph.

    Args:
        device_type: `tensor.device.type`.

    Raises:
        ConfigError: AVSBENCH_OPS has no such value, or names what is not available.
    """
    return _decide(_path, device_type)


@contextmanager
def use_path(path: str) -> Iterator[None]:
    """Take this path within the block, whatever AVSBENCH_OPS says; for the whole process.

    A backward pass belongs into the block of its forward pass: layers that are computed again for
    the gradient (`with_cp`) must take the same path both times.

    Raises:
        ConfigError: There is no such path.
    """
    global _path
    previous, _path = _path, _checked(path, 'path')
    try:
        yield
    finally:
        _path = previous


def export_decomposition() -> Any:
    """A block in which operators are made of PyTorch's, which torch.onnx.export can write.

    with export_decomposition():
        torch.onnx.export(network, inputs, 'network.onnx', dynamo=True)
    """
    return use_path('reference')


def choose(device_type: str, path: str | None = None) -> Choice:
    """What runs on this type of device, and why.

    Args:
        device_type: Such as 'cpu' or 'cuda'.
        path: One of PATHS, None for that of the environment.

    Raises:
        ConfigError: The environment has no valid value, or what it names is not available.
    """
    path = requested_path() if path is None else path
    if path == 'reference':
        return Choice(False, 'chosen')
    if path != 'auto' and path != device_type:
        raise ConfigError(
            f'{ENV}={path}, but the tensors are on {device_type!r}; set {ENV}=auto to take what '
            'there is for each device'
        )
    missing = _missing(device_type)
    if path != 'auto' and missing:
        raise ConfigError(f'{ENV}={path}: {_with_way_out(missing)}, or set {ENV}=auto')
    return Choice(not missing, missing or _kernels(device_type))


@functools.cache
def requested_path() -> str:
    """The value of AVSBENCH_OPS.

    Raises:
        ConfigError: It is none of PATHS.
    """
    return _checked(os.environ.get(ENV, '').strip() or 'auto', ENV)


@functools.cache
def library() -> Library:
    """Load the compiled library: the installed package, or that of the checkout."""
    try:
        module = _import_package()
    except ModuleNotFoundError as error:
        if error.name != PACKAGE:
            raise
        return Library(trouble='the package avsbench_ops is neither installed nor in ops/')
    except (ImportError, OSError) as error:
        # Not built, or built for another PyTorch than this one.
        return Library(trouble=str(error).strip().split('\n', 1)[0])
    location = str(Path(module.__file__).parent)
    devices = frozenset(name for name, key in DEVICES.items() if _has_kernel(key))
    trouble = '' if devices else f'{location} registers no {OPERATOR}'
    return Library(location, devices, trouble)


def describe() -> dict[str, Any]:
    """The state of the operators as plain data, for the environment report; raises nothing."""
    report: dict[str, Any] = {ENV: os.environ.get(ENV)}
    for device_type in DEVICES:
        try:
            choice = choose(device_type, _path)
            kind = 'compiled' if choice.compiled else 'reference'
            report[device_type] = f'{kind}: {choice.reason}'
        except ConfigError as error:
            report[device_type] = f'error: {error}'
    return report


def reset() -> None:
    """Forget the environment variable, the library's state and the messages; for tests."""
    for cached in (requested_path, library, _decide_once):
        cached.cache_clear()


@torch.compiler.assume_constant_result
def _decide(path: str | None, device_type: str) -> bool:
    return _decide_once(path, device_type)


@functools.cache
def _decide_once(path: str | None, device_type: str) -> bool:
    choice = choose(device_type, path)
    if not choice.compiled and choice.reason != 'chosen':
        reason = _with_way_out(choice.reason) if device_type in DEVICES else choice.reason
        print_log(
            f'deformable attention on {device_type} runs as plain PyTorch operators, several times '
            f'slower: {reason}',
            'current',
            logging.WARNING,
        )
    return choice.compiled


def _missing(device_type: str) -> str:
    """Why there is no compiled operator for this type of device, empty where there is one."""
    if device_type not in DEVICES:
        return f'there are no compiled kernels for {device_type!r}'
    found = library()
    if found.trouble:
        return found.trouble
    if device_type not in found.devices:
        return f'{found.location} was built without {DEVICES[device_type]} kernels'
    return ''


def _with_way_out(reason: str) -> str:
    return reason if BUILD in reason else f'{reason}; {BUILD}'


def _kernels(device_type: str) -> str:
    known = hasattr(torch.ops.avsbench, 'cpu_capability')
    kind = (
        torch.ops.avsbench.cpu_capability()
        if device_type == 'cpu' and known
        else DEVICES[device_type]
    )
    return f'{kind} kernels of {library().location}'


def _checked(path: str, what: str) -> str:
    return check_choice(what, path, PATHS)


def _import_package() -> ModuleType:
    """Import avsbench_ops, from the checkout where it is not installed."""
    try:
        return importlib.import_module(PACKAGE)
    except ModuleNotFoundError as error:
        source = CHECKOUT / PACKAGE / '__init__.py'
        if error.name != PACKAGE or not source.is_file():
            raise
    spec = importlib.util.spec_from_file_location(PACKAGE, source)
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[PACKAGE]
        raise
    return module


def _has_kernel(key: str) -> bool:
    namespace, name = OPERATOR.split('::')
    known = hasattr(getattr(torch.ops, namespace), name)
    return known and torch._C._dispatch_has_kernel_for_dispatch_key(OPERATOR, key)
