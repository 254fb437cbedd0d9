"""Runs readers on damaged files, each format in a process of its own, and judges what happens.

A reader may return, or raise an error of the toolbox that names the file. Anything else is a
finding: another exception, the death of the process, too much time or memory, memory that could
not be had, a file, process or connection that it has no business with.
"""

import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import cv2
import numpy as np
from fuzz_formats import FORMATS, Format
from fuzz_mutations import mutate

from avsbench.utils.errors import AVSBenchError

ADDRESSES = 12 << 30  # bytes of address space of a process; what asks for more is told so
HANG = 300  # seconds of the clock after which a process is ended, on however busy a machine
BUSY = 20  # seconds of the processor after which the system ends it
SECONDS = 4.0  # of the processor that a small file may take
SECONDS_PER_BYTE = 2e-5

# FFmpeg has a limit of its own, for which it says 'Cannot allocate memory'.
_NO_MEMORY = ("can't allocate", 'bad_alloc', 'not enough memory', 'Unable to allocate')
_FORBIDDEN = ('subprocess.Popen', 'os.system', 'os.exec', 'os.fork', 'os.posix_spawn', 'socket')
_CHANGES = ('os.mkdir', 'os.rename', 'os.remove', 'os.rmdir', 'os.link', 'os.symlink', 'os.chmod')


@dataclass(frozen=True)
class Case:
    """What came of one damaged file.

    Attributes:
        form: Name of the format.
        index: Number of the file; with the seed it gives the same file again.
        result: 'read', 'refused' or 'finding'.
        text: Of the error.
        seconds: Of the processor.
        memory: Bytes by which the process grew.
    """

    form: str
    index: int
    result: str
    text: str = ''
    seconds: float = 0.0
    memory: int = 0


def run(names: list[str], indices: range, seed: int, keep: Path) -> Iterator[Case]:
    """Read damaged files of some formats.

    Args:
        names: Of the formats.
        indices: Which files of each.
        seed: Of the damage.
        keep: Folder for the files that led to a finding.
    """
    for name in names:
        with tempfile.TemporaryDirectory(prefix='fuzz_') as folder:
            start = indices.start
            while start < indices.stop:
                for case in _forked(name, Path(folder), range(start, indices.stop), seed, keep):
                    yield case
                    start = case.index + 1


def damaged(form: Format, samples: list[Path], index: int, seed: int) -> tuple[Path, bytes]:
    """The valid file that a case begins with, and its damaged content."""
    rng = np.random.default_rng([seed, index])
    sample = samples[index % len(samples)]
    return sample, mutate(sample.read_bytes(), form.mutators, rng)


class _Watch:
    """Notes what a reader does that it has no business with, once it is switched on."""

    def __init__(self) -> None:
        self.on = False
        self.found: list[str] = []
        sys.addaudithook(self._see)

    def _see(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        if event.startswith(_FORBIDDEN):
            self.found.append(f'{event}{arguments!r:.200}')
        changes = event.startswith(_CHANGES)
        if event == 'open':
            flags = arguments[2] if isinstance(arguments[2], int) else 0
            changes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        # a path without folder is in the current one, or in one that was opened before
        path = str(arguments[0]) if arguments else ''
        if changes and os.path.dirname(path) and not path.startswith((os.getcwd(), os.devnull)):
            self.found.append(f'{event} {path}')


def _forked(name: str, folder: Path, indices: range, seed: int, keep: Path) -> Iterator[Case]:
    """Cases of a child process, up to and with the one that it ends in."""
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(readable)
            _serve(name, folder, indices, seed, keep, os.fdopen(writable, 'w'))
            os._exit(0)
        except BaseException:  # noqa: BLE001  the parent reports it as the death of the process
            (folder / 'error.txt').write_text(traceback.format_exc())
        finally:
            os._exit(3)
    os.close(writable)
    how, index = None, indices.start
    with os.fdopen(readable) as pipe:
        while index < indices.stop:
            ready, _, _ = select.select([pipe], [], [], HANG)
            line = pipe.readline() if ready else ''
            if line:
                yield Case(**json.loads(line))
                index += 1
                continue
            how = '' if ready else f'hangs for {HANG} s'
            if not ready:
                os.kill(child, signal.SIGKILL)
            break
    _, status = os.waitpid(child, 0)
    if how is not None:
        if (folder / 'error.txt').exists():  # of the harness, not of a file
            raise RuntimeError((folder / 'error.txt').read_text())
        how = how or f'ends the process (signal {status & 127}, exit code {status >> 8})'
        if not (folder / 'cases').is_dir():
            raise RuntimeError(f'{name}: {how} on valid files')
        for path in (folder / 'cases').iterdir():
            _kept(keep / name, path, how)
            path.unlink()
        yield Case(name, index, 'finding', how)


def _serve(name: str, folder: Path, indices: range, seed: int, keep: Path, pipe: TextIO) -> None:
    """Make the valid files, damage and read them; one line for each goes into the pipe."""
    warnings.simplefilter('ignore')
    cv2.setNumThreads(1)
    for descriptor in (1, 2):  # libraries print what they think of a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    form = FORMATS[name]
    samples = sorted(form.make(_made(folder / 'valid')))
    for sample in samples:
        form.read(sample)  # it is valid, and what its reader imports is there from now on
    cases = _made(folder / 'cases')
    os.chdir(cases)
    os.environ['HOME'] = tempfile.tempdir = str(cases)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    watch = _Watch()
    for index in indices:
        sample, content = damaged(form, samples, index, seed)
        path = cases / f'{sample.stem}-{index}{sample.suffix}'
        path.write_bytes(content)
        case = judge(name, index, path, watch)
        if case.result == 'finding':
            _kept(keep / name, path, case.text)
        path.unlink()
        pipe.write(json.dumps(asdict(case)) + '\n')
        pipe.flush()


def judge(name: str, index: int, path: Path, watch: _Watch) -> Case:
    """Read one file."""
    form, size = FORMATS[name], path.stat().st_size
    before = _peak(reset=True)
    started = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(started) + 1 + BUSY, resource.RLIM_INFINITY))
    watch.found.clear()
    watch.on = True
    try:
        form.read(path)
        result, text = 'read', ''
    except AVSBenchError as error:
        result, text = 'refused', str(error)
        if str(path) not in text:
            result, text = 'finding', f'does not name the file: {text}'
        if _lacked_memory(error):
            result, text = 'finding', f'asked for all memory: {text}'
    except BaseException:  # noqa: BLE001
        result, text = 'finding', traceback.format_exc()[-1500:]
    finally:
        watch.on = False
    seconds, memory = time.process_time() - started, _peak() - before
    left = [p.name for p in path.parent.rglob('*') if p != path]
    findings = [
        *watch.found,
        *(f'leaves {name}' for name in left),
        *([f'takes {seconds:.1f} s'] if seconds > SECONDS + SECONDS_PER_BYTE * size else []),
        *([f'takes {memory >> 20} MiB'] if memory > form.memory else []),
    ]
    if findings:
        result, text = 'finding', '; '.join([*findings, text])
    return Case(name, index, result, text, seconds, memory)


def _lacked_memory(error: BaseException | None) -> bool:
    while error is not None:
        asked = isinstance(error, MemoryError) and type(error).__module__ != 'av.error'
        if asked or any(word in str(error) for word in _NO_MEMORY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _peak(*, reset: bool = False) -> int:
    """Largest resident memory of the process, in bytes, since it was last reset."""
    if reset:
        Path('/proc/self/clear_refs').write_text('5')
    status = Path('/proc/self/status').read_text()
    return 1024 * int(status.split('VmHWM:')[1].split()[0])


def _kept(folder: Path, path: Path, text: str) -> None:
    shutil.copy(path, _made(folder) / path.name)
    (folder / f'{path.stem}.txt').write_text(text + '\n')


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def summary(cases: list[Case]) -> str:
    """Counts for each format, and its slowest and its largest case."""
    lines = []
    for name in dict.fromkeys(case.form for case in cases):
        some = [case for case in cases if case.form == name]
        counts = Counter(case.result for case in some)
        slow = max(some, key=lambda case: case.seconds)
        large = max(some, key=lambda case: case.memory)
        lines.append(
            f'{name:12s} {len(some):6d} files: {counts["read"]} read, {counts["refused"]} refused, '
            f'{counts["finding"]} findings; at most {slow.seconds:.2f} s (#{slow.index}), '
            f'{large.memory / 2**20:.0f} MiB (#{large.index}); {sum(c.seconds for c in some):.1f} s'
        )
    return '\n'.join(lines)
