"""Result files that appear all together or not at all, and replace others only if told to."""

import os
import re
import tempfile
from pathlib import Path

from avsbench.utils.errors import DataError, counted, examples
from avsbench.video import container_of

MASK_NAME = re.compile(r'[1-9]\d*\.png')


class Outputs:
    """Where the results of one video go: to a temporary folder beside, and then renamed.

    Args:
        video: The overlay video.
        masks: Folder for the masks, or None.
        overwrite: Whether existing files may be replaced; in the folder of the masks, those with
            the names of masks.
        source: The file that is read, which is never replaced.

    Attributes:
        container: Of the overlay video, by its name.
        table: The csv file.
        sheet: The contact sheet.

    Raises:
        ConfigError: The name of the video does not end in the suffix of a supported container.
        DataError: A result already exists, is the source, or its folder can't be written to.
    """

    def __init__(
        self,
        video: str | Path,
        masks: str | Path | None = None,
        *,
        overwrite: bool = False,
        source: str | Path | None = None,
    ) -> None:
        self.video = Path(video)
        self.container = container_of(video)
        self.table = self.video.with_suffix('.csv')
        self.sheet = self.video.with_suffix('.png')
        self.masks = None if masks is None else Path(masks)
        if source is not None and _same_file(self.video, Path(source)):
            raise DataError(f'{video}: is the video that is read; choose another name')
        self._overwrite = overwrite
        self._check_free()
        self._prepare()

    def _prepare(self) -> None:
        """Make the temporary folders."""
        self._scratch = _scratch_folder(self.video.parent, self.video.name)
        self._mask_scratch = None
        if self.masks is not None:
            try:
                self._mask_scratch = _scratch_folder(self.masks.parent, self.masks.name)
            except DataError:
                self.discard()
                raise

    def temporary(self, path: Path) -> Path:
        """Where to write `video`, `table` or `sheet` until `commit`."""
        return Path(self._scratch.name, path.name)

    def mask(self, number: int) -> Path:
        """Where to write a mask until `commit`, by its number from 1, as in custom data."""
        return Path(self._mask_scratch.name, f'{number}.png')

    def commit(self) -> None:
        """Move everything to its place.

        Raises:
            DataError: A result exists by now, or can't be written.
        """
        try:
            self._check_free()  # again: something may have been written meanwhile
            if self.masks is not None:
                self.masks.mkdir(exist_ok=True)
                for old in self._old_masks():
                    old.unlink()
                for new in Path(self._mask_scratch.name).iterdir():
                    os.replace(new, self.masks / new.name)
            for path in (self.table, self.sheet, self.video):
                os.replace(self.temporary(path), path)
        except OSError as error:
            raise DataError(
                f'{error.filename2 or error.filename}: cannot be written ({error.strerror})'
            ) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the temporary files."""
        for folder in (self._scratch, getattr(self, '_mask_scratch', None)):
            if folder is not None:
                folder.cleanup()

    def _check_free(self) -> None:
        for path in (self.video, self.table, self.sheet):
            if path.is_dir():
                raise DataError(f'{path}: is a folder, expected the name of a file')
        if self.masks is not None and self.masks.exists() and not self.masks.is_dir():
            raise DataError(f'{self.masks}: is a file, expected a folder for the masks')
        if self._overwrite:
            return
        found = [str(p) for p in (self.video, self.table, self.sheet) if p.exists()]
        if found:
            raise DataError(
                f'{examples(found)}: already exists; choose another name, or pass --overwrite'
            )
        masks = self._old_masks()
        if masks:
            raise DataError(
                f'{self.masks}: contains {counted(len(masks), "mask")} '
                f'({examples(p.name for p in masks)}); '
                'choose another folder, or pass --overwrite'
            )

    def _old_masks(self) -> list[Path]:
        if self.masks is None or not self.masks.is_dir():
            return []
        return sorted(p for p in self.masks.iterdir() if MASK_NAME.fullmatch(p.name))


class LiveOutputs(Outputs):
    """The results of a video that is still going on: each at its place as soon as it is written.

    What is there when the video or the program ends stays. Arguments and attributes are those of
    `Outputs`; the table is there from the beginning, the contact sheet comes at the end.
    """

    def _prepare(self) -> None:
        """Check that the folders can be written to, which the results go to directly."""
        super()._prepare()
        self.discard()

    def begin(self) -> None:
        """Empty the folder of the masks, before the first one is written."""
        if self.masks is not None:
            self.masks.mkdir(exist_ok=True)
            for old in self._old_masks():
                old.unlink()

    def temporary(self, path: Path) -> Path:
        """The place itself."""
        return path

    def mask(self, number: int) -> Path:
        """The place of a mask."""
        return self.masks / super().mask(number).name

    def commit(self) -> None:
        """Nothing: everything is at its place."""


def _scratch_folder(parent: Path, name: str) -> tempfile.TemporaryDirectory:
    if not parent.is_dir():
        raise DataError(f'{parent}: no such folder; create it first')
    try:
        return tempfile.TemporaryDirectory(prefix=f'.{name}.', suffix='.tmp', dir=parent)
    except OSError as error:
        raise DataError(f'{parent}: cannot be written to ({error.strerror})') from error


def _same_file(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and os.path.samefile(one, other)
