"""The work of `avsbench video`."""

import argparse
import signal
import sys
from types import FrameType

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from avsbench.apis import AVSInferencer
from avsbench.apis.live import render_live
from avsbench.apis.outputs import LiveOutputs, Outputs
from avsbench.apis.render import RenderReport, render_video
from avsbench.commands.network import config_of_arguments
from avsbench.config.clips import reads_audio
from avsbench.config.loading import open_config
from avsbench.processes.signals import handled, raise_interrupted
from avsbench.video import LiveVideo, VideoFile, is_live, open_live


def run(args: argparse.Namespace) -> None:
    """Run `avsbench video`."""
    config = config_of_arguments(args)
    cfg = open_config(config, args.cfg_options)
    live = is_live(str(args.video), args.follow)
    # An unusable file is reported before the network is built.
    kind = LiveOutputs if live else Outputs
    if live:
        source = open_live(str(args.video), follow=args.follow, need_audio=reads_audio(cfg))
    else:
        source = VideoFile(args.video, need_audio=reads_audio(cfg))
    outputs = kind(args.out, args.masks, overwrite=args.overwrite, source=args.video)
    try:
        inferencer = AVSInferencer(
            config,
            args.checkpoint,
            device=args.device,
            trust_checkpoint=args.trust_checkpoint,
            cfg_options=args.cfg_options,
            augment=args.augment,
            amp=args.amp,
        )
        render = render_until_stopped if live else render_with_bar
        report = render(inferencer, source, outputs, args)
    finally:
        outputs.discard()
    for warning in report.warnings:
        print(f'warning: {warning}', file=sys.stderr)
    print_report(report, outputs)


def render_until_stopped(
    inferencer: AVSInferencer, source: LiveVideo, outputs: LiveOutputs, args: argparse.Namespace
) -> RenderReport:
    """Predict and write until the video ends; the first Ctrl-C ends it, a second one at once."""

    def stop(number: int, frame: FrameType | None) -> None:
        if number != signal.SIGINT or source.stopped:
            raise_interrupted(number, frame)
        source.stop()

    columns = (TextColumn('{task.description}'), TextColumn('{task.fields[at]}'))
    with handled(stop), Progress(*columns) as bar:
        task = bar.add_task('video, Ctrl-C ends it', total=None, at='')

        def update(done: float, _: float | None) -> None:
            bar.update(task, at=f'{done:.1f} s')

        return render_live(
            inferencer,
            source,
            outputs,
            fps=args.fps,
            threshold=args.threshold,
            colour=args.color,
            progress=update,
        )


def render_with_bar(
    inferencer: AVSInferencer, source: VideoFile, outputs: Outputs, args: argparse.Namespace
) -> RenderReport:
    """Predict and write, with a progress bar."""
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
            colour=args.color,
            progress=update,
        )


def print_report(report: RenderReport, outputs: Outputs) -> None:
    """Say what was done, in which time, and what is where."""
    shares = ', '.join(f'{name} {share:.0%}' for name, share in report.shares().items())
    print(
        f'{report.done()}; audio {report.audio}\n'
        f'real time factor {report.real_time_factor:.2f}: seconds of work per second of video; '
        f'at work side by side: {shares}\n'
        + (f'{report.nothing}\n' if report.nothing else '')
        + f'overlay {outputs.video}, table {outputs.table}, contact sheet {outputs.sheet}'
        + (f', masks in {outputs.masks}' if outputs.masks else '')
    )
