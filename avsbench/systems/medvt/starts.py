"""What MED-VT's networks for videos start from: Video Swin on Kinetics, VisTR on COCO.

The repository (github.com/rkyuca/medvt) names the files: 384_coco_r101.pth, and
swin_base_patch244_window877_kinetics400_22k.pth. Each is made for a network of other parts and
sizes; the functions here say what of it goes where. The rest of the network keeps its own
initialization.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from avsbench.checkpoint.adapter import KeyRule, StateDict
from avsbench.checkpoint.pretrained import Matched, check_fit
from avsbench.systems.medvt.keys_video import INDEX, decoder_rules, encoder_rules, swin_rules

_ENCODER = 'context_encoder.stages.0.'
_DECODER = 'queries.transformer_decoder.layers.'
# What the file fills entirely, in every network.
_PARTS = (_ENCODER, 'queries.transformer_decoder.', 'queries.object_attention.')
# Layers that start as the encoder's first one, but for its wider inner part.
_LIKE_FIRST = ('context_encoder.stages.1.0.', 'context_encoder.between.0.')
_INNER_AXES = {'ffn.fc1.weight': 0, 'ffn.fc1.bias': 0, 'ffn.fc2.weight': 1}


@dataclass(frozen=True)
class HeadStart:
    """What the head's transformer starts from.

    Attributes:
        weights: The file of VisTR; None to start from random weights.
        require_weights: Whether a missing file stops the training, or is only reported.
        same_backbone: Whether the network has the file's backbone. Then the projection of the
            coarsest level starts from the file, too, and so do the layers of the next level.
    """

    weights: str | None = None
    require_weights: bool = True
    same_backbone: bool = False


def match_video_swin(state: StateDict, backbone: nn.Module, path: str) -> Matched:
    """Select and rename the weights of a classifier of videos for `VideoSwin`.

    Its patches are one frame deep, so that they take the first frame of the file's kernel; the
    normalisation of each level takes the first entries of the file's only one.

    Raises:
        CheckpointError: Keys are missing or left over, or shapes differ.
    """
    wanted = backbone.state_dict()
    rules = swin_rules()
    found: StateDict = {}
    left_out = []
    for key, tensor in state.items():
        inner = key.removeprefix('backbone.')
        if inner.startswith('cls_head.') or inner.endswith(INDEX):
            left_out.append(key)
        elif inner.startswith('norm.'):
            levels = {f'norms.{level}.{inner[5:]}' for level in range(len(backbone.norms))}
            found |= {name: tensor[: len(wanted[name])] for name in levels if name in wanted}
        else:
            found[_renamed(inner, rules) or key] = tensor
    patch = 'patch_embed.proj.weight'
    if patch in found and found[patch].dim() == 5:
        found[patch] = found[patch][:, :, : wanted[patch].shape[2]]
    check_fit(found, wanted, f'{path} does not fit {type(backbone).__name__}')
    return Matched(found, left_out)


def match_coco(state: StateDict, head: nn.Module, path: str, *, same_backbone: bool) -> Matched:
    """Select and rename the weights of VisTR for `MEDVTVideoHead`.

    Decoder layers beyond the file's start as its last one. An inner part of a layer that is
    narrower than the file's takes its first channels.

    Args:
        state: The file's state dict.
        head: The head.
        path: The file, for messages.
        same_backbone: As in `HeadStart`.

    Raises:
        CheckpointError: Keys of these parts are missing or left over, or shapes differ.
    """
    network = head.state_dict()
    rules, parts = _coco_rules(network, same_backbone)
    found: StateDict = {}
    left_out = []
    for key, tensor in state.items():
        renamed = _renamed(key.removeprefix('vistr.'), rules)
        if renamed is None:
            left_out.append(key)
        else:
            found[renamed] = tensor
    found |= _repeated(found, network)
    found = {key: _narrowed(key, tensor, network) for key, tensor in found.items()}
    like_first = _like_first(found) if same_backbone else {}
    found |= like_first
    wanted = {
        key: tensor for key, tensor in network.items() if key.startswith(parts) or key in like_first
    }
    check_fit(found, wanted, f'{path} does not fit {type(head).__name__}')
    return Matched(found, left_out)


def _coco_rules(network: StateDict, same_backbone: bool) -> tuple[list[KeyRule], tuple[str, ...]]:
    """Rules from the file's names to ours, and the prefixes of what they fill."""
    rules = [
        *encoder_rules('transformer.encoder.layers.{i}', f'{_ENCODER}{{i}}'),
        *decoder_rules('transformer.', ''),
    ]
    if not same_backbone:
        return rules, _PARTS
    coarsest = max(int(key.split('.')[1]) for key in network if key.startswith('projections.'))
    projection = f'projections.{coarsest}.'
    return [*rules, KeyRule('input_proj.{rest}', f'{projection}{{rest}}')], (*_PARTS, projection)


def _repeated(found: StateDict, network: StateDict) -> StateDict:
    """Decoder layers of the network beyond those found, as copies of the last one."""
    numbers = [int(_split_layer(key)[0]) for key in found if key.startswith(_DECODER)]
    last = max(numbers, default=-1)
    copies = {}
    for key in network:
        if key.startswith(_DECODER):
            number, rest = _split_layer(key)
            source = f'{_DECODER}{last}.{rest}'
            if int(number) > last and source in found:
                copies[key] = found[source]
    return copies


def _split_layer(key: str) -> tuple[str, str]:
    number, _, rest = key.removeprefix(_DECODER).partition('.')
    return number, rest


def _like_first(found: StateDict) -> StateDict:
    first = f'{_ENCODER}0.'
    return {
        layer + key.removeprefix(first): tensor
        for layer in _LIKE_FIRST
        for key, tensor in found.items()
        if key.startswith(first) and not key.endswith(tuple(_INNER_AXES))
    }


def _narrowed(key: str, tensor: Tensor, network: StateDict) -> Tensor:
    axis = next((axis for name, axis in _INNER_AXES.items() if key.endswith(name)), None)
    if axis is None or key not in network:
        return tensor
    width = network[key].shape[axis]
    return tensor.narrow(axis, 0, width) if width < tensor.shape[axis] else tensor


def _renamed(key: str, rules: list[KeyRule]) -> str | None:
    names = (rule.rename(key, to_ours=True) for rule in rules)
    return next((name for name in names if name is not None), None)
