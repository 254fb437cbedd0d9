"""The audio front end of a config: its audio encoder's, in every pipeline that reads audio."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config, ConfigDict

from avsbench.config.schema import DATALOADERS
from avsbench.datasets.transforms import LoadClip
from avsbench.media.front_ends import FRONT_ENDS, VGGISH, FrontEnd
from avsbench.registry import DATASETS, MODELS, TRANSFORMS
from avsbench.utils.errors import ConfigError
from avsbench.utils.signatures import arguments


def set_front_ends(cfg: Config) -> None:
    """Let the pipelines of a config compute what its audio encoder reads, in place.

    A `LoadClip` that names no front end gets that of the encoder; one that names another is an
    error. Stored log-mel is VGGish's, so data sets that leave `audio_source` out then read wav
    files. Encoders that take any front end leave all as it is.

    Raises:
        ConfigError: A pipeline computes something else than the encoder reads.
    """
    wanted = _encoder_front_end(cfg)
    for path, step in _load_steps(cfg):
        given = step.get('front_end')
        if wanted is None or given == wanted:
            continue
        if given is not None:
            kind = cfg.model.audio_encoder.type
            raise ConfigError(
                f'{cfg.filename}: {path}.front_end={given!r}, but model.audio_encoder is a {kind}, '
                f'which reads {wanted!r}; leave front_end out, so that it follows the encoder'
            )
        if wanted != VGGISH.name:  # the default of LoadClip
            step.front_end = wanted
    if wanted not in (None, VGGISH.name):
        for dataset in filter(None, (cfg.get(key, {}).get('dataset') for key in DATALOADERS)):
            kind = DATASETS.get(dataset.get('type', ''))
            if kind is not None and 'audio_source' in arguments(kind)[0]:
                dataset.setdefault('audio_source', 'wav')


def front_end(cfg: Config) -> FrontEnd:
    """What the network gets of the audio in tests.

    It is what `LoadClip` names, else what the audio encoder reads, else VGGish's.
    """
    given = (
        step['front_end']
        for path, step in _load_steps(cfg)
        if path.startswith('test_dataloader') and 'front_end' in step
    )
    return FRONT_ENDS[next(given, _encoder_front_end(cfg) or VGGISH.name)]


def _encoder_front_end(cfg: Config) -> str | None:
    encoder = (cfg.get('model') or {}).get('audio_encoder') or {}
    kind = encoder.get('type')
    return getattr(MODELS.get(kind), 'front_end', None) if isinstance(kind, str) else None


def _load_steps(cfg: Config) -> Iterator[tuple[str, ConfigDict]]:
    """The dotted path and config of every `LoadClip`."""
    for key in DATALOADERS:
        yield from _steps_below(cfg.get(key), key)


def _steps_below(node: Any, path: str) -> Iterator[tuple[str, ConfigDict]]:
    if isinstance(node, dict):
        kind = TRANSFORMS.get(node['type']) if isinstance(node.get('type'), str) else None
        if isinstance(kind, type) and issubclass(kind, LoadClip):
            yield path, node
        items: Any = node.items()
    elif isinstance(node, list | tuple):
        items = enumerate(node)
    else:
        return
    for key, value in items:
        yield from _steps_below(value, f'{path}.{key}')
