"""Makes a synthetic tree: scenes in parallel, then the index, the records and the manifest."""

import functools
import platform
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import soundfile
from rich.console import Console
from rich.progress import track

from avsbench.layouts import GENERATOR_RECORD
from avsbench.synthetic.ceilings import compute_ceilings
from avsbench.synthetic.clip import write_scene
from avsbench.synthetic.settings import GENERATOR_VERSION, SPLITS, Settings
from avsbench.synthetic.tree import (
    MANIFEST,
    encode_json,
    index_files,
    manifest,
    top_level,
    write_file,
)
from avsbench.utils.errors import ConfigError, DataError, examples
from avsbench.utils.parallel import map_in_processes
from avsbench.utils.text import read_json

Task = tuple[str, str, int]  # part, split, scene number
Written = tuple[list[dict], dict[str, str]]  # entries of truth.json, path -> sha256


@dataclass(frozen=True)
class Tree:
    """How a synthetic tree is made.

    Args:
        root: Its folder.
        label: What is made, for the progress bar.
        top_level: Names of all entries that the folder gets; no others are ever removed.
        record: Content of generator.json.
        tasks: What `write` is called with, in any order and by any process.
        write: Makes the files of one scene.
        records: From all entries of truth.json, the other files of the tree: path, content.
    """

    root: Path
    label: str
    top_level: tuple[str, ...]
    record: dict
    tasks: Sequence[Any]
    write: Callable[[Any], Written]
    records: Callable[[list[dict]], Iterable[tuple[str, bytes]]]


def generate_tree(
    settings: Settings,
    out: str | Path,
    *,
    workers: int = 0,
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Makes the tree of one subset; a complete one with the same settings is left as it is.

    generator.json is written first and the manifest last, so that a tree that was not finished can
    be told from a complete one and from foreign files.

    Args:
        settings: What to make.
        out: Output folder; the subset gets its own folder in it.
        workers: Processes; 0 and 1 work in this one.
        overwrite: Replace an earlier tree of this generator; never deletes anything else.
        progress: Show a progress bar.

    Returns:
        The folder of the subset.

    Raises:
        ConfigError: `workers` is negative.
        DataError: The folder holds other content.
    """
    tasks = [
        (part.name, split, index)
        for part in settings.parts
        for split in SPLITS
        for index in range(settings.num_scenes(part, split))
    ]
    tree = Tree(
        root=settings.root(out),
        label=f'scenes of {settings.subset}',
        top_level=top_level(settings.layout),
        record=_record(settings),
        tasks=tasks,
        write=functools.partial(_write_task, settings, settings.root(out)),
        records=functools.partial(_records, settings),
    )
    return build_tree(tree, workers=workers, overwrite=overwrite, progress=progress)


def build_tree(
    tree: Tree, *, workers: int = 0, overwrite: bool = False, progress: bool = False
) -> Path:
    """Makes a tree; a complete one of the same record is left as it is.

    Args:
        tree: What to make.
        workers: Processes; 0 and 1 work in this one.
        overwrite: Replace an earlier tree of this generator; never deletes anything else.
        progress: Show a progress bar.

    Returns:
        The tree's folder.

    Raises:
        ConfigError: `workers` is negative.
        DataError: The folder holds other content.
    """
    if workers < 0:
        raise ConfigError(f'--workers: got {workers}, expected 0 or more')
    root = tree.root
    if _prepare(tree, overwrite):
        return root
    files = dict([write_file(root, GENERATOR_RECORD, encode_json(tree.record))])
    clips = []
    results = map_in_processes(tree.write, tree.tasks, workers)
    if progress:
        console = Console(stderr=True)
        results = track(results, tree.label, len(tree.tasks), console=console)
    for entries, written in results:
        clips += entries
        files.update(written)
    for path, content in tree.records(clips):
        files.update([write_file(root, path, content)])
    write_file(root, MANIFEST, manifest(files))
    return root


def read_record(root: str | Path, name: str) -> dict | list:
    """truth.json, ceilings.json or generator.json of a complete tree.

    Raises:
        DataError: The folder is no complete synthetic tree.
    """
    root = Path(root)
    if not (root / MANIFEST).is_file():
        raise DataError(
            f'{root}: no {MANIFEST}, so this is not a complete synthetic tree; make one with '
            'python -m avsbench synthetic clips --subset s4 --out DIR (videos: trees --subset '
            'davis), and name the folder of its subset'
        )
    return read_json(root / name)


def _prepare(tree: Tree, overwrite: bool) -> bool:
    """Makes room for a tree; returns True if it is already there."""
    root = tree.root
    if root.exists() and not root.is_dir():
        raise DataError(f'{root}: is a file; choose another output folder')
    found = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []
    if not found:
        return False
    known = set(tree.top_level)
    if GENERATOR_RECORD not in found:
        ours = [name for name in found if name in known]
        if ours:
            raise DataError(
                f'{root}: holds {examples(ours)}, but no generator.json: this looks like a real '
                'data set, which is never replaced; choose another output folder'
            )
        if not overwrite:
            raise DataError(
                f'{root}: is not empty (it holds {examples(found)}); choose another output folder, '
                'or write beside these files with --overwrite'
            )
        return False
    complete = MANIFEST in found
    if complete and read_json(root / GENERATOR_RECORD) == tree.record:
        return True
    if not overwrite:
        state = 'with other settings' if complete else 'that was not finished'
        raise DataError(
            f'{root}: holds a synthetic tree {state} (see generator.json there); replace it with '
            '--overwrite, or choose another output folder'
        )
    # The manifest goes first and the mark of ownership last: if this is interrupted, what is left
    # is an unfinished tree.
    names = sorted(known - {MANIFEST, GENERATOR_RECORD})
    for name in (MANIFEST, *names, GENERATOR_RECORD):
        entry = root / name
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
    return False


def _write_task(settings: Settings, root: Path, task: Task) -> Written:
    name, split, index = task
    part = next(part for part in settings.parts if part.name == name)
    return write_scene(settings, part, split, index, root)


def _record(settings: Settings) -> dict:
    """generator.json: what the bytes depend on, besides the code."""
    return {
        'generator': 'avsbench.synthetic',
        'version': GENERATOR_VERSION,
        'settings': settings.to_json(),
        # The same settings give the same bytes under the same versions of these.
        'libraries': {**library_versions(), 'soundfile': soundfile.__version__},
    }


def library_versions() -> dict[str, str]:
    """Versions that the bytes of all trees depend on."""
    return {
        'python': platform.python_version(),
        'numpy': np.__version__,
        'pillow': PIL.__version__,
    }


def _records(settings: Settings, clips: list[dict]) -> Iterable[tuple[str, bytes]]:
    yield from index_files(settings.layout, clips)
    yield 'truth.json', encode_json(clips)
    yield 'ceilings.json', encode_json(compute_ceilings(settings, clips))
    yield 'README.md', Path(__file__).with_name('README.md').read_bytes()
