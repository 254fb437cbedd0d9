"""Parity fixtures: what a published code base returned for seeded weights and inputs.

`NAME.json` lists the published checkpoint's keys and how the inputs are made; `NAME.npz` holds
every stride-th value of each output. `seeded.py`, beside the fixture or one folder up, makes
weights and inputs as pure functions of a name and a shape, so that no file has to be downloaded.
"""

import importlib.util
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from avsbench.utils.errors import DataError

OUTPUT_TOLERANCE = 1e-4  # of the largest stored value
SCALAR_TOLERANCE = 1e-3  # relative, for losses and gradient norms
GRADIENT_NOISE = 1e-6  # gradient norms below this are rounding


@dataclass
class Row:
    """One line of a parity report."""

    kind: str
    name: str
    difference: float
    scale: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the tolerance; a NaN is not."""
        return self.difference <= self.tolerance

    def __str__(self) -> str:
        verdict = 'pass' if self.passed else 'FAIL'
        return (
            f'{verdict}  {self.kind:9s} {self.name:45s} '
            f'max |difference| {self.difference:9.2e}  scale {self.scale:9.2e}  '
            f'allowed {self.tolerance:9.2e}'
        )


@dataclass
class Computed:
    """What our implementation returned, under the fixture's names."""

    outputs: dict[str, Tensor | np.ndarray] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    grad_norms: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


class Fixture:
    """A fixture on disk.

    Args:
        path: The json file.

    Raises:
        DataError: The file, its npz or `seeded.py` is missing or not readable.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        arrays = self.path.with_suffix('.npz')
        for needed in (self.path, arrays):
            if not needed.is_file():
                raise DataError(f'parity fixture: no file {needed}')
        try:
            self.content = json.loads(self.path.read_text())
            self.system: str = self.content['system']
            self.variant: str = self.content['variant']
        except (json.JSONDecodeError, KeyError) as error:
            raise DataError(f'{self.path} is not a parity fixture: {error!r}') from None
        self.stored = dict(np.load(arrays, allow_pickle=False))
        self.seeded = _load_seeded(self.path)

    def input(self, name: str) -> np.ndarray:
        """Make the input `name`."""
        recipe = self.content['inputs'][name]
        return getattr(self.seeded, recipe['function'])(*recipe['args'])

    def state_dict(self) -> dict[str, Tensor]:
        """Make the seeded weights under their published keys."""
        entries = self.content['checkpoint']
        return {key: torch.from_numpy(value) for key, value in self._state(entries).items()}

    def _state(self, entries: list) -> dict[str, np.ndarray]:
        return {key: np.asarray(value) for key, value in self.seeded.state_dict(entries).items()}

    def compare(self, computed: Computed) -> list[Row]:
        """One row for each stored output, loss, gradient norm and metric."""
        rows = [self._output_row(name, computed.outputs.get(name)) for name in self.stored]
        kinds = (
            ('loss', self.content['losses'], computed.losses),
            ('gradient', self.content['grad_norms'], computed.grad_norms),
        )
        for kind, stored, ours in kinds:
            rows += [
                _scalar_row(kind, name, value, ours.get(name)) for name, value in stored.items()
            ]
        stored = _flat(self.content.get('summary', {}))
        rows += [
            _scalar_row('metric', name, stored[name], value)
            for name, value in computed.metrics.items()
            if name in stored
        ]
        return rows

    def _output_row(self, name: str, ours: Tensor | np.ndarray | None) -> Row:
        stored = self.stored[name]
        described = self.content['outputs'][name]
        scale = float(np.abs(stored).max(initial=0.0))
        if ours is None:
            return Row('output', f'{name} (not computed)', float('nan'), scale, 0.0)
        if isinstance(ours, Tensor):
            ours = ours.detach().cpu().numpy()
        if list(ours.shape) != described['shape']:
            shapes = f'{name} (shape {list(ours.shape)}, stored {described["shape"]})'
            return Row('output', shapes, float('nan'), scale, 0.0)
        sampled = ours.reshape(-1)[:: described['stride']].astype(np.float64)
        difference = float(np.abs(sampled - stored.reshape(-1)).max(initial=0.0))
        # A stored array of zeros must be met exactly.
        return Row('output', name, difference, scale, OUTPUT_TOLERANCE * scale)


def _flat(summary: dict, prefix: str = '') -> dict[str, float]:
    """Nested dicts of numbers as one dict with dotted names."""
    flat = {}
    for name, value in summary.items():
        nested = isinstance(value, dict)
        flat |= _flat(value, f'{prefix}{name}.') if nested else {prefix + name: value}
    return flat


def _scalar_row(kind: str, name: str, stored: float, ours: float | None) -> Row:
    if ours is None:
        return Row(kind, f'{name} (not computed)', float('nan'), abs(stored), 0.0)
    noise = GRADIENT_NOISE if kind == 'gradient' else 0.0
    tolerance = max(SCALAR_TOLERANCE * abs(stored), noise)
    return Row(kind, name, abs(ours - stored), abs(stored), tolerance)


def _load_seeded(fixture: Path) -> ModuleType:
    folder = fixture.resolve().parent
    for path in (folder / 'seeded.py', folder.parent / 'seeded.py'):
        if path.is_file():
            spec = importlib.util.spec_from_file_location('avsbench_parity_seeded', path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise DataError(f'{fixture}: no seeded.py beside it or one folder up; copy it there')
