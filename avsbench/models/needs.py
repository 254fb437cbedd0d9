"""What backbones and heads may ask the segmentor for, beside frames, levels and audio tokens."""

from collections.abc import Mapping

from torch import Tensor, nn

from avsbench.utils.errors import ConfigError, nearest

NEEDS = {
    'audio': 'the audio tokens (N, A, D), which every head gets anyway',
    'prior_masks': 'the masks (N, H, W) int64 of an earlier stage at the size of the frames: '
    '0 and 1, or class indices',
}


def needs_of(part: nn.Module | None) -> frozenset[str]:
    """What a part declares as its `needs`, empty where it declares nothing.

    Raises:
        ConfigError: One of the names is not in `NEEDS`.
    """
    found = getattr(part, 'needs', frozenset())
    for name in sorted(found):
        if name not in NEEDS:
            raise ConfigError(
                f'{type(part).__name__}.needs: unknown name {name!r}{nearest(name, NEEDS)}; a '
                f'backbone or head may need {", ".join(NEEDS)}'
            )
    return frozenset(found)


def chosen_needs(part: nn.Module, given: Mapping[str, Tensor | None]) -> dict[str, Tensor | None]:
    """Those of the given values that a part needs, as its keyword arguments."""
    return {name: value for name, value in given.items() if name in needs_of(part)}


def check_needs(backbone: nn.Module, audio_encoder: nn.Module | None, head: nn.Module) -> None:
    """Check at build that the parts need what there is.

    A part of the backbone that reads the audio publishes the width that it was made for as
    `audio_channels`.

    Raises:
        ConfigError: A name is unknown, or the backbone needs audio which the audio encoder does not
            give, or not in that width.
    """
    needs_of(head)
    if 'audio' not in needs_of(backbone):
        return
    if audio_encoder is None:
        raise ConfigError(
            f'{type(backbone).__name__} needs audio, and there is no audio encoder; set '
            'model.audio_encoder, or choose another backbone'
        )
    for part in backbone.modules():
        width = getattr(part, 'audio_channels', None)
        if width is not None and width != audio_encoder.out_channels:
            raise ConfigError(
                f'{type(part).__name__}: audio_channels={width}, but '
                f'{type(audio_encoder).__name__} gives tokens of {audio_encoder.out_channels}; set '
                'audio_channels to that'
            )
