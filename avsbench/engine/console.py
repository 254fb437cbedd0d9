"""What of a run's log reaches the console; the log file keeps everything.

A warning that is raised while a run is built waits until the run has said what it is, so that the
warnings stand together below that, and none is lost above it.
"""

import atexit
import logging
import re
import weakref

_FILE_ONLY = 'file_only'
# What mmengine says of every run, by how it begins: of its inside, and deprecations of its own.
_INSIDE = (
    'Exp name: ',
    'Saving checkpoint at ',
    'Checkpoints will be saved to ',
    'Hooks will be executed ',
    'Distributed training is not used, all SyncBatchNorm',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
)
_METRICS = re.compile(r'(Epoch|Iter)\((val|test)\)(?!.*\beta: )')
_filters: 'weakref.WeakSet[ConsoleFilter]' = weakref.WeakSet()


class ConsoleFilter(logging.Filter):
    """Passes what a user can use, and holds warnings until `release`.

    Args:
        handler: Of the console; it handles the warnings that were held.

    Attributes:
        has_tables: Whether metrics are shown as a table, so that their line is left to the file.
    """

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self.has_tables = False
        self._handler = handler
        self._held: list[logging.LogRecord] = []
        self._holds = True
        _filters.add(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the console shows a record now."""
        text = record.getMessage()
        if getattr(record, _FILE_ONLY, False) or text.startswith(_INSIDE):
            return False
        if self.has_tables and _METRICS.match(text):
            return False
        if self._holds and record.levelno == logging.WARNING:
            self._held.append(record)
            return False
        return True

    def release(self) -> None:
        """Show the warnings that were held; later ones are shown at once."""
        self._holds = False
        held, self._held = self._held, []
        for record in held:
            self._handler.handle(record)


def quiet_console(logger: logging.Logger) -> None:
    """Filter the console of a logger; its files keep everything."""
    for handler in logger.handlers:
        on_console = isinstance(handler, logging.StreamHandler)
        if on_console and not isinstance(handler, logging.FileHandler):
            # First of all: mmengine's filter would take a warning that was held for a repeated one.
            handler.filters.insert(0, ConsoleFilter(handler))


def log_to_file(logger: logging.Logger, text: str) -> None:
    """Log what the console can do without."""
    logger.info(text, extra={_FILE_ONLY: True})


def tables_instead_of_lines(logger: logging.Logger) -> None:
    """Leave the lines of metrics to the file, since a table of them is logged."""
    for handler in logger.handlers:
        for found in handler.filters:
            if isinstance(found, ConsoleFilter):
                found.has_tables = True


@atexit.register
def release_warnings() -> None:
    """Show the warnings that any console still holds."""
    for found in list(_filters):
        found.release()
