"""Pretrained weights of a part of the network, as a training starts from them."""

from pathlib import Path

from mmengine.logging import print_log
from torch import Tensor, nn

from avsbench.checkpoint.backbones import DETECTRON_RESNET_RULES, PVT_V2_RULES
from avsbench.checkpoint.reading import read_checkpoint, state_dict_of
from avsbench.utils.errors import CheckpointError, examples
from avsbench.utils.safe_pickle import load_array_pickle

# What a classification network has on top of the features.
CLASSIFIER_PREFIXES = ('head.', 'fc.', 'classifier.', 'stem.fc.')
COUNTER = '.num_batches_tracked'


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
            self._report_missing(what)
            return
        if Path(self.weights).suffix == '.pkl':  # detectron2's
            state = load_array_pickle(self.weights)
        else:
            state = state_dict_of(read_checkpoint(self.weights))
        module.load_state_dict(match_pretrained(state, module, self.weights))
        print_log(f'{what}: loaded {self.weights}', 'current')

    def _report_missing(self, what: str) -> None:
        if self.require_weights:
            raise CheckpointError(
                f'{what}: no file {self.weights!r}; put it there, or set weights=None to start '
                'from random numbers'
            )
        self.missing_weights = self.weights
        print_log(
            f'{what}: no file {self.weights!r}. The training starts from RANDOM weights here; '
            'published results need the file (README, "Pretrained weights").',
            'current',
            level=30,
        )


def match_pretrained(state: dict[str, Tensor], module: nn.Module, path: str) -> dict[str, Tensor]:
    """Rename and select the entries of a pretraining file that a network needs.

    Args:
        state: The file's state dict, under the keys of the network itself, of timm's whole
            network, of the published PVTv2 files or of detectron2's ResNets.
        module: The network.
        path: The file, for messages.

    Returns:
        A state dict with exactly the keys of `module`.

    Raises:
        CheckpointError: Keys are missing or left over, or shapes differ.
    """
    wanted = module.state_dict()
    found: dict[str, Tensor] = {}
    for key, tensor in state.items():
        names = (key, key.replace('stages.', 'stages_', 1), _published_name(key))
        found[next((name for name in names if name in wanted), key)] = tensor
    # detectron2's files were made before batch normalisations counted their batches.
    found |= {key: wanted[key] for key in wanted if key.endswith(COUNTER) and key not in found}
    missing = [key for key in wanted if key not in found]
    left_over = [
        key
        for key in found
        if key not in wanted
        and not key.startswith(CLASSIFIER_PREFIXES)
        and not key.endswith(COUNTER)  # a frozen normalisation doesn't count
    ]
    wrong = [key for key in wanted if key in found and found[key].shape != wanted[key].shape]
    problems = [
        f'{len(keys)} {what}: {examples(keys)}'
        for what, keys in (
            ('missing', missing),
            ('not in the network', left_over),
            ('of another shape', wrong),
        )
        if keys
    ]
    if problems:
        raise CheckpointError(f'{path} does not fit {type(module).__name__}: {"; ".join(problems)}')
    return {key: found[key] for key in wanted}


def _published_name(key: str) -> str:
    rules = (*PVT_V2_RULES, *DETECTRON_RESNET_RULES)
    renamed = (rule.rename(key, to_ours=True) for rule in rules)
    return next((name for name in renamed if name), key)
