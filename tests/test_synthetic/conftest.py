import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from avsbench.synthetic import SUBSETS, Settings, generate_tree


@pytest.fixture(scope='session')
def trees(tmp_path_factory):
    """Subset -> root of its tiny tree; no test may change them."""
    out = tmp_path_factory.mktemp('synthetic')
    return {name: generate_tree(Settings(name), out) for name in SUBSETS}


@pytest.fixture
def make(tmp_path):
    """Makes a small tree with given settings in a folder of its own; returns its root."""
    numbers = itertools.count()

    def build(subset, *, train=1, val=1, test=1, workers=0, **settings):
        chosen = Settings(subset, train=train, val=val, test=test, **settings)
        return generate_tree(chosen, tmp_path / str(next(numbers)), workers=workers)

    return build


@pytest.fixture(scope='session')
def digests():
    """Reads MANIFEST.sha256 as path -> sha256."""

    def read(root):
        lines = (Path(root) / 'MANIFEST.sha256').read_text().splitlines()
        return {path: digest for digest, path in (line.split('  ', 1) for line in lines)}

    return read


@pytest.fixture(scope='session')
def score():
    """IoU and F of one frame by the published rules; F is None for an empty target."""

    def binary(predicted, target):
        predicted, target = np.asarray(predicted, bool), np.asarray(target, bool)
        if not target.any():
            return (~predicted).sum() / (target.size + 1e-7), None
        tp = (predicted & target).sum()
        precision, recall = tp / (predicted.sum() + 1e-20), tp / (target.sum() + 1e-20)
        f_measure = 1.3 * precision * recall / (0.3 * precision + recall) if tp else 0.0
        return tp / ((predicted | target).sum() + 1e-7), f_measure

    return binary


@pytest.fixture(scope='session')
def settings_of():
    """The settings that a tree's generator.json records."""

    def read(root):
        values = json.loads((root / 'generator.json').read_text())['settings']
        return Settings(**{**values, 'tiers': tuple(values['tiers']), 'snr': float(values['snr'])})

    return read
