"""What a system's folder registers, so that nothing else has to list the systems."""

from collections.abc import Callable
from typing import ClassVar, Literal, get_args

from avsbench.checkpoint.adapter import CheckpointAdapter
from avsbench.parity.fixture import Fixture
from avsbench.parity.network import NetworkRun

FrameContext = Literal['none', 'unordered', 'ordered']


class System:
    """A published system: subclass it in the folder's `__init__.py` and register it in `SYSTEMS`.

    The registered name is the folder's; configs (`config/<subset>/<name>_<backbone>.py`, and
    `<name>_demo.py` for the small one) and parity fixtures (`system` in the json) begin with it.

    Attributes:
        title: Name as the paper writes it.
        paper: Where it is published: an arXiv id, or the repository where there is no paper.
        frame_context: What a frame's prediction takes from the other frames of its clip: 'none',
            'unordered' where their order does not count, or 'ordered'.
        adapters: Published checkpoint keys to ours and back, one for each published layout.
        parity_run: Run of a network on a parity fixture, from the fixture and the model's config.
    """

    title: ClassVar[str]
    paper: ClassVar[str]
    frame_context: ClassVar[FrameContext]
    adapters: ClassVar[tuple[CheckpointAdapter, ...]]
    parity_run: ClassVar[Callable[[Fixture, dict], NetworkRun]]

    def __init_subclass__(cls) -> None:
        """Check that a system says everything that is read of it."""
        missing = [name for name in System.__annotations__ if not hasattr(cls, name)]
        if missing:
            raise TypeError(f'{cls.__name__}: a System must set {", ".join(missing)}')
        if cls.frame_context not in get_args(FrameContext):
            raise TypeError(
                f'{cls.__name__}: frame_context={cls.frame_context!r}, expected one of '
                f'{get_args(FrameContext)}'
            )
