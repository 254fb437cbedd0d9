"""Proof that our networks, front end and metrics equal the published ones, fixture by fixture."""

from avsbench.parity import (  # they register their checkers
    audio,
    data,
    metrics,
    robust,
    video_crf,
    video_data,
    video_inference,
    video_metrics,
)
from avsbench.parity.check import check_claimed, check_fixture
from avsbench.parity.fixture import Computed, Fixture, Row
from avsbench.parity.network import NetworkRun, Taps
from avsbench.parity.writing import write_fixture

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
    'robust',
    'video_crf',
    'video_data',
    'video_inference',
    'video_metrics',
    'write_fixture',
]
