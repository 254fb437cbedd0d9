"""Marks in a video what sounds: overlay with the original sound, masks, a table, a contact sheet.

    python demo/video_demo.py IN.mp4 --config config/s4/pvt2.py --checkpoint FILE --out OUT.mp4

Beside OUT.mp4 it writes OUT.csv (second, class, area as a share of the picture, mean probability)
and OUT.png (some frames with their masks, the sound, the area over time).
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from avsbench.apis import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.render import Report, render_video
from avsbench.utils.cli import OverrideAction, run_command
from avsbench.video import VideoFile


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='a name that begins with a dash: ./-IN.mp4',
    )
    parser.add_argument('video', type=Path, metavar='IN.mp4', help='video with sound')
    parser.add_argument('--config', type=Path, required=True, help='e.g. config/s4/pvt2.py')
    parser.add_argument('--checkpoint', required=True, help='of that config')
    parser.add_argument('--out', type=Path, required=True, metavar='OUT.mp4', help='or .mov, .mkv')
    parser.add_argument('--masks', type=Path, metavar='DIR', help='also write the masks as PNG')
    parser.add_argument(
        '--fps', type=int, default=1, metavar='F', help='masks a second (default: 1)'
    )
    parser.add_argument(
        '--threshold',
        type=float,
        metavar='T',
        help='mark where the probability exceeds T (default: 0.5; with several classes, the most '
        'probable one)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace results that are there')
    parser.add_argument('--batch-size', type=int, default=1, help='clips at once (with --fps > 1)')
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu', help='%(default)s'
    )
    parser.add_argument('--trust-checkpoint', action='store_true', help='see `bash test.sh --help`')
    parser.add_argument(
        '--cfg-options', nargs='+', action=OverrideAction, default={}, metavar='KEY=VALUE'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    source = VideoFile(args.video)  # fails before time is spent on building the network
    outputs = Outputs(args.out, args.masks, overwrite=args.overwrite, source=args.video)
    try:
        inferencer = AVSInferencer(
            args.config,
            args.checkpoint,
            device=args.device,
            trust_checkpoint=args.trust_checkpoint,
            cfg_options=args.cfg_options,
        )
        report = render_with_bar(inferencer, source, args, outputs)
    finally:
        outputs.discard()
    for warning in report.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    print_report(report, outputs)


def render_with_bar(
    inferencer: AVSInferencer, source: VideoFile, args: argparse.Namespace, outputs: Outputs
) -> Report:
    columns = (TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[at]}'))
    with Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task('video', total=None, at='')

        def show(done: float, total: float | None) -> None:
            bar.update(task, completed=done, total=total, at=f'{done:.1f} s')

        return render_video(
            inferencer,
            source,
            outputs,
            fps=args.fps,
            threshold=args.threshold,
            batch_size=args.batch_size,
            progress=show,
        )


def print_report(report: Report, outputs: Outputs) -> None:
    shares = report.clock.shares(report.wall).items()
    print(
        f'{report.frames} frames, {report.masks} masks of {report.seconds:g} s in '
        f'{report.wall:.1f} s ({", ".join(f"{name} {share:.0%}" for name, share in shares)}); '
        f'audio {report.audio}\n'
        f'overlay {outputs.video}, table {outputs.table}, contact sheet {outputs.sheet}'
        + (f', masks in {outputs.masks}' if outputs.masks else '')
    )


if __name__ == '__main__':
    run_command(main)
