"""What an exported file says about its network: enough to run it without any other file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import UnionType
from typing import Any, get_origin

from avsbench.utils.errors import CheckpointError

VERSION = 1
"""Of the metadata; readers refuse another."""


@dataclass(frozen=True, kw_only=True)
class ExportInfo:
    """Metadata of an exported network.

    In ONNX files every field is a text of `metadata_props`: lists, numbers and the like as json.

    Attributes:
        format_version: `VERSION`.
        config: Name of the config.
        subset: Data that the network was trained on, such as 's4'.
        synthetic: Whether these were generated clips, of drawn shapes.
        classes: Names by class index; of a network with one class, background and object.
        palette: Colour [r, g, b] of each class; empty for one class.
        background: Whether the first class is the background.
        num_classes: K.
        maps: What the first output holds: 'logits', before sigmoid (K = 1) or softmax, or
            'probabilities'.
        threshold: Probability that foreground exceeds in the second output, for K = 1; None where
            the largest of several decides.
        clip_frames: T.
        frame_size: [H, W] in pixels.
        mean: Of R, G, B on the scale 0 to 255; the graph subtracts it.
        std: Of R, G, B; the graph divides by it.
        audio: 'none', 'log-mel' or 'waveform'.
        front_end: Name of what log-mel must come from, see `avsbench.media.front_ends`; None
            without sound.
        sample_rate: Hz of the audio that log-mel is computed from; None without sound.
        checkpoint: Name of the file with the weights.
        checkpoint_sha256: Of its content.
        avsbench_version: That wrote the file.
        network: The config, reduced to what its network and its inputs need, as data.
    """

    format_version: int = VERSION
    config: str
    subset: str
    synthetic: bool
    classes: list[str]
    palette: list[list[int]]
    background: bool
    num_classes: int
    maps: str
    threshold: float | None
    clip_frames: int
    frame_size: list[int]
    mean: list[float]
    std: list[float]
    audio: str
    front_end: str | None
    sample_rate: int | None
    checkpoint: str
    checkpoint_sha256: str
    avsbench_version: str
    network: dict[str, Any]

    def as_texts(self) -> dict[str, str]:
        """The fields as texts."""
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], file: str) -> 'ExportInfo':
        """Read what `as_texts` has written.

        Args:
            texts: Of a file, which may hold others as well.
            file: Its name, for messages.

        Raises:
            CheckpointError: They are not those of a network that this toolbox exported.
        """
        remedy = 'it takes files that `avsbench export` has written'
        missing = [field.name for field in fields(cls) if field.name not in texts]
        if missing:
            raise CheckpointError(
                f'{file}: lacks the metadata of the toolbox ({missing[0]} ...); {remedy}'
            )
        try:
            values = {field.name: _value(field.type, texts[field.name]) for field in fields(cls)}
        except ValueError as error:
            raise CheckpointError(f'{file}: its metadata is damaged ({error}); {remedy}') from error
        if values['format_version'] != VERSION:
            raise CheckpointError(
                f'{file}: metadata of version {values["format_version"]}, expected {VERSION}; '
                'export the network again with this version of the toolbox'
            )
        return cls(**values)


def _value(kind: Any, text: str) -> Any:
    """The value of a field of this type.

    Raises:
        ValueError: The text is of another.
    """
    if kind is str:
        return text
    if kind == str | None:
        return None if text == 'null' else text
    value = json.loads(text)
    expected = kind if isinstance(kind, UnionType) else get_origin(kind) or kind
    if not isinstance(value, expected):
        raise ValueError(f'{text[:40]!r} is no {kind}')
    return value
