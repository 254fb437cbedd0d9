"""Refinement of a frame's mask by a dense conditional random field.

Kraehenbuehl and Koltun, Efficient Inference in Fully Connected CRFs with Gaussian Edge Potentials,
arXiv 1210.5644; mean-field inference with two pairwise terms, filtered by the permutohedral
lattice. MED-VT (arXiv 2304.05930) applies it to its predictions on DAVIS.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from avsbench.evaluation.video.permutohedral import PermutohedralLattice


@dataclass(frozen=True)
class CRFSettings:
    """What the published refinement on DAVIS uses.

    Attributes:
        spatial_std: Standard deviation of the Gaussian term, in pixels.
        spatial_weight: Its weight; 0 leaves it out.
        bilateral_std: Standard deviation of the bilateral term in space, in pixels.
        color_std: Its standard deviation in color, in grey levels.
        bilateral_weight: Its weight; 0 leaves it out.
        iterations: Steps of the mean-field inference.
        power: Exponent applied to the probabilities before they are stretched to 0 ... 1.
        floor: Smallest probability whose logarithm is taken.
    """

    spatial_std: float = 0.220880737269
    spatial_weight: float = 1.24845093352
    bilateral_std: float = 22.3761305044
    color_std: float = 7.70254062277
    bilateral_weight: float = 1.40326787165
    iterations: int = 15
    power: float = 1.3
    floor: float = 1e-5


DAVIS_CRF = CRFSettings()


def stretched_probability(levels: np.ndarray, power: float = DAVIS_CRF.power) -> np.ndarray | None:
    """Foreground probability of each pixel, stretched so that the frame spans 0 ... 1.

    Args:
        levels: (H, W) uint8, 255 times the probability.
        power: Exponent applied before.

    Returns:
        (H, W) float64; None for a constant frame, which can't be stretched.
    """
    # A power in float32, the rest in float64, is what the published code computes.
    raised = ((levels / np.float32(255)) ** np.float32(power)).astype(np.float64)
    low, high = raised.min(), raised.max()
    return None if low == high else (raised - low) / (high - low)


def unary_energies(probability: np.ndarray, floor: float = DAVIS_CRF.floor) -> np.ndarray:
    """Negative log-probabilities of background and foreground.

    Args:
        probability: (H, W) of the foreground.
        floor: Smaller probabilities count as this one.

    Returns:
        (2, H, W) float32.
    """
    both = np.stack([1 - probability, probability])
    return -np.log(np.clip(both, floor, 1)).astype(np.float32)


def dense_crf(
    unary: np.ndarray, image: np.ndarray, settings: CRFSettings = DAVIS_CRF
) -> np.ndarray:
    """Probability of each label after mean-field inference.

    Args:
        unary: (K, H, W) float32 energies.
        image: (H, W, 3) uint8 RGB.
        settings: Pairwise terms and number of iterations.

    Returns:
        (K, H, W) float32, sums to 1 at each pixel.

    Raises:
        ValueError: Image and energies differ in size, or the image is not 8-bit RGB.
    """
    labels, height, width = unary.shape
    if image.shape != (height, width, 3) or image.dtype != np.uint8:
        raise ValueError(
            f'dense_crf: image {image.shape} {image.dtype}, expected ({height}, {width}, 3) uint8 '
            f'to go with energies {unary.shape}'
        )
    scores = np.ascontiguousarray(-unary.reshape(labels, -1).T)  # (N, K)
    terms = [
        (weight, kernel())
        for weight, kernel in (
            (settings.spatial_weight, lambda: _spatial(height, width, settings.spatial_std)),
            (settings.bilateral_weight, lambda: _bilateral(image, settings)),
        )
        if weight
    ]
    beliefs = _softmax(scores)
    for _ in range(settings.iterations):
        total = scores.copy()
        for weight, kernel in terms:
            # The Potts model: support for the same label, which is the penalty for others up to
            # a constant that the softmax drops.
            total += np.float32(weight) * kernel(beliefs)
        beliefs = _softmax(total)
    return beliefs.T.reshape(labels, height, width)


def refine_mask(
    image: np.ndarray, levels: np.ndarray, settings: CRFSettings = DAVIS_CRF
) -> np.ndarray:
    """The foreground of a frame, from its image and its stored probabilities.

    A constant frame can't be stretched (the published code makes it NaN): its mask is what it is
    without refinement.

    Args:
        image: (H, W, 3) uint8 RGB.
        levels: (H, W) uint8, 255 times the probability of the foreground.
        settings: Of the refinement.

    Returns:
        (H, W) bool.

    Raises:
        ValueError: Shapes or types don't fit.
    """
    if levels.ndim != 2 or levels.dtype != np.uint8:
        raise ValueError(
            f'refine_mask: levels {levels.shape} {levels.dtype}, expected (H, W) uint8'
        )
    probability = stretched_probability(levels, settings.power)
    if probability is None:
        return levels > 127
    unary = unary_energies(probability, settings.floor)
    return dense_crf(unary, image, settings).argmax(0) == 1


class _Kernel:
    """A normalised Gaussian kernel over the pixels of an image.

    Args:
        features: (N, d) float32.
    """

    def __init__(self, features: np.ndarray) -> None:
        self._lattice = PermutohedralLattice(features)
        ones = np.ones((len(features), 1), np.float32)
        self._norm = 1 / np.sqrt(self._lattice.filter(ones) + np.float32(1e-20))  # (N, 1)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return self._lattice.filter(values * self._norm) * self._norm


@lru_cache(maxsize=1)  # the frames of a video have one size
def _spatial(height: int, width: int, std: float) -> _Kernel:
    return _Kernel(_positions(height, width, std))


def _bilateral(image: np.ndarray, settings: CRFSettings) -> _Kernel:
    positions = _positions(*image.shape[:2], settings.bilateral_std)
    colors = image.reshape(-1, 3).astype(np.float32) / np.float32(settings.color_std)
    return _Kernel(np.concatenate([positions, colors], 1))


def _positions(height: int, width: int, std: float) -> np.ndarray:
    """(H * W, 2) float32: x and y of each pixel in standard deviations."""
    y, x = np.mgrid[:height, :width].reshape(2, -1)
    return np.stack([x, y], 1).astype(np.float32) / np.float32(std)


def _softmax(scores: np.ndarray) -> np.ndarray:
    exponents = np.exp(scores - scores.max(1, keepdims=True))
    return exponents / exponents.sum(1, keepdims=True)
