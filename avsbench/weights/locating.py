"""What a user may give where a checkpoint is needed: a file, a name of the index, or a hub's."""

from pathlib import Path

from avsbench.checkpoint.reading import check_file
from avsbench.weights.hub import PREFIX, fetch_from_hub
from avsbench.weights.index import published_weights
from avsbench.weights.store import fetch


def find_checkpoint(given: str | Path, *, trust: bool = False) -> Path:
    """The file of a checkpoint.

    Args:
        given: A path; a name that `avsbench list weights` prints, whose file is downloaded where
            it has an address; or `hf:USER/REPO[@REVISION]`.
        trust: Also take a file of a hub that is a pickle.

    Raises:
        CheckpointError: There is none, or it has to be fetched by hand.
    """
    if isinstance(given, str) and given.startswith(PREFIX):
        return fetch_from_hub(given, trust=trust)
    entry = published_weights(given)
    if entry is not None:
        return fetch(entry)
    check_file(given)
    return Path(given)


def find_trained_parts(given: str | Path, *, trust: bool = False) -> tuple[Path, str | None]:
    """The file of a checkpoint, and the config that it belongs to where the index knows it.

    Args:
        given: See `find_checkpoint`.
        trust: See `find_checkpoint`.

    Returns:
        Its path; the short name of its config, None where the file itself holds one.
    """
    entry = published_weights(given) if isinstance(given, str) else None
    return find_checkpoint(given, trust=trust), entry and entry.config
