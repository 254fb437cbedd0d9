"""Where everything is on the page: what is chosen on the left, what comes out on the right.

On a narrow screen the second column follows the first, so the result stands below the button.
"""

from collections.abc import Iterator
from typing import Any

from avsbench.apis import AVSInferencer
from avsbench.apis.pipeline import ClipPipeline
from avsbench.page import texts
from avsbench.page.examples import example_videos
from avsbench.page.marking import DOWNLOADS, Marker, Result
from avsbench.page.recording import Recording
from avsbench.visualization.local_visualizer import PREDICTION_COLOUR

KEEP = 3600  # seconds for which videos of the page stay on disk
HEIGHT = 240  # pixels of the videos
COLOURS = ('red', 'yellow', 'lime', 'cyan', 'blue', 'magenta', 'white', 'black')  # to choose from

LOOK = """
.fault {background: #fde8e8; color: #9b1c1c; border: 2px solid #c81e1e; border-radius: 8px;
  padding: 8px 12px; margin: 0; font-weight: 600; overflow-wrap: anywhere}
.legend {display: flex; flex-wrap: wrap; gap: 4px 14px}
.class {display: inline-flex; align-items: center; gap: 6px}
.class i {width: 14px; height: 14px; border-radius: 3px; border: 1px solid #0008}
#audio img, #areas img {max-width: 480px}
#downloads {flex-wrap: wrap}
"""
# The browser says of a video that it can't play that it is not playable, which may still be marked;
# what can't be is said at the button.
_START = """() => new MutationObserver(() => document.querySelectorAll('.toast-body').forEach(
  (toast) => {if (/not playable/i.test(toast.textContent)) toast.remove()}
)).observe(document.body, {childList: true, subtree: true})"""
_SHOW_RESULT = """() => {if (innerWidth < 700) setTimeout(
  () => document.getElementById('run').scrollIntoView({block: 'start'}), 300)}"""


def build_page(gradio: Any, inferencer: AVSInferencer, max_seconds: float) -> Any:
    """The page of a network, for videos of such a length."""
    sound = inferencer.pipeline.sound
    marker = Marker(gradio, inferencer, max_seconds)
    headline = texts.title(sound)
    with gradio.Blocks(title=headline, analytics_enabled=False, delete_cache=(KEEP, KEEP)) as page:
        gradio.Markdown(f'# {headline}\n\n{texts.introduction(inferencer)}')
        recording = gradio.State(None, time_to_live=KEEP, delete_callback=_forget)
        with gradio.Row():
            with gradio.Column():
                video = _video(gradio, sound)
                settings = clip_settings(gradio, inferencer.pipeline)
                label = 'Mark sounding objects' if sound else 'Mark objects'
                button = gradio.Button(label, variant='primary', elem_id='run')
                error = gradio.HTML(elem_id='error', padding=False, visible=False)
            with gradio.Column():
                threshold, colour, overlay, results = _results(gradio, inferencer, marker)
        _about(gradio, inferencer)
        outputs = [error, overlay, *results, recording]
        shown = dict(outputs=outputs, show_progress_on=overlay)
        video.change(
            marker.choose,
            inputs=[video, recording],
            outputs=[error, recording],
            show_progress='hidden',
            api_visibility='private',
        )
        marked = button.click(
            _mark_function(gradio, marker),
            api_name='mark',
            inputs=[video, threshold, *settings, colour, recording],
            **shown,
        )
        marked.then(None, js=_SHOW_RESULT)
        controls = [part for part in (threshold, colour) if not isinstance(part, gradio.State)]
        if controls:
            redraw = dict(fn=marker.redraw, inputs=[recording, threshold, colour], **shown)
            redraw['api_visibility'] = 'private'
            inputs = [control.input for control in controls]
            gradio.on(inputs, trigger_mode='always_last', **redraw)
            marked.then(**redraw)  # they may have been moved meanwhile
        page.load(None, js=_START)
    return page


def clip_settings(gradio: Any, pipeline: ClipPipeline) -> list[Any]:
    """Controls of the masks per second, and of the windows where there is a choice."""
    with gradio.Accordion('Settings', open=False, elem_id='settings'):
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
        info='marks what is more probable than this; moving it redraws the video'
        + ('; 0: the most probable class, or nothing' if several else ''),
        scale=3,
        elem_id='threshold',
    )


def colour_setting(gradio: Any, inferencer: AVSInferencer) -> Any:
    """Control of the colour of the masks, which classes have of their own."""
    if inferencer.palette is not None:
        return gradio.State(None)
    return gradio.Dropdown(
        [('orange', '#{:02x}{:02x}{:02x}'.format(*PREDICTION_COLOUR)), *COLOURS],
        label='colour',
        info='or type one, such as #ff0000',
        allow_custom_value=True,
        min_width=150,
        elem_id='colour',
    )


def _results(
    gradio: Any, inferencer: AVSInferencer, marker: Marker
) -> tuple[Any, Any, Any, list[Any]]:
    """The threshold, the colour, the marked video, and what is below it."""
    overlay = gradio.Video(
        label='marked video', interactive=False, height=HEIGHT, elem_id='overlay'
    )
    with gradio.Row():
        threshold = threshold_setting(gradio, inferencer)
        colour = colour_setting(gradio, inferencer)
    legend = gradio.HTML(elem_id='legend', padding=False, visible=False)
    status = gradio.Textbox(
        show_label=False, interactive=False, container=False, visible=False, elem_id='status'
    )
    image = dict(interactive=False, show_label=False, buttons=[], visible=False)
    plots = [gradio.Image(elem_id=name, **image) for name in marker.plots]
    with gradio.Row(elem_id='downloads'):
        files = [
            gradio.DownloadButton(
                label, size='sm', min_width=110, visible=False, elem_id=f'get_{name}'
            )
            for name, label in DOWNLOADS.items()
        ]
    return threshold, colour, overlay, [legend, status, *plots, *files]


def _video(gradio: Any, sound: bool) -> Any:
    """The video that is chosen, and buttons that choose a generated one."""
    video = gradio.Video(
        label='video with sound' if sound else 'video',
        sources=['upload'],
        height=HEIGHT,
        elem_id='given',
    )
    paths = example_videos(sound=sound)
    if paths:
        gradio.Examples(
            [[str(path)] for path in paths],
            video,
            label='or an example' + (': the same shapes with three sounds' if sound else ''),
            example_labels=[path.stem.replace('_', ' ') for path in paths],
            elem_id='examples',
        )
    return video


def _about(gradio: Any, inferencer: AVSInferencer) -> None:
    with gradio.Accordion('About this network', open=False, elem_id='about'):
        gradio.Markdown(texts.about(inferencer))
        known = texts.legend(inferencer)
        if known:
            gradio.HTML(known, padding=False)


def _mark_function(gradio: Any, marker: Marker) -> Any:
    """The function behind the button; its progress is shown over the marked video."""
    bar = gradio.Progress()

    def mark(
        video: str | None,
        threshold: float,
        fps: float,
        windows: str | None,
        colour: str | None,
        recording: Recording | None,
        progress: Any = bar,
    ) -> Iterator[Result]:
        def update(done: float, total: float | None) -> None:
            progress(min(1.0, done / total) if total else None, desc=f'{done:.0f} s')

        yield from marker.mark(video, threshold, fps, windows, colour, recording, update)

    return mark


def _forget(recording: Recording | None) -> None:
    """Remove the files of somebody who has left."""
    if recording is not None:
        recording.close()
