"""Checkpoints of what a training has changed: the rest comes from the files that it started from.

Such a checkpoint names these files, with their hashes and that of each tensor that was left out.
Loading takes the tensors from the files again, and refuses others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from torch import Tensor, nn

from avsbench.checkpoint.adapter import StateDict
from avsbench.checkpoint.pretrained import FETCHED, PretrainedPart
from avsbench.checkpoint.reading import TRAINED_ONLY, digest, sha256_of
from avsbench.utils.errors import CheckpointError, examples


class FrozenSource(TypedDict):
    """Where tensors come from that a checkpoint leaves out.

    Attributes:
        part: Dotted name of the part of the network that loads the file; None for a checkpoint of
            the whole network.
        file: Its path, or 'timm' for weights that timm fetches.
        sha256: Of the file; None for those.
        digests: Name of each tensor in the network -> its `digest`.
    """

    part: str | None
    file: str
    sha256: str | None
    digests: dict[str, str]


def note_sources(model: nn.Module) -> None:
    """Let the parts of a network note what they load from files, before they do."""
    for part in model.modules():
        if isinstance(part, PretrainedPart):
            part.notes_source = True


def weight_sources(model: nn.Module) -> list[FrozenSource]:
    """The files that parts of a network have loaded since `note_sources`."""
    names = {part: name for name, part in model.named_modules()}
    found = []
    for part, name in names.items():
        if isinstance(part, PretrainedPart) and part.loaded is not None:
            module, file, digests = part.loaded
            prefix = f'{names[module]}.' if names[module] else ''
            digests = {f'{prefix}{key}': value for key, value in digests.items()}
            found.append(_source(name, file, digests))
    return found


def checkpoint_source(
    path: str | Path, state: Mapping[str, Tensor], keys: Iterable[str]
) -> FrozenSource:
    """A checkpoint of the whole network that a training starts from.

    Args:
        path: Its file.
        state: Its weights.
        keys: Those that are not trained.
    """
    return _source(None, str(path), {key: digest(state[key]) for key in keys if key in state})


def leave_out(
    checkpoint: dict[str, Any], sources: Sequence[FrozenSource], trained: set[str]
) -> int:
    """Take out of a checkpoint what is still as it came from a file, and note where that is.

    Args:
        checkpoint: Its `state_dict` and `meta` are replaced.
        sources: The files, the first one that has a tensor counts.
        trained: Keys that stay in any case.

    Returns:
        How many tensors were taken out.
    """
    state = dict(checkpoint['state_dict'])
    records: list[FrozenSource] = []
    for source in sources:
        same = {
            key: value
            for key, value in source['digests'].items()
            if key in state and key not in trained and digest(state[key]) == value
        }
        for key in same:
            del state[key]
        if same:
            records.append({**source, 'digests': same})
    checkpoint['state_dict'] = state
    if records:
        checkpoint['meta'] = {**checkpoint['meta'], TRAINED_ONLY: records}
    return sum(len(record['digests']) for record in records)


def restore(
    records: Sequence[FrozenSource],
    model: nn.Module,
    source: str | Path,
    read: Callable[[Path], StateDict],
) -> StateDict:
    """The tensors that a checkpoint leaves out, from the files that it names.

    Args:
        records: From its `meta`.
        model: The network; parts of it are loaded.
        source: The checkpoint's file. What it names is looked for beside it, too.
        read: Weights of a checkpoint of the whole network.

    Raises:
        CheckpointError: A file is missing, or is another one.
    """
    fields = FrozenSource.__annotations__.keys()
    if not all(isinstance(record, Mapping) and fields <= record.keys() for record in records):
        raise CheckpointError('what it says of the files of its frozen part is damaged')
    state: StateDict = {}
    for record in records:
        beside = Path(source).parent / Path(record['file']).name
        if record['part'] is None:
            found = read(_file(record, [record['file'], beside]))
        else:
            part = _part(model, record['part'])
            _reload(part, _file(record, [part.weights, record['file'], beside]))
            found = model.state_dict()
        other = [k for k, v in record['digests'].items() if k not in found or digest(found[k]) != v]
        if other:
            raise CheckpointError(
                f'{len(other)} tensors of {record["file"]} are not those that the training had '
                f'({examples(other, 3)}): use the config and the version it was made with'
            )
        state |= {key: found[key].clone() for key in record['digests']}
    return state


def _source(part: str | None, file: str, digests: dict[str, str]) -> FrozenSource:
    sha256 = None if file == FETCHED else sha256_of(file)
    return FrozenSource(part=part, file=file, sha256=sha256, digests=digests)


def _part(model: nn.Module, name: str) -> PretrainedPart:
    part = dict(model.named_modules()).get(name)
    if not isinstance(part, PretrainedPart):
        raise CheckpointError(
            f'the frozen part comes from a file of {name!r}, and the network of this config has no '
            'such part; use the config that the checkpoint was trained with'
        )
    return part


def _file(record: FrozenSource, candidates: Sequence[str | Path | None]) -> Path:
    """The first candidate that exists, which must be the file of the record."""
    if record['sha256'] is None:
        return Path(FETCHED)
    there = [Path(path) for path in candidates if path is not None and Path(path).is_file()]
    if not there:
        raise CheckpointError(
            f'it holds the trained part of the network only, and the file of the rest is missing: '
            f'{record["file"]} (sha256 {record["sha256"]}); put it there, or beside the checkpoint'
        )
    found = sha256_of(there[0])
    if found != record['sha256']:
        raise CheckpointError(
            f'{there[0]}: is not the file that the frozen part of the network came from: its '
            f'sha256 is {found}, expected {record["sha256"]} ({record["file"]})'
        )
    return there[0]


def _reload(part: PretrainedPart, file: Path) -> None:
    """Load a part's weights from a file, whatever its config names."""
    named, part.weights = part.weights, str(file)
    part.checkpoint_follows, part.missing_weights = False, None
    try:
        part.init_weights()
    finally:
        part.weights = named
