"""Curves of a training as a few numbers: losses and metrics by epoch, and what differs in two."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from avsbench.analysis.run_logs import RunLog
from avsbench.utils.errors import DataError

LOSS = 'loss'
_NOT_MEASURED = {'time', 'data_time', 'memory', 'step', 'epoch', 'iter'}


@dataclass(frozen=True)
class Curves:
    """Curves of one training.

    Attributes:
        unit: What positions count, 'epoch' or 'iteration'.
        curves: {name: {position: value}}. A loss is the mean of what was logged since the position
            before, a metric that of a validation.
    """

    unit: str
    curves: dict[str, dict[int, float]]

    def to_json(self) -> dict[str, Any]:
        """Plain data, that `from_json` reads."""
        return {
            'unit': self.unit,
            'curves': {
                name: {'at': list(curve), 'values': list(curve.values())}
                for name, curve in self.curves.items()
            },
        }

    @classmethod
    def from_json(cls, content: Any, source: str) -> 'Curves':
        """Read what `to_json` has made.

        Args:
            content: The plain data.
            source: Where it comes from, for errors.

        Raises:
            DataError: It is something else.
        """
        try:
            curves = {
                str(name): {
                    int(at): float(value)
                    for at, value in zip(curve['at'], curve['values'], strict=True)
                    if value is not None
                }
                for name, curve in content['curves'].items()
            }
            return cls(str(content['unit']), curves)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise DataError(
                f"{source}: no curves; expected 'unit', and for each name 'at' and 'values' of one "
                f'length ({type(error).__name__}: {error})'
            ) from error


def curves_of(run: RunLog) -> Curves:
    """The losses and metrics of a training by epoch, or by validation where it has no epochs."""
    curves: dict[str, dict[int, float]] = {}
    for name in (name for name in run.train if str(name).startswith(LOSS)):
        curves[str(name)] = _by_position(run, run.train[name].dropna())
    for name in (name for name in run.val if name not in _NOT_MEASURED):
        values = pd.to_numeric(run.val[name], errors='coerce').dropna()
        curves[str(name)] = {int(at): float(value) for at, value in values.items()}
    return Curves('epoch' if run.by_epoch else 'iteration', curves)


def _by_position(run: RunLog, values: pd.Series) -> dict[int, float]:
    if run.by_epoch:
        position = run.train['epoch'].loc[values.index]
    else:
        ends = run.val.index if len(run.val) else values.index
        place = ends.searchsorted(values.index)
        values = values[place < len(ends)]
        position = pd.Series(ends[place[place < len(ends)]], index=values.index)
    means = values.groupby(position).mean()
    return {int(at): float(value) for at, value in means.items()}


@dataclass(frozen=True)
class CurveDifference:
    """How a curve of a training that was done again differs from the first one.

    Attributes:
        name: Of the curve.
        points: Positions that both have.
        missing: Positions that only the first one has.
        largest: Largest difference; of a loss as a share of its value.
        largest_at: Its position.
        left_at: First position at which it exceeds the tolerance, or None.
    """

    name: str
    points: int
    missing: int
    largest: float
    largest_at: int | None
    left_at: int | None

    @property
    def same(self) -> bool:
        """Whether the curve is within the tolerance, all of it."""
        return self.left_at is None and not self.missing


def compare_curves(
    then: Curves, now: Curves, names: Collection[str], tolerance: float
) -> list[CurveDifference]:
    """Compare curves of two trainings.

    Args:
        then: Of the first.
        now: Of the second.
        names: Which; those that the first has.
        tolerance: Largest difference: of a loss as a share of its value, of others as it is.

    Raises:
        DataError: They count different things, or the first has none of the curves.
    """
    if then.unit != now.unit:
        raise DataError(f'one training counts {then.unit}s, the other {now.unit}s')
    found = [_compare(name, then, now, tolerance) for name in names if name in then.curves]
    if not found:
        raise DataError(f'no curve {", ".join(names)} to compare; there are {_names(then.curves)}')
    return found


def _compare(name: str, then: Curves, now: Curves, tolerance: float) -> CurveDifference:
    first, second = then.curves[name], now.curves.get(name, {})
    gaps = {}
    for at in sorted(first.keys() & second.keys()):
        scale = max(abs(first[at]), 1e-12) if name.startswith(LOSS) else 1.0
        gaps[at] = abs(first[at] - second[at]) / scale
    outside = [at for at, gap in gaps.items() if not gap <= tolerance]
    largest_at = max(gaps, key=lambda at: math.inf if math.isnan(gaps[at]) else gaps[at], default=0)
    return CurveDifference(
        name=name,
        points=len(gaps),
        missing=len(first.keys() - second.keys()),
        largest=gaps.get(largest_at, 0.0),
        largest_at=largest_at if gaps else None,
        left_at=outside[0] if outside else None,
    )


def _names(curves: Mapping[str, Any]) -> str:
    return ', '.join(curves) or 'none'
