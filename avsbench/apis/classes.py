"""Names and colours of the classes that a network predicts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config

from avsbench.layouts.avss_classes import CLASSES, palette
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError


def class_names(
    cfg: Config, trained: Mapping[str, Any]
) -> tuple[tuple[str, ...], np.ndarray | None]:
    """Names and palette (K, 3) uint8 of the classes; no palette for a network with one class.

    The config's data set to test on may give them. Otherwise they are those that the network was
    trained on, as its checkpoint says, or of that kind of data set, and at last AVSBench's if
    there are as many.

    Args:
        cfg: Of the network.
        trained: `classes` and `palette` of the data that the network was trained on, if known.

    Raises:
        ConfigError: The config gives more or fewer names than the network has classes.
    """
    count = cfg.get('num_classes') or cfg.model.decode_head.num_classes
    given = cfg.get('test_dataloader', {}).get('dataset', {}).get('classes')
    kind = metainfo(cfg)
    if count == 1:
        names = given or kind.get('classes', ())
        return tuple(names) if len(names) == 2 else (CLASSES[0], 'object'), None
    if given is not None and len(given) != count:
        raise ConfigError(
            f'{cfg.filename}: test_dataloader.dataset.classes has {len(given)} names, but the '
            f'network has {count} classes, the background included'
        )
    sources = ({'classes': given or ()}, trained, kind, {'classes': CLASSES})
    numbered = [f'class {index}' for index in range(count)]
    names = next((s['classes'] for s in sources if len(s.get('classes', ())) == count), numbered)
    colours = next(
        (s['palette'] for s in (trained, kind) if len(s.get('palette', ())) == count),
        palette(count),
    )
    return tuple(map(str, names)), np.asarray(colours, np.uint8)


def metainfo(cfg: Config) -> dict:
    """What the class of the data set that the config tests on says about its classes."""
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    return getattr(DATASETS.get(dataset.get('type', '')), 'METAINFO', {})
