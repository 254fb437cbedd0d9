"""Pretrained weights of a part of the network, as a training starts from them."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from mmengine.logging import print_log
from torch import nn

from avsbench.checkpoint.adapter import StateDict
from avsbench.checkpoint.backbones import (
    DETECTRON_RESNET_RULES,
    PVT_V2_RULES,
    SWIN_RULES,
)
from avsbench.checkpoint.reading import digest, read_weights
from avsbench.utils.errors import CheckpointError, examples
from avsbench.utils.safe_pickle import load_array_pickle
from avsbench.weights.index import read_index

# What a classification network has on top of the features.
CLASSIFIER_PREFIXES = ('head.', 'fc.', 'classifier.', 'stem.fc.', 'norm.')
COUNTER = '.num_batches_tracked'
# Constants that a file may hold: counters, and of a Swin what follows from the size of its windows.
CONSTANTS = (COUNTER, '.attn_mask', '.relative_position_index')
# A backbone in the files of DETR and of networks made from it, such as VisTR.
_DETR_BACKBONE = re.compile(r'(?:\w+\.)?backbone\.0\.body\.')


class Matched(NamedTuple):
    """What a part of the network takes from a file.

    Attributes:
        found: The part's keys, all or some, and their tensors.
        left_out: Keys of the file that it has no use for.
    """

    found: StateDict
    left_out: list[str]


Matcher = Callable[
    [StateDict, nn.Module, str], Matched
]  # of a file's weights, for a part; its path


FETCHED = 'timm'  # in place of a file: weights that timm fetches


class PretrainedPart:
    """Mixin of the parts that start from a weight file.

    Without its file a training stops, since it would start from random numbers and never reach what
    was published. With `require_weights=False` it goes on, and says so in its log and its results.
    """

    weights: str | None
    require_weights: bool
    missing_weights: str | None = None
    # Set by the runner where a checkpoint brings all weights, so that no file is needed.
    checkpoint_follows: bool = False
    # Set where checkpoints leave out what comes from a file, see `avsbench.checkpoint.frozen`.
    notes_source: bool = False
    loaded: tuple[nn.Module, str, dict[str, str]] | None = None  # with a hash of each tensor

    def note_loaded(self, module: nn.Module, keys: Iterable[str]) -> None:
        """Note, where that is wanted, what `module` has just loaded from `self.weights`."""
        if self.notes_source:
            state = module.state_dict()
            self.loaded = module, self.weights, {key: digest(state[key]) for key in keys}

    def load_pretrained(self, module: nn.Module, what: str, match: Matcher | None = None) -> None:
        """Load `self.weights` into `module`.

        Args:
            module: The network that the file belongs to.
            what: What the file holds, for messages.
            match: Selects and renames; None for `match_pretrained`. What it does not find keeps
                its values.

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
            state = read_weights(self.weights)
        found, left_out = (match or match_pretrained)(state, module, self.weights)
        kept = module.load_state_dict(found, strict=False).missing_keys
        self.note_loaded(module, found)
        lines = [f'{what}: loaded {self.weights}, {len(found)} tensors']
        if left_out:
            lines.append(f'left out of the file: {examples(left_out)}')
        if kept:
            lines.append(f'not in the file, left as initialized: {examples(kept)}')
        print_log('; '.join(lines), 'current')

    def _report_missing(self, what: str) -> None:
        if self.require_weights and not self.checkpoint_follows:
            raise CheckpointError(
                f'{what}: no file {self.weights!r}{_origin(self.weights)}; put it there, or set '
                'weights=None in this part of the model to start from random numbers, which does '
                'not reach published results'
            )
        self.missing_weights = self.weights
        if self.checkpoint_follows:
            print_log(f'{what}: no file {self.weights!r}; a checkpoint brings them', 'current')
            return
        print_log(
            f'{what}: no file {self.weights!r}. The training starts from RANDOM weights here; '
            'published results need the file (docs/weights.md).',
            'current',
            level=30,
        )


def _origin(path: str) -> str:
    """Where a file that a config names was published; empty if that is not known."""
    entry = read_index().encoder_of(path)
    if entry is None:
        return ''
    by_name = f'; `avsbench fetch {entry.name}` downloads it' if entry.address else ''
    return f', published at {entry.page} (docs/weights.md){by_name}'


def match_pretrained(state: StateDict, module: nn.Module, path: str) -> Matched:
    """Rename and select the entries of a pretraining file that a network needs.

    Args:
        state: The file's state dict, under the keys of the network itself, of timm's whole
            network, of the published PVTv2 and Swin files, of detectron2's ResNets, or of a network
            of DETR's family, whose backbone is taken.
        module: The network.
        path: The file, for messages.

    Returns:
        Exactly the keys of `module`, but for what was inserted into it.

    Raises:
        CheckpointError: Keys are missing or left over, or shapes differ.
    """
    wanted = published_state(module)
    found: StateDict = {}
    left_out = []
    is_detr = any(_DETR_BACKBONE.match(key) for key in state)
    for key, tensor in state.items():
        inner, is_backbone = _DETR_BACKBONE.subn('', key, count=1)
        if is_detr and not is_backbone:
            left_out.append(key)
            continue
        names = (inner, inner.replace('stages.', 'stages_', 1), _published_name(inner))
        name = next((name for name in names if name in wanted), inner)
        # A frozen normalisation doesn't count its batches.
        unwanted = name.startswith(CLASSIFIER_PREFIXES) or name.endswith(CONSTANTS)
        if name not in wanted and unwanted:
            left_out.append(key)
        else:
            found[name] = tensor
    # detectron2's and DETR's files have normalisations that did not count their batches.
    found |= {key: wanted[key] for key in wanted if key.endswith(COUNTER) and key not in found}
    check_fit(found, wanted, f'{path} does not fit {type(module).__name__}')
    return Matched(found, left_out)


def published_state(module: nn.Module) -> StateDict:
    """The state of a network without the modules that were inserted into it."""
    inserted = tuple(
        f'{name}.' for name, part in module.named_modules() if getattr(part, 'is_inserted', False)
    )
    return {key: v for key, v in module.state_dict().items() if not key.startswith(inserted)}


def check_fit(found: StateDict, wanted: StateDict, message: str) -> None:
    """Check that two state dicts have the same keys and shapes.

    Args:
        found: What a file gives.
        wanted: What the network takes.
        message: What the error begins with.

    Raises:
        CheckpointError: They differ.
    """
    missing = [key for key in wanted if key not in found]
    left_over = [key for key in found if key not in wanted]
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
        raise CheckpointError(f'{message}: {"; ".join(problems)}')


def _published_name(key: str) -> str:
    rules = (*PVT_V2_RULES, *DETECTRON_RESNET_RULES, *SWIN_RULES)
    renamed = (rule.rename(key, to_ours=True) for rule in rules)
    return next((name for name in renamed if name), key)
