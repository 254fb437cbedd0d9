"""Opening a data set whose csv lists many clips: time and memory, without a look at their files.

Nothing but the csv is on disk, as if the check of the files (`check='off'`) had been done before.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from mmengine.registry import init_default_scope

from avsbench.datasets import AVSSDataset, MS3Dataset, S4Dataset
from avsbench.datasets.base_clip_dataset import BaseClipDataset
from benchmarks.harness import header, peak_memory

DATASETS = {'s4': S4Dataset, 'ms3': MS3Dataset, 'avss': AVSSDataset}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--subset', choices=DATASETS, nargs='+', default=list(DATASETS))
    parser.add_argument('--clips', type=int, default=100_000)
    parser.add_argument('--max-seconds', type=float, help='exit code 1 above so much time')


def run(args: argparse.Namespace) -> int:
    header(1)
    init_default_scope('avsbench')
    slow = False
    with tempfile.TemporaryDirectory() as folder:
        for subset in args.subset:
            write_csv(Path(folder), subset, args.clips)
            seconds, kept, peak = measure(Path(folder), subset)
            slow |= args.max_seconds is not None and seconds > args.max_seconds
            print(
                f'{subset}, {args.clips} clips: {seconds:.2f} s of the processor, '
                f'{kept / 2**20:.0f} MiB kept, {peak / 2**20:.0f} MiB at the peak',
                flush=True,
            )
    return int(slow)


def write_csv(folder: Path, subset: str, clips: int) -> None:
    """A csv of so many clips, all of the split train."""
    layout = DATASETS[subset].layout
    label = layout.label_of(layout.frames)
    rows = [
        layout.row(name=f'clip{k:07d}_0_10000', split='train', category='dog', label=label)
        for k in range(clips)
    ]
    lines = [','.join(rows[0]), *(','.join(row.values()) for row in rows)]
    (folder / layout.csv).write_text('\n'.join(lines) + '\n')


def measure(folder: Path, subset: str) -> tuple[float, int, int]:
    """Seconds of the processor, and bytes that the process grew by: to stay, and at its largest."""
    before, started = _resident(), time.process_time()
    dataset: BaseClipDataset = DATASETS[subset](str(folder), 'train', check='off')
    assert len(dataset)
    seconds, kept = time.process_time() - started, _resident() - before
    peak = peak_memory() - before
    return seconds, kept, peak


def _resident() -> int:
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize()
