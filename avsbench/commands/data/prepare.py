"""The work of `avsbench data prepare`."""

import argparse
import functools
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from avsbench.datasets.preparation import Outcome, prepare
from avsbench.datasets.preparation.avsbench_tree import (
    clip_task,
    csv_text,
    rows_of_csv,
    rows_of_folders,
    start_of,
)
from avsbench.datasets.preparation.custom_tree import CustomTree
from avsbench.datasets.preparation.settings import keep_settings
from avsbench.layouts import LAYOUTS, Layout
from avsbench.utils.errors import ConfigError, DataError, counted
from avsbench.utils.files import write_text
from avsbench.utils.folders import check_writable
from avsbench.utils.parallel import show_progress
from avsbench.utils.text import read_text


def run(args: argparse.Namespace) -> int:
    """Run `avsbench data prepare`."""
    if args.workers < 0:
        raise ConfigError(f'--workers: got {args.workers}, expected 0 or more')
    if args.subset == 'custom':
        return prepare_custom(args)
    return prepare_tree(LAYOUTS[args.subset], args)


def prepare_tree(layout: Layout, args: argparse.Namespace) -> int:
    """A tree in AVSBench's layout."""
    if args.trim and ('start' not in layout.columns or args.csv is None):
        raise ConfigError('--trim needs s4 and --csv: `start` is a column of its csv')
    frames = clip_frames(layout, args.seconds)
    missing: list[str] = []
    if args.csv is None:
        rows = list(rows_of_folders(layout, args.videos, frames))
    else:
        rows, missing = rows_of_csv(layout, args.csv, args.videos)
    size = layout.frame_size if args.size is None else read_size(args.size)
    rule = args.frames_by or 'index'
    settings = dict(subset=layout.subset, seconds=frames, size=size, frames_by=rule)
    keep_settings(args.out, settings | {'trim': args.trim}, overwrite=args.overwrite)
    present = args.out / layout.csv
    if args.csv is not None:
        copy_csv(args.csv, present, overwrite=args.overwrite)
    tasks = []
    for row, video in rows:
        number = layout.kind(row).frames if args.seconds is None else frames
        task = clip_task(layout, row, video, args.out, frames=number, log_mel=args.log_mel)
        start = start_of(row, video) if args.trim else 0
        tasks.append(replace(task, size=size, start=start, rule=rule, overwrite=args.overwrite))
    outcomes = prepare(
        tasks, workers=args.workers, progress=functools.partial(show_progress, label='clips')
    )
    if args.csv is None:
        good = [row for (row, _), done in zip(rows, outcomes, strict=True) if not done.fault]
        if good:
            write_text(present, csv_text(layout, good, present))
    report(layout, args.out, outcomes, missing)
    return report_faults([*missing, *(done.fault for done in outcomes if done.fault)])


def prepare_custom(args: argparse.Namespace) -> int:
    """The frames of custom videos that masks are to be drawn on."""
    for name in ('csv', 'trim', 'seconds', 'size', 'frames_by', 'log_mel'):
        if getattr(args, name):
            raise ConfigError(f'custom: --{name.replace("_", "-")} is for the other layouts')
    check_writable(args.out, 'data_root to make', 'choose another with --out')
    tree = replace(CustomTree.of(args.out), videos=args.videos)
    tasks, faults = [], []
    for name, video in tree.names().items():
        try:
            task = tree.frames_task(name, video)
        except DataError as error:
            faults.append(str(error))
        else:
            tasks.append(replace(task, overwrite=args.overwrite))
    outcomes = prepare(
        tasks, workers=args.workers, progress=functools.partial(show_progress, label='clips')
    )
    faults += [done.fault for done in outcomes if done.fault]
    frames = sum(len(task.frame_paths) for task in tasks)
    print(
        f'{counted(len(tasks), "video")}, {counted(frames, "second")}: images are in '
        f'{args.out}/prepared/frames/<name>/<second>.jpg, their masks belong to '
        f'{args.out}/masks/<name>/<second>.png'
    )
    return report_faults(faults)


def read_size(given: list[int]) -> tuple[int, int] | None:
    """(H, W), None for 0."""
    if len(given) > 2 or min(given) < 0 or (0 in given and given != [0]):
        raise ConfigError(f'--size {given}: expected 0, one number, or height and width')
    return None if given == [0] else (given[0], given[-1])


def clip_frames(layout: Layout, seconds: int | None) -> int:
    """T of the clips, where the csv doesn't tell."""
    if seconds is None:
        return layout.frames
    if seconds < 1:
        raise ConfigError(f'--seconds: got {seconds}, expected 1 or more')
    lengths = sorted({kind.frames for kind in layout.kinds.values()})
    if 'label' in layout.columns and seconds not in lengths:
        allowed = ' or '.join(map(str, lengths))
        raise ConfigError(f'--seconds {seconds}: clips of {layout.subset} have {allowed}')
    return seconds


def copy_csv(csv: Path, present: Path, *, overwrite: bool) -> None:
    """Put the csv into the tree."""
    content = read_text(csv)
    if present.is_file() and not overwrite:
        if read_text(present) != content:
            raise DataError(
                f'{present}: differs from {csv}; choose another --out, or pass --overwrite'
            )
        return
    write_text(present, content)


def report(layout: Layout, out: Path, outcomes: list[Outcome], missing: list[str]) -> None:
    """Say what was done and what to do next."""
    faults = len(missing) + sum(bool(done.fault) for done in outcomes)
    kept = sum(not done.made and not done.fault for done in outcomes)
    made = sum(done.made for done in outcomes)
    print(
        f'{out}: {len(outcomes) - kept - faults + len(missing)} clips made '
        f'({made} files), {kept} were there'
    )
    short = [done for done in outcomes if done.repeated]
    if short:
        print(
            f'{len(short)} videos are shorter than their clip: their last frame is repeated, '
            f'e.g. {short[0].task.video}, {short[0].repeated} times'
        )
    place = next(iter(layout.masks.values())).replace('{', '<').replace('}', '>')
    values = 'class indices' if layout.semantic else 'two values, 0 is background'
    print(f'Masks belong to {out}/{place}, k from {layout.first_frame}; {values}')
    for label, kind in layout.kinds.items():
        for split in kind.first_only:
            print(f'  {split} split of {label}: only k = {layout.first_frame} is needed')
    root = shlex.quote(str(out))
    print(f'To check: python -m avsbench data check {layout.subset} --data-root {root}')


def report_faults(faults: list[str]) -> int:
    """Name what could not be used; the exit code."""
    if faults:
        head = f'{counted(len(faults), "video")} could not be used:'
        print(head, *faults, sep='\n  ', file=sys.stderr)
    return 1 if faults else 0
