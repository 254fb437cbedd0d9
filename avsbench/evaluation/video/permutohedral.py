"""Gaussian filtering of scattered points by the permutohedral lattice.

Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral Lattice, Computer
Graphics Forum 29(2), 2010. The lattice is an approximation with an error of its own: published
numbers of the dense CRF contain it, so that exact Gaussian sums do not reproduce them. All values
are float32 and computed in the order of the widespread C++ implementation, so that a point near
the border of two simplices falls on the same side.
"""

import math

import numpy as np
from scipy import sparse

_LARGEST_KEY = 2**62  # a lattice point's coordinates are packed into one int64


class PermutohedralLattice:
    """The lattice around N points of d features; filters any values given at the points.

    Args:
        features: (N, d) float32, divided by the standard deviation of the Gaussian in each
            dimension.

    Raises:
        ValueError: The features spread too far to number the lattice points.
    """

    def __init__(self, features: np.ndarray) -> None:
        points, dims = features.shape
        keys, weights, steps = _corners(np.ascontiguousarray(features.T, np.float32))
        vertices, index = np.unique(keys, return_inverse=True)  # (V,), (N * (d + 1),)
        starts = np.arange(0, keys.size + 1, dims + 1, dtype=np.int32)
        # What a point takes from each vertex, which is what it gives to it, too.
        self._slice = sparse.csr_array(
            (weights.ravel(), index.ravel().astype(np.int32), starts),
            shape=(points, len(vertices)),
        )
        self._splat = self._slice.T.tocsr()
        self._neighbours = [_neighbours(vertices, step) for step in steps]
        self._scale = np.float32(1 / (1 + 2.0**-dims))

    def filter(self, values: np.ndarray) -> np.ndarray:
        """The Gaussian-weighted sums over all points, up to a factor common to all of them.

        Args:
            values: (N, C) float32.

        Returns:
            (N, C) float32.
        """
        vertices = self._splat.shape[0]
        grid = np.zeros((vertices + 1, values.shape[1]), np.float32)  # last row: no neighbour
        grid[:-1] = self._splat @ values
        for before, after in self._neighbours:
            sums = grid.take(before, axis=0)
            sums += grid.take(after, axis=0)
            sums *= np.float32(0.5)
            grid[:-1] += sums
        return (self._slice @ grid[:-1]) * self._scale


def _corners(features: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The corners of the simplex that each point lies in.

    Args:
        features: (d, N) float32.

    Returns:
        The number of each vertex, (N, d + 1) int64; its barycentric weight, (N, d + 1) float32;
        and by how much the number changes with a step along each of the d + 1 axes.
    """
    elevated = _elevated(features)  # (d + 1, N), sums to 0 at each point
    size, points = elevated.shape
    inverse = np.float32(1 / size)
    nearest = np.rint(elevated * inverse)
    origin = nearest * np.float32(size)  # the nearest multiples of d + 1, which may not sum to 0:
    rank = _ranks(elevated - origin) + nearest.sum(0).astype(np.int64)
    wrap = size * ((rank < 0).astype(np.int64) - (rank >= size))
    rank += wrap
    origin += wrap.astype(np.float32)  # those with the largest residuals move
    place = rank * points + np.arange(points)
    ordered = np.empty(elevated.shape, np.float32)  # residuals, the largest one first
    ordered.ravel()[place] = (elevated - origin) * inverse
    axis = np.empty(elevated.shape, np.int8)  # of each of them
    axis.ravel()[place] = np.arange(size, dtype=np.int8)[:, None]

    weights = np.empty((points, size), np.float32)
    weights[:, 0] = ordered[-1] + (np.float32(1) - ordered[0])
    weights[:, 1:] = (ordered[:-1] - ordered[1:])[::-1].T
    keys = np.empty((points, size), np.int64)
    keys[:, 0], steps = _numbered(origin[:-1].astype(np.int64))
    # From corner to corner one step back along each axis, that of the smallest residual first.
    back = -np.array(steps)
    for corner in range(1, size):
        keys[:, corner] = keys[:, corner - 1] + back[axis[size - corner]]
    return keys, weights, steps


def _elevated(features: np.ndarray) -> np.ndarray:
    """Points (d, N) brought to the plane of d + 1 coordinates that sum to 0, (d + 1, N)."""
    dims, points = features.shape
    deviation = float(np.float32(math.sqrt(2 / 3) * (dims + 1)))  # of the filter on the lattice
    out = np.empty((dims + 1, points), np.float32)
    total = np.zeros(points, np.float32)
    for axis in range(dims, 0, -1):
        scaled = features[axis - 1] * np.float32(deviation / math.sqrt((axis + 1) * axis))
        out[axis] = total - np.float32(axis) * scaled
        total = total + scaled
    out[0] = total
    return out


def _ranks(residuals: np.ndarray) -> np.ndarray:
    """How many coordinates of a point have a larger residual, (d + 1, N) int64.

    Of equal ones the earlier comes first.
    """
    ranks = np.zeros(residuals.shape, np.int64)
    for first in range(len(residuals)):
        for second in range(first + 1, len(residuals)):
            smaller = residuals[first] < residuals[second]
            ranks[first] += smaller
            ranks[second] += ~smaller
    return ranks


def _numbered(origins: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Number lattice points by d of their d + 1 coordinates.

    Args:
        origins: (d, N) int64.

    Returns:
        (N,) int64, and by how much the number changes with a step along each of the d + 1 axes:
        d upwards on it and 1 downwards on the others.
    """
    dims = len(origins)
    # Corners lie d + 1 away at most, and so do their neighbours from them. With this room no
    # step runs into another coordinate.
    margin = 2 * (dims + 1)
    low = origins.min(1) - margin
    spans = (origins.max(1) + margin + 1 - low).tolist()
    strides = [math.prod(spans[axis + 1 :]) for axis in range(dims)]
    if math.prod(spans) >= _LARGEST_KEY:
        raise ValueError(
            f'permutohedral lattice: features spread over {spans} lattice points, too many to '
            f'number; divide them by larger standard deviations'
        )
    down = -sum(strides)
    steps = [down + (dims + 1) * stride for stride in strides] + [down]
    return np.array(strides, np.int64) @ (origins - low[:, None]), steps


def _neighbours(vertices: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each of V sorted vertices has its neighbours along an axis; V if it has none."""
    count = len(vertices)
    wanted = vertices + step
    place = np.searchsorted(vertices, wanted)
    place[place == count] = 0
    found = np.flatnonzero(vertices[place] == wanted)
    before, after = np.full((2, count), count, np.int64)
    before[found] = place[found]
    after[place[found]] = found
    return before, after
