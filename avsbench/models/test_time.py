"""Test-time augmentation: a clip at several sizes, and mirrored, joined to one prediction."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from avsbench.registry import MODELS
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError
from avsbench.utils.maps import resize

JOINS = ('mean', 'maximum')


@MODELS.register_module()
class TestTimeAugmentation:
    """Predicts a batch at several sizes, and mirrored, and joins the probabilities.

    mmengine's `BaseTTAModel` does not fit: it runs a pipeline once for each size on the images as
    they are on disk, and joins data samples afterwards. Here the sizes are those of the normalised
    tensor, resized without antialiasing, whose side is truncated, as in the published code; a clip
    is read once, and one running sum is all that is kept of the passes before.

    Args:
        scales: Factors of the sides of the frames; sides are rounded down.
        flip: Whether to predict the mirrored frames, too, at every scale.
        scales_join: 'mean' or 'maximum' of the probabilities at all scales.
        flip_join: The same, of what the scales gave for the frames and their mirror images.
        threshold_inclusive: Whether a joined probability of 0.5 is foreground, too, with one class.
    """

    __test__ = False  # the name is no test's, whatever pytest thinks

    def __init__(
        self,
        scales: Sequence[float] = (1,),
        flip: bool = False,
        *,
        scales_join: str = 'mean',
        flip_join: str = 'mean',
        threshold_inclusive: bool = False,
    ) -> None:
        if not scales or min(scales) <= 0:
            raise ConfigError(
                f'TestTimeAugmentation: scales={list(scales)}, expected one or more factors above 0'
            )
        self.scales = tuple(scales)
        self.flip = flip
        self.scales_join = check_choice('TestTimeAugmentation: scales_join', scales_join, JOINS)
        self.flip_join = check_choice('TestTimeAugmentation: flip_join', flip_join, JOINS)
        self.threshold_inclusive = threshold_inclusive

    @torch.no_grad()
    def __call__(self, frames: Tensor, predict: Callable[[Tensor, bool], Tensor]) -> Tensor:
        """Predict and join.

        Args:
            frames: (N, 3, H, W), normalised.
            predict: Makes probabilities (N', K, H', W'), which may be written to, of frames
                (N, 3, h, w) of any size, and of whether they are mirrored.

        Returns:
            (N', K, H', W') probabilities.
        """
        sides = (False, True) if self.flip else (False,)
        return join((self._at_all_scales(frames, predict, side) for side in sides), self.flip_join)

    def _at_all_scales(
        self, frames: Tensor, predict: Callable[[Tensor, bool], Tensor], mirrored: bool
    ) -> Tensor:
        if mirrored:
            frames = frames.flip(-1)
        scaled = (predict(_scaled(frames, scale), mirrored) for scale in self.scales)
        joined = join(scaled, self.scales_join)
        return joined.flip(-1) if mirrored else joined


def join(maps: Iterable[Tensor], how: str) -> Tensor:
    """Mean or maximum of maps, of which two are kept at a time; the first is written to."""
    total, count = None, 0
    for each in maps:
        count += 1
        if total is None:
            total = each
        elif how == 'mean':
            total += each
        else:
            torch.maximum(total, each, out=total)
    return total.div_(count) if how == 'mean' and count > 1 else total


def _scaled(frames: Tensor, scale: float) -> Tensor:
    """Frames (N, 3, H, W) with sides that are `scale` times as long, rounded down.

    Raises:
        ConfigError: Nothing would be left.
    """
    size = tuple(int(side * scale) for side in frames.shape[-2:])
    if min(size) < 1:
        raise ConfigError(
            f'TestTimeAugmentation: scale {scale} leaves nothing of frames of {frames.shape[-2:]}'
        )
    return resize(frames, size)
