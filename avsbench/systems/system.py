"""What a system's folder registers, so that nothing else has to list the systems."""

from collections.abc import Callable
from typing import ClassVar

from avsbench.checkpoint.adapter import CheckpointAdapter
from avsbench.parity.fixture import Computed, Fixture


class System:
    """A published system: subclass it in the folder's `__init__.py` and register it in `SYSTEMS`.

    The registered name is the folder's; configs (`config/<subset>/<name>_<backbone>.py`) and parity
    fixtures (`system` in the json) begin with it.

    Attributes:
        title: Name as the paper writes it.
        paper: Where it is published: an arXiv id, or the repository where there is no paper.
        adapter: Published checkpoint keys to ours and back.
        run_fixture: From a parity fixture and the config of the segmentor to everything that the
            fixture stores, computed by our network.
    """

    title: ClassVar[str]
    paper: ClassVar[str]
    adapter: ClassVar[CheckpointAdapter]
    run_fixture: ClassVar[Callable[[Fixture, dict], Computed]]
