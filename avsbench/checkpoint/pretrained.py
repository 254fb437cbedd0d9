"""Fitting a published file of pretrained weights to a part of the network."""

from torch import Tensor, nn

from avsbench.checkpoint.backbones import DETECTRON_RESNET_RULES, PVT_V2_RULES
from avsbench.utils.errors import CheckpointError, examples

# What a classification network has on top of the features.
CLASSIFIER_PREFIXES = ('head.', 'fc.', 'classifier.', 'stem.fc.')
COUNTER = '.num_batches_tracked'


def match_pretrained(state: dict[str, Tensor], module: nn.Module, path: str) -> dict[str, Tensor]:
    """Rename and select the entries of a pretraining file that a network needs.

    Args:
        state: The file's state dict: the network's own names, timm's of the whole network, or
            those of the published PVTv2 files or of detectron2's ResNets.
        module: The network.
        path: The file, for messages.

    Returns:
        A state dict with exactly the keys of `module`.

    Raises:
        CheckpointError: Keys are missing or left over, or shapes differ.
    """
    wanted = module.state_dict()
    own: dict[str, Tensor] = {}
    for key, tensor in state.items():
        names = (key, key.replace('stages.', 'stages_', 1), _published_name(key))
        own[next((name for name in names if name in wanted), key)] = tensor
    # detectron2's files were made before batch normalisations counted their batches.
    own |= {key: wanted[key] for key in wanted if key.endswith(COUNTER) and key not in own}
    missing = [key for key in wanted if key not in own]
    left_over = [
        key
        for key in own
        if key not in wanted
        and not key.startswith(CLASSIFIER_PREFIXES)
        and not key.endswith(COUNTER)  # a frozen normalisation doesn't count
    ]
    wrong = [key for key in wanted if key in own and own[key].shape != wanted[key].shape]
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
    return {key: own[key] for key in wanted}


def _published_name(key: str) -> str:
    rules = (*PVT_V2_RULES, *DETECTRON_RESNET_RULES)
    renamed = (rule.rename(key, to_own=True) for rule in rules)
    return next((name for name in renamed if name), key)
