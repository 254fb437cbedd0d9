"""Proof that our networks, front end and metrics equal the published ones, fixture by fixture."""

from avsbench.parity.check import check_fixture
from avsbench.parity.fixture import Computed, Fixture, Row

__all__ = ['Computed', 'Fixture', 'Row', 'check_fixture']
