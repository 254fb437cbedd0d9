"""Proof that our networks, front end and metrics equal the published ones, fixture by fixture."""

from avsbench.parity import audio, data, metrics  # they register their checkers
from avsbench.parity.check import check_claimed, check_fixture
from avsbench.parity.fixture import Computed, Fixture, Row
from avsbench.parity.network import NetworkRun, Taps

__all__ = [
    'Computed',
    'Fixture',
    'NetworkRun',
    'Row',
    'Taps',
    'audio',
    'check_claimed',
    'check_fixture',
    'data',
    'metrics',
]
