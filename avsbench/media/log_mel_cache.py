"""Log-mel patches of audio files, kept on disk: resampling costs far more than reading them.

One file for each audio file, named by a hash of the audio file's path, size and time of change and
of the front end with its version, so a changed file gets a new entry. Entries are written beside
their place and renamed, so that any number of processes may share a folder, and carry a checksum:
a damaged one is computed again.
"""

import hashlib
import io
import os
import zlib
from pathlib import Path

import numpy as np

from avsbench.media.faults import BrokenFileError
from avsbench.media.front_ends import VGGISH, FrontEnd
from avsbench.media.log_mel import read_wav
from avsbench.utils.errors import DataError
from avsbench.utils.files import atomic_write

_CHECKSUM = 4  # bytes


class LogMelCache:
    """Folder of computed log-mel patches.

    Args:
        folder: Created when the first entry is written.
        front_end: What computes the patches.
    """

    def __init__(self, folder: str | Path, front_end: FrontEnd = VGGISH) -> None:
        self.folder = Path(folder)
        self.front_end = front_end

    def get(self, wav_path: str | Path) -> np.ndarray:
        """Patches of an audio file, from the folder or computed and put there.

        Args:
            wav_path: Audio file.

        Returns:
            (patches, *shape) float32, with the shape of the front end.

        Raises:
            DataError: The audio file is unusable, or the folder can't be written.
        """
        entry = self.path(wav_path)
        patches = _load(entry, self.front_end.shape)
        if patches is None:
            patches = self.front_end.patches(*read_wav(wav_path))
            self._store(entry, patches)
        return patches

    def path(self, wav_path: str | Path) -> Path:
        """Where the entry of an audio file is, or would be."""
        try:
            state = os.stat(wav_path)
        except OSError as error:
            raise BrokenFileError(
                f'{wav_path}: not readable ({error.strerror})', 'missing audio'
            ) from error
        key = (
            os.path.abspath(wav_path),
            state.st_size,
            state.st_mtime_ns,
            *self.front_end.cache_key,
        )
        return self.folder / f'{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.npy'

    def _store(self, entry: Path, patches: np.ndarray) -> None:
        buffer = io.BytesIO()
        np.save(buffer, patches, allow_pickle=False)
        content = buffer.getvalue()
        try:
            with atomic_write(entry) as temporary:
                temporary.write_bytes(content + _checksum(content))
        except OSError as error:
            raise DataError(
                f'{self.folder}: the log-mel cache cannot be written ({error.strerror}). Set '
                'cache_dir of LoadClip to a folder with free space that you may write to, or to '
                'None to compute them each time'
            ) from error


def _load(entry: Path, shape: tuple[int, int, int]) -> np.ndarray | None:
    """The patches of an entry; None if there is none, or none that is whole."""
    try:
        content = entry.read_bytes()
    except OSError:  # there is none; if the folder is at fault, writing the entry will say so
        return None
    content, checksum = content[:-_CHECKSUM], content[-_CHECKSUM:]
    if _checksum(content) != checksum:
        return None
    patches = np.load(io.BytesIO(content), allow_pickle=False)
    whole = patches.dtype == np.float32 and patches.shape[1:] == shape
    return patches if whole else None


def _checksum(content: bytes) -> bytes:
    # from 1: with 0, four zero bytes would be an empty entry with its checksum
    return zlib.crc32(content, 1).to_bytes(_CHECKSUM, 'little')
