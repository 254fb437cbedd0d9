"""Mark the sounding or moving objects of a video: overlay, masks, table, contact sheet.

    python demo/video_demo.py IN.mp4 --config config/s4/pvt2.py --checkpoint FILE --out OUT.mp4

OUT.mp4 has the video's audio track. Besides it writes OUT.csv (second, class, area as a fraction of
the image, mean probability) and OUT.png (some frames with their masks, the audio if the network
reads it, the area over time). A network without sound, e.g. config/davis/medvt_swinb.py, needs no
audio track.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from avsbench.apis import AVSInferencer
from avsbench.apis.clips import WINDOWS
from avsbench.apis.model import add_amp_argument, add_network_arguments
from avsbench.apis.outputs import Outputs
from avsbench.apis.render import RenderReport, render_video
from avsbench.config.clips import reads_audio
from avsbench.config.loading import open_config
from avsbench.utils.cli import run_command
from avsbench.video import VideoFile


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='Write a name that begins with a dash as ./-IN.mp4.',
    )
    parser.add_argument('video', type=Path, metavar='IN.mp4', help='the video')
    parser.add_argument('--config', type=Path, required=True, help='e.g. config/s4/pvt2.py')
    parser.add_argument('--checkpoint', required=True, help='weights for that config')
    parser.add_argument('--out', type=Path, required=True, metavar='OUT.mp4', help='or .mov, .mkv')
    parser.add_argument('--masks', type=Path, metavar='DIR', help='also write the masks as PNG')
    parser.add_argument(
        '--fps',
        type=int,
        metavar='F',
        help='masks per second (default: 1; with a network that sees consecutive frames, a mask of '
        'each frame)',
    )
    parser.add_argument(
        '--windows',
        choices=WINDOWS,
        help='for networks that see T consecutive frames: disjoint predicts each frame once; '
        'centre in the middle of a clip of its own, as tests do, and takes T times as long '
        '(default: disjoint; for A2D, whose networks learn one frame of a clip, centre)',
    )
    parser.add_argument(
        '--threshold',
        type=float,
        metavar='T',
        help='mark pixels whose probability exceeds T (default: 0.5; with several classes, the '
        'most probable class)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace existing results')
    parser.add_argument(
        '--batch-size', type=int, default=1, help='clips per batch (of clips of seconds, at most F)'
    )
    add_network_arguments(parser)
    add_amp_argument(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cfg = open_config(args.config, args.cfg_options)
    # An unusable file is reported before the network is built.
    source = VideoFile(args.video, need_audio=reads_audio(cfg))
    outputs = Outputs(args.out, args.masks, overwrite=args.overwrite, source=args.video)
    try:
        inferencer = AVSInferencer(
            args.config,
            args.checkpoint,
            device=args.device,
            trust_checkpoint=args.trust_checkpoint,
            cfg_options=args.cfg_options,
            augment=args.augment,
            amp=args.amp,
        )
        report = render_with_bar(inferencer, source, outputs, args)
    finally:
        outputs.discard()
    for warning in report.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    print_report(report, outputs)


def render_with_bar(
    inferencer: AVSInferencer, source: VideoFile, outputs: Outputs, args: argparse.Namespace
) -> RenderReport:
    columns = (TextColumn('{task.description}'), BarColumn(), TextColumn('{task.fields[at]}'))
    with Progress(*columns, TimeRemainingColumn()) as bar:
        task = bar.add_task('video', total=None, at='')

        def update(done: float, total: float | None) -> None:
            bar.update(task, completed=done, total=total, at=f'{done:.1f} s')

        return render_video(
            inferencer,
            source,
            outputs,
            fps=args.fps,
            threshold=args.threshold,
            batch_size=args.batch_size,
            windows=args.windows,
            progress=update,
        )


def print_report(report: RenderReport, outputs: Outputs) -> None:
    shares = ', '.join(f'{name} {share:.0%}' for name, share in report.shares().items())
    print(
        f'{report.frames} frames, {report.masks} masks of {report.seconds:g} s in '
        f'{report.wall:.1f} s ({shares}); audio {report.audio}\n'
        f'overlay {outputs.video}, table {outputs.table}, contact sheet {outputs.sheet}'
        + (f', masks in {outputs.masks}' if outputs.masks else '')
    )


if __name__ == '__main__':
    run_command(main)
