"""Pretrained weights of a part of the network, as a training starts from them."""

from pathlib import Path

from mmengine.logging import print_log
from torch import nn

from avsbench.checkpoint.loading import read_checkpoint, state_dict_of
from avsbench.checkpoint.pretrained import match_pretrained
from avsbench.utils.errors import CheckpointError
from avsbench.utils.safe_pickle import load_array_pickle


class PretrainedPart:
    """Mixin of the parts that start from a weight file.

    A file that is not there is reported at the start of the training and in the results, since the
    published numbers can't be reached without it; `require_weights` makes it an error.
    """

    weights: str | None
    require_weights: bool
    missing_weights: str | None = None

    def load_pretrained(self, module: nn.Module, what: str) -> None:
        """Load `self.weights` into `module`.

        Args:
            module: The network that the file belongs to.
            what: What the file holds, for messages.

        Raises:
            CheckpointError: The file is missing and required, or it does not fit.
        """
        if self.weights is None:
            return
        if not Path(self.weights).is_file():
            if self.require_weights:
                raise CheckpointError(
                    f'{what}: no file {self.weights!r}; put it there, or set weights=None to '
                    'start from random numbers'
                )
            self.missing_weights = self.weights
            print_log(
                f'{what}: no file {self.weights!r}. The training starts from RANDOM weights here; '
                'published results need the file (README, "Pretrained weights").',
                'current',
                level=30,
            )
            return
        if Path(self.weights).suffix == '.pkl':  # detectron2's
            state = load_array_pickle(self.weights)
        else:
            state = state_dict_of(read_checkpoint(self.weights))
        module.load_state_dict(match_pretrained(state, module, self.weights))
        print_log(f'{what}: loaded {self.weights}', 'current')
