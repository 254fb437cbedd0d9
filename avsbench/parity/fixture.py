"""Parity fixtures: what a published code base returned for seeded weights and inputs.

`NAME.json` lists the published checkpoint's keys and how the inputs are made; `NAME.npz` holds
every stride-th value of each output. `seeded.py`, beside the fixture or one folder up, makes
weights and inputs as pure functions of a name and a shape, so that no file has to be downloaded.
Arrays that the json lists under `given` are inputs that no function makes.
"""

import functools
import importlib.util
import math
import operator
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from scipy.special import stdtrit
from torch import Tensor

from avsbench.layouts import LAYOUTS
from avsbench.utils.errors import DataError
from avsbench.utils.text import read_json

OUTPUT_TOLERANCE = 1e-4  # of the largest stored value
SCALAR_TOLERANCE = 1e-3  # relative, for losses and gradient norms
# The most that rounding may explain, as a share of the number itself or of the output's scale.
NOISE_LIMIT = 1e-2
CONFIDENCE = 0.999  # that rounding moves a number no farther than its measured noise
GRADIENT_NOISE = 1e-6  # gradient norms below this are rounding
# Losses of other settings than the published one, and of a given prediction.
FURTHER_LOSSES = ('extra_losses', 'losses_given_pred')
Noise = dict[tuple[str, str], float]  # by kind of number, as in `Row.kind`, and name


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


@dataclass(frozen=True)
class Limit:
    """How far numbers may be off that are not those of a network; NaN equals NaN.

    Attributes:
        difference: Largest one allowed.
        share: Of the values of an output that must keep it.
        others: Largest difference allowed of the other values.
    """

    difference: float
    share: float = 1.0
    others: float = math.inf

    def row(self, kind: str, name: str, ours: np.ndarray, stored: np.ndarray) -> Row:
        """Compare arrays of one shape."""
        off = np.where(np.isnan(ours) & np.isnan(stored), 0.0, np.abs(ours - stored)).ravel()
        scale = float(np.nanmax(np.abs(stored), initial=0.0))
        if self.share < 1:
            name = f'{name} ({self.share:.1%})'
            off = np.sort(off)  # NaN comes last
            if math.isinf(self.others) or not off.size or off[-1] <= self.others:
                off = off[: math.ceil(self.share * off.size)]
        return Row(kind, name, float(off.max(initial=0.0)), scale, self.difference)


@dataclass
class Computed:
    """What our implementation returned, under the fixture's names.

    `noise` is the difference that rounding explains, since the stored number and ours are both
    float32; it widens the tolerance number by number, up to a hundredth of the number.
    `discontinuous` names outputs behind a threshold where rounding moves a few values far: 99 % of
    them are held to the tolerance, all to a hundredth of their scale. `limits` replaces all this
    for the outputs and metrics that it names. `rows` compare what is no array of numbers, such as
    names of files.
    """

    outputs: dict[str, Tensor | np.ndarray] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    grid_losses: dict[str, float] = field(default_factory=dict)
    grad_norms: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    noise: Noise = field(default_factory=dict)
    discontinuous: frozenset[str] = frozenset()
    limits: dict[str, Limit] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)


def rounding_noise(computed: Computed, others: Sequence[Computed]) -> Noise:
    """How far another rounding may move each output, loss and gradient norm of a network.

    An output's largest change stands for many values; a loss or norm is a single draw, so that its
    spread is what a few draws tell of it by Student's t. A wrong network is as close to itself as
    a right one, so that this hides nothing but rounding.

    Args:
        computed: What is compared with the fixture.
        others: The same numbers, computed in ways that only round differently; gradient norms whose
            noise is not asked for may be NaN or missing.

    Returns:
        The difference that rounding explains between two float32 results, for each number.
    """
    noise: Noise = {}
    if not others:
        return noise
    for name, value in computed.outputs.items():
        found = [torch.as_tensor(other.outputs[name]).detach().double() for other in others]
        changes = [float((part - torch.as_tensor(value).detach()).abs().max()) for part in found]
        noise['output', name] = 2 * max(changes)  # the stored one may be off as far, the other way
    # Two-sided; the difference of two draws has twice the variance of one.
    spread = math.sqrt(2) * float(stdtrit(len(others), (1 + CONFIDENCE) / 2))
    for kind, group in (
        ('loss', 'losses'),
        ('grid loss', 'grid_losses'),
        ('gradient', 'grad_norms'),
    ):
        for name, value in getattr(computed, group).items():
            draws = [value, *(getattr(other, group).get(name, math.nan) for other in others)]
            if not any(map(math.isnan, draws)):  # the norm of a gradient that does not exist
                noise[kind, name] = spread * statistics.stdev(draws)
    return noise


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
            self.content = read_json(self.path)
            self.system: str = self.content['system']
            self.variant: str = self.content['variant']
        except (KeyError, TypeError) as error:
            raise DataError(f'{self.path} is not a parity fixture: {error!r}') from None
        self.stored = dict(np.load(arrays, allow_pickle=False))
        self.seeded = _load_seeded(self.path)

    @property
    def subset(self) -> str | None:
        """Subset of AVSBench that the variant names, such as 's4' in `pvt2_s4_512`, or None."""
        return next((part for part in self.variant.split('_') if part in LAYOUTS), None)

    def input(self, name: str) -> np.ndarray:
        """Make the input `name`, which is given as a function of `seeded.py` or as its values."""
        recipe = self.content['inputs'][name]
        if 'values' in recipe:
            return np.asarray(recipe['values'])
        return getattr(self.seeded, recipe['function'])(*recipe['args'])

    def whole(self, name: str) -> Tensor | None:
        """The output `name` in its shape, or None where only some of its values are stored."""
        described = self.content['outputs'][name]
        if described['stride'] != 1:
            return None
        return torch.from_numpy(self.stored[name].reshape(described['shape']))

    def state_dict(self, entry: str = 'checkpoint', prefix: str = '') -> dict[str, Tensor]:
        """Make seeded weights under their published keys.

        Args:
            entry: Which list of the fixture: 'checkpoint', or 'audio_checkpoint' where the audio
                encoder's weights are a separate file.
            prefix: Make only those whose keys begin so.
        """
        entries = [item for item in self.content[entry] if item[0].startswith(prefix)]
        return {key: torch.from_numpy(value) for key, value in self._state(entries).items()}

    def _state(self, entries: list) -> dict[str, np.ndarray]:
        return {key: np.asarray(value) for key, value in self.seeded.state_dict(entries).items()}

    def compare(self, computed: Computed) -> list[Row]:
        """One row for each stored output, loss, gradient norm and metric."""
        rows = []
        given = self.content.get('given', ())
        for name in [name for name in self.stored if name not in given]:
            rows += self._output_rows(name, computed)
        losses = dict(self.content.get('losses', {}))
        for group in FURTHER_LOSSES:
            entries = self.content.get(group, {})
            losses |= {f'{group}.{name}': value for name, value in entries.items()}
        kinds = (
            ('loss', losses, computed.losses),
            ('grid loss', self.content.get('losses_full_grid', {}), computed.grid_losses),
            ('gradient', self.content.get('grad_norms', {}), computed.grad_norms),
        )
        for kind, stored, ours in kinds:
            rows += [
                _scalar_row(
                    kind, name, value, ours.get(name), computed.noise.get((kind, name), 0.0)
                )
                for name, value in stored.items()
            ]
        stored = flat(self.content.get('summary', {}))
        rows += [
            _metric_row(name, stored[name], value, computed.limits.get(name))
            for name, value in computed.metrics.items()
            if name in stored
        ]
        return rows + computed.rows

    def _output_rows(self, name: str, computed: Computed) -> list[Row]:
        stored, ours = self.stored[name], computed.outputs.get(name)
        described = self.content['outputs'][name]
        scale = float(np.abs(stored).max(initial=0.0))
        if ours is None:
            return [Row('output', f'{name} (not computed)', float('nan'), scale, 0.0)]
        if isinstance(ours, Tensor):
            ours = ours.detach().cpu().numpy()
        if list(ours.shape) != described['shape']:
            shapes = f'{name} (shape {list(ours.shape)}, stored {described["shape"]})'
            return [Row('output', shapes, float('nan'), scale, 0.0)]
        sampled = ours.reshape(-1)[:: described['stride']].astype(np.float64)
        if sampled.size != stored.size:
            raise DataError(
                f'{self.path}: output {name!r} has {stored.size} values in the npz, and '
                f'{sampled.size} by its shape and stride in the json'
            )
        if name in computed.limits:
            return [computed.limits[name].row('output', name, sampled, stored.reshape(-1))]
        noise = computed.noise.get(('output', name), 0.0)
        differences = np.abs(sampled - stored.reshape(-1))
        largest = float(differences.max(initial=0.0))
        # A stored array of zeros must be met exactly.
        tolerance = max(OUTPUT_TOLERANCE * scale, min(noise, NOISE_LIMIT * scale))
        if name not in computed.discontinuous:
            return [Row('output', name, largest, scale, tolerance)]
        most = float(np.quantile(differences, 0.99))
        return [
            Row('output', f'{name} (99 %)', most, scale, tolerance),
            Row('output', f'{name} (all)', largest, scale, NOISE_LIMIT * scale),
        ]


def flat(summary: dict, prefix: str = '') -> dict[str, float]:
    """Nested dicts of numbers as one dict with dotted names."""
    out = {}
    for name, value in summary.items():
        nested = isinstance(value, dict)
        out |= flat(value, f'{prefix}{name}.') if nested else {prefix + name: value}
    return out


def entry_row(fixture: Fixture, path: Sequence[str | int], ours: Any) -> Row:
    """Compare an entry of the json, such as a count or a list of names, which must equal.

    Args:
        fixture: The fixture.
        path: Keys and indices that lead to the entry.
        ours: What we have there; anything else than the entry is infinitely far from it.
    """
    stored = functools.reduce(operator.getitem, path, fixture.content)
    name = '.'.join(map(str, path))
    if ours == stored:
        return Row('entry', name, 0.0, 0.0, 0.0)
    return Row('entry', f'{name} ({ours!r}, stored {stored!r})', math.inf, 0.0, 0.0)


def _metric_row(name: str, stored: float, ours: float | None, limit: Limit | None) -> Row:
    if limit is None or ours is None:
        return _scalar_row('metric', name, stored, ours)
    return limit.row('metric', name, np.float64(ours), np.float64(stored))


def _scalar_row(
    kind: str, name: str, stored: float | None, ours: float | None, noise: float = 0.0
) -> Row:
    if stored is None:  # no gradient arrives there; ours may be absent (NaN) or zero
        reached = 0.0 if ours is not None and math.isnan(ours) else ours
        stored, ours = 0.0, reached
    if ours is None:
        return Row(kind, f'{name} (not computed)', float('nan'), abs(stored), 0.0)
    floor = GRADIENT_NOISE if kind == 'gradient' else 0.0
    allowed_noise = min(noise, NOISE_LIMIT * abs(stored))
    tolerance = max(SCALAR_TOLERANCE * abs(stored), floor, allowed_noise)
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
