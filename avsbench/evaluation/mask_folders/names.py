"""Which file of a folder is the mask of which frame.

The published repositories save masks in folders of their own kinds: AVSBench (TPAVI), AVSegFormer
and MED-VT write `<category>/<video>/<video>_<0..4>.png`, without the category in MS3 and AVSS, and
below `pred_masks/`; this toolbox writes the names of the frames. Others keep the names of
AVSBench's label files, which count from 1 in S4 and MS3. So folder and name of a file are tried in
all combinations, and the one that most frames have is taken.
"""

import string
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from avsbench.datasets.clip_info import ClipInfo
from avsbench.utils.errors import ConfigError, DataError, examples
from avsbench.utils.folders import visible

_ROOTS = ('', 'pred_masks/')
_FOLDERS = (
    '{clip_id}/',
    '{name}/',
    '{split}/{clip_id}/',
    '{split}/{name}/',
    '{clip_id}/labels_semantic/',
    '{clip_id}/labels_rgb/',
    '{label_folder}/',
    '',
)
_NAMES = ('{frame}', '{label}', '{name}_{index}', '{index}', '{name}_{number}', '{number}')
LAYOUTS = tuple(
    f'{root}{folder}{name}.png'
    for root in _ROOTS
    for folder in _FOLDERS
    for name in _NAMES
    if folder or 'name' in name or name in ('{frame}', '{label}')
)
FIELDS = {
    'clip_id': 'of the data set: <category>/<video> in S4, <video> in MS3, <label>/<uid> in AVSS',
    'name': 'its last part, <video> or <uid>',
    'split': 'such as test',
    'frame': "name of the frame's file, without suffix",
    'label': "name of the label's file, without suffix",
    'label_folder': 'folder of the label below data_root',
    'index': 'position of the frame, from 0',
    'number': 'position of the frame, from 1',
}
"""Fields of a layout -> what they are."""


@dataclass(frozen=True)
class MaskFiles:
    """The masks of a split in a folder.

    Attributes:
        folder: The folder.
        layout: Path of a mask below it, with `FIELDS`.
        paths: One list per clip: a file for each frame, None where it is not annotated.
        missing: Those of them that are not there.
        unused: How many other PNGs there are.
    """

    folder: Path
    layout: str
    paths: list[list[Path | None]]
    missing: list[Path]
    unused: int

    def describe_missing(self) -> str:
        """How many are missing, and the first ones."""
        total = sum(path is not None for clip in self.paths for path in clip)
        names = examples(path.relative_to(self.folder) for path in self.missing)
        return f'{len(self.missing)} of {total} masks are missing: {names}'


def find_masks(
    folder: str | Path, infos: Sequence[ClipInfo], data_root: str, layout: str | None = None
) -> MaskFiles:
    """Find the mask of every annotated frame.

    Args:
        folder: That of the masks.
        infos: The clips of the split.
        data_root: Of the data set.
        layout: See `MaskFiles`; None for the one of `LAYOUTS` that most frames have.

    Raises:
        DataError: There is no PNG, none has a known name, or names can be understood in two ways.
        ConfigError: The layout has a field that does not exist.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f'{folder}: no such folder, expected one of masks')
    there = {path.relative_to(folder).as_posix() for path in visible(folder.rglob('*.png'), folder)}
    if not there:
        raise DataError(f'{folder}: holds no PNG')
    clips = [list(_fields(info, data_root)) for info in infos]
    if layout is None:
        layout = _choose(folder, there, clips)
    names = _names(layout, clips)
    wanted = [name for clip in names for name in clip if name is not None]
    _check_distinct(layout, names)
    missing = [folder / name for name in wanted if name not in there]
    return MaskFiles(
        folder,
        layout,
        [[None if name is None else folder / name for name in clip] for clip in names],
        missing,
        len(there) - len(wanted) + len(missing),
    )


def _fields(info: ClipInfo, data_root: str) -> Iterator[dict | None]:
    """Fields of each frame of a clip, None where it is not annotated."""
    clip = {'clip_id': info['clip_id'], 'split': info['split']}
    clip['name'] = PurePosixPath(info['clip_id']).name
    pairs = zip(info['frame_paths'], info['mask_paths'], strict=True)
    for index, (frame, label) in enumerate(pairs):
        if label is None:
            yield None
            continue
        parent = Path(label).parent
        root = Path(data_root)
        inside = parent.relative_to(root) if parent.is_relative_to(root) else Path(parent.name)
        yield clip | {
            'frame': Path(frame).stem,
            'label': Path(label).stem,
            'label_folder': inside.as_posix(),
            'index': index,
            'number': index + 1,
        }


def _names(layout: str, clips: list[list[dict | None]]) -> list[list[str | None]]:
    used = {field for _, field, _, _ in string.Formatter().parse(layout) if field is not None}
    unknown = sorted(used - set(FIELDS))
    if unknown:
        raise ConfigError(
            f'layout {layout!r}: no field {examples(unknown)}; there are {", ".join(FIELDS)}'
        )
    return [[None if f is None else layout.format(**f) for f in clip] for clip in clips]


def _choose(folder: Path, there: set[str], clips: list[list[dict | None]]) -> str:
    """The layout of most files."""
    found: dict[int, list[tuple[str, frozenset]]] = defaultdict(list)
    for layout in LAYOUTS:
        names = [(name, place) for place, name in enumerate(_flat(_names(layout, clips)))]
        pairs = frozenset((name, place) for name, place in names if name in there)
        found[len(pairs)].append((layout, pairs))
    best = max(found)
    if not best:
        raise DataError(
            f'{folder}: no PNG has the name of a mask of this split. There are '
            f'{examples(sorted(there), 3)}; expected e.g. '
            f'{examples(_flat(_names(LAYOUTS[0], clips)), 1)}, or pass --layout'
        )
    layouts = found[best]
    # A file of number 0 says that numbers count from 0, however many files there are beyond.
    first = {place for place, field in enumerate(_frames(clips)) if field['index'] == 0}
    from_zero = [
        (layout, pairs)
        for layout, pairs in layouts
        if '{index}' in layout and any(place in first for _, place in pairs)
    ]
    layouts = from_zero or layouts
    layout, pairs = layouts[0]
    other = next((text for text, others in layouts if others != pairs), None)
    if other is not None:
        raise DataError(
            f'{folder}: the names of {best} PNGs can be understood as {layout} and as {other}: '
            'pass --layout with one of them'
        )
    return layout


def _frames(clips: list[list[dict | None]]) -> list[dict]:
    return [fields for clip in clips for fields in clip if fields is not None]


def _flat(names: list[list[str | None]]) -> list[str]:
    return [name for clip in names for name in clip if name is not None]


def _check_distinct(layout: str, names: list[list[str | None]]) -> None:
    flat = _flat(names)
    if len(set(flat)) < len(flat):
        twice = sorted(name for name, count in Counter(flat).items() if count > 1)
        raise DataError(
            f'layout {layout}: two frames of the split would have one mask: {examples(twice, 2)}; '
            'pass another --layout'
        )
