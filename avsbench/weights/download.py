"""One file from its address: over https, from the hosts that were named, of a bounded size."""

import errno
import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from avsbench.utils.errors import CheckpointError
from avsbench.utils.files import atomic_write
from avsbench.version import __version__

SCHEMES = ('https',)
MAX_BYTES = 8 << 30
TIMEOUT = 60  # seconds without a byte
_BLOCK = 1 << 20
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


class _NamedHosts(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the named hosts only."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = tuple(hosts)

    def redirect_request(
        self, req: urllib.request.Request, fp: IO, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """Check where a redirect leads."""
        check_address(newurl, self.hosts, f'{req.full_url} is redirected to ')
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def check_address(address: str, hosts: Iterable[str], start: str = '') -> None:
    """Check scheme and host of an address.

    Args:
        address: In full.
        hosts: Allowed ones; '.a.org' stands for all hosts under a.org.
        start: Of the message.

    Raises:
        CheckpointError: It is another one.
    """
    parts = urlsplit(address)
    host = parts.hostname or ''
    if parts.scheme not in SCHEMES:
        raise CheckpointError(f'{start}{address}: only https is used for downloads')
    if not any(host == name or (name[0] == '.' and host.endswith(name)) for name in hosts):
        raise CheckpointError(
            f'{start}{host}, which is none of the hosts that the index of weights allows here '
            f'({", ".join(hosts)}); nothing was downloaded'
        )


def download(address: str, target: Path, *, hosts: Iterable[str], sha256: str | None = None) -> str:
    """Download a file; `target` appears when all of it is there and is what was expected.

    Args:
        address: In full.
        target: Where it goes.
        hosts: See `check_address`.
        sha256: The first digits of its hash, or all; None if unknown.

    Returns:
        Its SHA-256.

    Raises:
        CheckpointError: It can't be had, or is something else; nothing is left of it.
        OSError: It can't be written.
    """
    hosts = tuple(hosts)
    check_address(address, hosts)
    opener = urllib.request.build_opener(_NamedHosts(hosts))
    request = urllib.request.Request(address, headers={'User-Agent': f'avsbench/{__version__}'})
    try:
        with opener.open(request, timeout=TIMEOUT) as response, atomic_write(target) as temporary:
            found = _receive(response, temporary, address)
            if sha256 and not found.startswith(sha256):
                raise CheckpointError(
                    f'{address}: the SHA-256 of what came is {found}, expected {sha256}: the file '
                    'was changed or the download is damaged; nothing was kept'
                )
    except (OSError, http.client.HTTPException) as error:
        if getattr(error, 'errno', None) in _OF_THE_DISK:
            raise
        reason = getattr(error, 'reason', None) or error
        raise CheckpointError(
            f'{address}: the download failed ({reason}). Fetch the file on a machine that reaches '
            f'it, and put it at {target}'
        ) from error
    return found


def _receive(response: Any, target: Path, address: str) -> str:
    """Write what comes, within bounds; its SHA-256."""
    length = response.headers.get('Content-Length')
    total = int(length) if length and length.isdigit() else None
    if total is not None and total > MAX_BYTES:
        raise CheckpointError(f'{address}: {total} bytes, more than the {MAX_BYTES} allowed')
    digest, count = hashlib.sha256(), 0
    columns = (TextColumn('{task.description}'), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with (
        open(target, 'wb') as file,
        Progress(*columns, TimeRemainingColumn(), console=console) as bar,
    ):
        task = bar.add_task(address.rpartition('/')[2], total=total)
        while block := response.read(_BLOCK):
            if not count and block.lstrip().startswith(b'<'):
                raise CheckpointError(
                    f'{address}: a web page came instead of the file; open it in a browser'
                )
            count += len(block)
            if count > MAX_BYTES:
                raise CheckpointError(f'{address}: more than the {MAX_BYTES} bytes allowed')
            file.write(block)
            digest.update(block)
            bar.update(task, completed=count)
    if total is not None and count < total:
        raise CheckpointError(
            f'{address}: {count} of {total} bytes came; the connection broke off, try again'
        )
    return digest.hexdigest()
