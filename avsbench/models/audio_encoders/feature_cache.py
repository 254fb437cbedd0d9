"""Features of frozen audio encoders on disk, one entry for each second of sound.

An entry is found by a hash of the log-mel patch itself, so a changed file, another front end or a
muted clip never meets a wrong one, and by a hash of the network's weights with everything else that
its values depend on. Each process appends to a file of its own and maps those of all others, so any
number of trainings may share a folder; an entry carries a checksum, and a damaged one is computed
again.
"""

import hashlib
import os
import socket
import time
import uuid
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import timm
import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from avsbench.version import __version__

KEY_BYTES = 16
SUFFIX = '.features'
LOOK_AGAIN = 10.0  # seconds between two looks for what other processes have added


def patch_key(patch: Tensor) -> bytes:
    """The hash that stands for a log-mel patch: 16 bytes, of its values alone."""
    values = np.ascontiguousarray(patch.detach().cpu().numpy(), np.float32)
    return hashlib.blake2b(values, digest_size=KEY_BYTES).digest()


class FeatureCache:
    """Folder of features.

    A folder that can't be written is reported once, and the features are then computed by each
    run; what is returned is the same.

    Args:
        folder: Created when the first entry is written. Each network has a folder in it.

    Attributes:
        keeps: Whether what was computed is kept, in memory and in the folder. A runner sets it;
            others see each second of sound once, and only ask.
        computed: Patches computed so far.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.keeps = False
        self.computed = 0
        self._writable = True
        self._versions: tuple | None = None
        self._network = ''
        self._forget()

    def __deepcopy__(self, memo: dict) -> 'FeatureCache':
        return FeatureCache(self.folder)  # files that are open or mapped can't be copied

    def __reduce__(self) -> tuple:
        return FeatureCache, (self.folder,)

    def features(
        self,
        network: nn.Module,
        keys: Sequence[bytes],
        patches: Tensor,
        compute: Callable[[Tensor], Tensor],
    ) -> Tensor:
        """Features (N, 1, A * D) of patches, from the cache as far as they are there.

        Args:
            network: Whose weights the features depend on.
            keys: N hashes, see `patch_key`.
            patches: (N, *shape).
            compute: Maps patches (n, *shape) to features (n, A, D) float32.
        """
        self._check_network(network, patches.device)
        missing = self._missing(keys)
        if missing:
            # the same second may occur more than once, as silence does
            chosen = [keys.index(key) for key in missing]
            new = compute(patches[chosen])
            self.computed += len(missing)
            found = dict(zip(missing, new.flatten(1).cpu().numpy(), strict=True))
            self._keep(found)
        else:
            found = {}
        rows = [found[key] if key in found else self._known[key] for key in keys]
        host = torch.from_numpy(np.stack(rows))[:, None]
        if patches.is_cuda:
            return host.pin_memory().to(patches.device, non_blocking=True)
        return host

    def _check_network(self, network: nn.Module, device: torch.device) -> None:
        """Turn to another folder, if weights or device are not those of the last call."""
        state = network.state_dict(keep_vars=True)
        versions = (device, *((tensor.data_ptr(), tensor._version) for tensor in state.values()))
        if versions == self._versions:
            return
        digest = hashlib.sha256(repr(_surroundings(network, device)).encode())
        for name, tensor in state.items():
            values = tensor.detach().cpu().contiguous()
            digest.update(f'{name} {values.dtype} {tuple(values.shape)}'.encode())
            digest.update(values.view(-1).view(torch.uint8).numpy())
        self._versions = versions
        if digest.hexdigest()[:32] != self._network:
            self._network = digest.hexdigest()[:32]
            self._forget()

    def _forget(self) -> None:
        self._known: dict[bytes, np.ndarray] = {}
        self._read: dict[str, int] = {}  # bytes of each file that are known
        self._looked = -LOOK_AGAIN
        self._file: BinaryIO | None = None
        self._damaged = 0

    def _missing(self, keys: Sequence[bytes]) -> list[bytes]:
        missing = [key for key in dict.fromkeys(keys) if key not in self._known]
        if missing and time.monotonic() - self._looked >= LOOK_AGAIN:
            self._looked = time.monotonic()
            self._look()
            missing = [key for key in missing if key not in self._known]
        return missing

    def _look(self) -> None:
        """Map what the files of the folder have beyond what is known."""
        try:
            entries = sorted(os.scandir(self.folder / self._network), key=lambda e: e.name)
        except OSError:  # there is none yet; if the folder is at fault, writing will say so
            return
        for entry in entries:
            if entry.name.endswith(SUFFIX):
                self._map(Path(entry.path))
        if self._damaged:
            print_log(
                f'{self.folder}: {self._damaged} damaged entries of the cache of audio features '
                'are computed again',
                'current',
                level=30,
            )
            self._damaged = 0

    def _map(self, path: Path) -> None:
        width = int(path.name.split('-', 1)[0])
        record = _record(width)
        start = self._read.get(path.name, 0)
        count = (path.stat().st_size - start) // record.itemsize  # a torn last entry is left out
        if count <= 0:
            return
        rows = np.memmap(path, record, 'r', offset=start, shape=(count,)).view(np.ndarray)
        self._read[path.name] = start + count * record.itemsize
        sums = rows['checksum'].tolist()
        for row, values, checksum in zip(rows['key'], rows['values'], sums, strict=True):
            key = row.tobytes()
            if _checksum(key, values) == checksum:
                self._known.setdefault(key, values)
            else:
                self._damaged += 1

    def _keep(self, found: dict[bytes, np.ndarray]) -> None:
        if not self.keeps:
            return
        self._known |= found
        if not self._writable:
            return
        width = len(next(iter(found.values())))
        rows = np.zeros(len(found), _record(width))
        for row, (key, values) in zip(rows, found.items(), strict=True):
            row['key'] = np.frombuffer(key, np.uint8)
            row['values'] = values
            row['checksum'] = _checksum(key, values)
        try:
            if self._file is None:
                self._file = self._open(width)
            self._file.write(rows.tobytes())
            self._file.flush()
        except OSError as error:
            self._writable = False  # an entry may be torn now: nothing may follow it
            print_log(
                f'{self.folder}: the cache of audio features cannot be written '
                f'({error.strerror}); they are computed again in each run. Set '
                'model.audio_encoder.cache_dir to a folder with free space, or to None',
                'current',
                level=30,
            )

    def _open(self, width: int) -> BinaryIO:
        folder = self.folder / self._network
        folder.mkdir(parents=True, exist_ok=True)
        host = ''.join(c if c.isalnum() else '_' for c in socket.gethostname())
        name = f'{width}-{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}{SUFFIX}'
        self._read[name] = 1 << 62  # its entries are known
        return open(folder / name, 'xb')


def _surroundings(network: nn.Module, device: torch.device) -> tuple:
    """What the values depend on besides weights and patch."""
    name = torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type
    tf32 = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    threads = torch.get_num_threads() if device.type == 'cpu' else 0
    settings = [
        (part, sorted((k, v) for k, v in vars(module).items() if _is_setting(k, v)))
        for part, module in network.named_modules()
    ]
    versions = torch.__version__, timm.__version__, __version__
    return repr(network), settings, versions, name, tf32, threads


def _is_setting(name: str, value: object) -> bool:
    plain = int | float | str | bool | tuple | None
    return not name.startswith('_') and name != 'training' and isinstance(value, plain)


def _record(width: int) -> np.dtype:
    fields = [('key', np.uint8, KEY_BYTES), ('values', '<f4', width), ('checksum', '<u4')]
    return np.dtype(fields)


def _checksum(key: bytes, values: np.ndarray) -> int:
    # from 1: with 0, zero bytes would be an entry with its checksum
    return zlib.crc32(np.ascontiguousarray(values), zlib.crc32(key, 1))
