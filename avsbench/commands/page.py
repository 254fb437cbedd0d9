"""The work of `avsbench page`."""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'  # read when gradio is imported

import numpy as np

from avsbench.apis import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.pipeline import ClipPipeline
from avsbench.apis.render import SYNTHETIC, RenderReport, render_video
from avsbench.apis.views import draw_plots
from avsbench.commands.network import config_of_arguments
from avsbench.utils.errors import AVSBenchError, ConfigError
from avsbench.utils.extras import require
from avsbench.video import VideoError, VideoFile

KEEP = 3600  # seconds for which videos of the page stay on disk
WAITING = 32  # videos that wait for the network, which takes one at a time; more are turned away

Result = tuple[str | np.ndarray | None, ...]
"""Status, overlay video, the plots: of the audio if the network reads it, of the areas."""


def run(args: argparse.Namespace) -> None:
    """Run `avsbench page`."""
    gradio = require('gradio', 'the page')
    require('av', 'reading and writing video')
    inferencer = AVSInferencer(
        config_of_arguments(args),
        args.checkpoint,
        device=args.device,
        trust_checkpoint=args.trust_checkpoint,
        cfg_options=args.cfg_options,
        augment=args.augment,
        amp=args.amp,
        show_progress=False,
    )
    try:
        page = build_page(gradio, inferencer, args.max_seconds)
        page.queue(max_size=WAITING, default_concurrency_limit=1).launch(
            server_name=args.host,
            server_port=args.port,
            share=False,
            ssr_mode=False,
            max_file_size=args.max_upload,
            theme=gradio.themes.Default(font=['sans-serif'], font_mono=['monospace']),
        )
    except OSError as error:
        raise ConfigError(f'{args.host}, port {args.port or "7860 to 7959"}: {error}') from error


def build_page(gradio: Any, inferencer: AVSInferencer, max_seconds: float) -> Any:
    """The page of a network, for videos of such a length."""
    sound = inferencer.pipeline.sound
    title = 'What sounds?' if sound else 'What is in the video?'
    with gradio.Blocks(title=title, analytics_enabled=False, delete_cache=(KEEP, KEEP)) as page:
        gradio.Markdown(f'# {title}\n\n{describe(inferencer)}')
        with gradio.Row():
            with gradio.Column():
                video = gradio.Video(
                    label='video with audio' if sound else 'video',
                    sources=['upload'],
                    elem_id='given',
                )
                settings = [
                    threshold_setting(gradio, inferencer),
                    *clip_settings(gradio, inferencer.pipeline),
                ]
                button = gradio.Button(
                    'Mark sounding objects' if sound else 'Mark objects',
                    variant='primary',
                    elem_id='run',
                )
                status = gradio.Textbox(
                    label='status', interactive=False, lines=3, elem_id='status'
                )
            with gradio.Column():
                overlay = gradio.Video(label='overlay', interactive=False, elem_id='overlay')
                image = dict(
                    interactive=False, show_label=False, buttons=['download', 'fullscreen']
                )
                plots = [
                    gradio.Image(elem_id=name, **image)
                    for name in (('audio', 'areas') if sound else ('areas',))
                ]
        button.click(
            handler(gradio, inferencer, len(plots), max_seconds),
            api_name='mark',
            inputs=[video, *settings],
            outputs=[status, overlay, *plots],
        )
    return page


def threshold_setting(gradio: Any, inferencer: AVSInferencer) -> Any:
    """Control of the threshold, which is 0 for the most probable of several classes."""
    several = inferencer.palette is not None
    if not inferencer.background:
        return gradio.State(0)
    return gradio.Slider(
        0,
        0.95,
        value=0 if several else 0.5,
        step=0.05,
        label='threshold',
        info='mark pixels whose probability exceeds it'
        + ('; 0: the most probable class' if several else ''),
    )


def clip_settings(gradio: Any, pipeline: ClipPipeline) -> list[Any]:
    """Controls of the masks per second, and of the windows where there is a choice."""
    if not pipeline.consecutive:
        rate = gradio.Slider(1, 10, value=1, step=1, label='masks per second')
        return [rate, gradio.State(None)]
    rate = gradio.Slider(
        0, 30, value=0, step=1, label='masks per second', info='0: a mask of each frame'
    )
    if len(pipeline.windows) == 1:
        return [rate, gradio.State(None)]
    windows = gradio.Radio(
        [('each frame once', 'disjoint'), ('each frame in the middle of a clip', 'centre')],
        value=pipeline.windows[0],
        label='clips',
        info=f'the second takes {pipeline.length} times as long',
        elem_id='windows',
    )
    return [rate, windows]


def describe(inferencer: AVSInferencer) -> str:
    """The network and its input, as text for the page."""
    cfg, pipeline = inferencer.cfg, inferencer.pipeline
    model = cfg.model
    parts = [
        model.get('decode_head', {}).get('type'),
        model.get('backbone', {}).get('model_name') or model.get('backbone', {}).get('type'),
    ]
    name = ' on '.join(part for part in parts if part) or model.type
    warning = f'**Beware: {SYNTHETIC}.**\n\n' if inferencer.synthetic else ''
    return (
        f'{warning}**{name}**, `{cfg.filename}`, checkpoint `{inferencer.checkpoint}`, trained on '
        f'{inferencer.trained_on}\n\n'
        f'Protocol of {pipeline.subset.upper() or "its data set"}: {describe_clips(inferencer)}'
    )


def describe_clips(inferencer: AVSInferencer) -> str:
    """What a clip is, and what is found in it."""
    cfg, pipeline = inferencer.cfg, inferencer.pipeline
    height, width = pipeline.size
    size = f'at {width} x {height} pixels'
    if pipeline.consecutive:
        clips = f'clips of {pipeline.length} consecutive frames {size} (of a video of 16:9)'
    else:
        clips = f'clips of {pipeline.length} seconds, one frame per second {size}'
    if pipeline.sound:
        clips += ' with the log-mel of that second (0.96 s)'
    count = len(inferencer.classes) - 1
    found = f'{count} classes' if count > 1 else f'one class, {inferencer.classes[1]}'
    if cfg.model.get('test_cfg'):
        found += ', with test-time augmentation'
    shared = ' Several masks of one second share its audio.' if pipeline.sound else ''
    return f'{clips}, {found}.{shared}'


def handler(
    gradio: Any, inferencer: AVSInferencer, plots: int, max_seconds: float
) -> Callable[[str | None, float, float, str, Any], Iterator[Result]]:
    """The function behind the button, for a page with so many plots and videos of such a length."""
    bar = gradio.Progress()
    nothing = [None] * (1 + plots)

    def run(
        video: str | None,
        threshold: float,
        fps: float,
        windows: str | None,
        progress: Any = bar,
    ) -> Iterator[Result]:
        if video is None:
            yield 'error: choose a video first', *nothing
            return

        def update(done: float, total: float | None) -> None:
            check_length(video, done, max_seconds)  # a header may say less than there is
            progress(min(1.0, done / total) if total else None, desc=f'{done:.0f} s')

        several = inferencer.palette is not None
        with tempfile.TemporaryDirectory() as folder:
            try:
                source = VideoFile(video, need_audio=inferencer.pipeline.sound)
                check_length(video, source.duration or 0, max_seconds)
                outputs = Outputs(Path(folder, f'{source.path.stem}_marked.mp4'), source=video)
                report = render_video(
                    inferencer,
                    source,
                    outputs,
                    fps=int(fps) or None,
                    threshold=None if several and threshold == 0 else threshold,
                    windows=windows,
                    progress=update,
                )
            except AVSBenchError as error:
                # The user knows the file by its name, not by where the page has put it.
                yield f'error: {error}'.replace(video, Path(video).name), *nothing
                return
            status = status_text(report).replace(video, Path(video).name)
            # The page copies the video before the folder is removed.
            yield status, str(outputs.video), *draw_plots(inferencer.visualizer, report.summary)

    return run


def check_length(video: str, seconds: float, limit: float) -> None:
    """Check that a video is not longer than the page takes.

    Raises:
        VideoError: It is.
    """
    if seconds > limit:
        raise VideoError(
            f'{video}: longer than {limit:g} s, which is the limit of this page (--max-seconds); '
            'cut it'
        )


def status_text(report: RenderReport) -> str:
    """What was done, and one line per warning."""
    lines = [
        f'{report.frames} frames, {report.masks} masks of {report.seconds:g} s in '
        f'{report.wall:.1f} s; audio {report.audio}'
    ]
    return '\n'.join(lines + [f'warning: {warning}' for warning in report.warnings])
