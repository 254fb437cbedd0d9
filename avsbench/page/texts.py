"""What the page says, as HTML or Markdown."""

from html import escape

from avsbench.apis import AVSInferencer
from avsbench.apis.render import SYNTHETIC, RenderReport


def title(sound: bool) -> str:
    """Headline of the page."""
    return 'What sounds?' if sound else 'What is in the video?'


def introduction(inferencer: AVSInferencer) -> str:
    """What the page does, and what the network was trained on, for somebody with a video."""
    pipeline = inferencer.pipeline
    often = 'each frame' if pipeline.consecutive else 'each second'
    if pipeline.sound:
        what = f'Choose a video with sound. In {often}, the network marks what makes the sound'
    else:
        what = f'Choose a video. In {often}, the network marks the objects that it knows'
    count = len(_known(inferencer))
    what += f', of {count} kinds, and names it.' if inferencer.palette is not None else '.'
    return f'{what} {trained(inferencer)}'


def trained(inferencer: AVSInferencer) -> str:
    """One sentence on the data that the network was trained on."""
    if inferencer.synthetic:
        sound = ' with made-up sounds' if inferencer.pipeline.sound else ''
        return (
            f'**It was trained on generated clips of drawn shapes{sound}: what it marks in a real '
            'video means nothing.** Try the examples.'
        )
    return f'It was trained on the data set {inferencer.trained_on.upper()}.'


def about(inferencer: AVSInferencer) -> str:
    """The network and its input, for those who want to know."""
    cfg = inferencer.cfg
    model = cfg.model
    parts = [
        model.get('decode_head', {}).get('type'),
        model.get('backbone', {}).get('model_name') or model.get('backbone', {}).get('type'),
    ]
    name = ' on '.join(part for part in parts if part) or model.type
    return (
        f'**{name}**, `{cfg.filename}`, checkpoint `{inferencer.checkpoint}`, trained on '
        f'{inferencer.trained_on}. It reads {clips(inferencer)}'
    )


def clips(inferencer: AVSInferencer) -> str:
    """What a clip is, and what is found in it."""
    cfg, pipeline = inferencer.cfg, inferencer.pipeline
    height, width = pipeline.size
    size = f'at {width} x {height} pixels'
    if pipeline.consecutive:
        text = f'clips of {pipeline.length} consecutive frames {size} (of a video of 16:9)'
    else:
        text = f'clips of {pipeline.length} seconds, one frame per second {size}'
    if pipeline.sound:
        text += ', with the log-mel of that second (0.96 s)'
    known = _known(inferencer)
    text += f', and finds {f"{len(known)} classes" if len(known) > 1 else known[0]}'
    if cfg.model.get('test_cfg'):
        text += ', with test-time augmentation'
    return f'{text}.{" Several masks of one second share its audio." if pipeline.sound else ""}'


def fault(text: str) -> str:
    """An error."""
    return f'<p class="fault" role="alert">{escape(text)}</p>'


def status(report: RenderReport, threshold: float | None, *, redrawn: bool) -> str:
    """What was done with which threshold, and one line per warning.

    Args:
        report: Of what was drawn.
        threshold: None for the most probable class.
        redrawn: Whether from stored probabilities.
    """
    used = 'most probable class' if threshold is None else f'threshold {threshold:g}'
    used += ', redrawn without the network' if redrawn else ''
    lines = [f'{report.done()}; {used}; audio {report.audio}']
    lines += [report.nothing] if report.nothing else []
    warnings = [warning for warning in report.warnings if warning != SYNTHETIC]  # said above
    return '\n'.join(lines + [f'Warning: {warning}' for warning in warnings])


def legend(inferencer: AVSInferencer, names: list[str] | None = None) -> str:
    """Colours and names of the classes; nothing for a network with one.

    Args:
        inferencer: The network.
        names: The classes; None for all that it knows.
    """
    colours = inferencer.visualizer.class_colours
    entries = [
        f'<span class="class"><i style="background:rgb{tuple(colours[name])}"></i>'
        f'{escape(name)}</span>'
        for name in (_known(inferencer) if names is None else names)
        if name in colours
    ]
    return f'<div class="legend">{"".join(entries)}</div>' if entries else ''


def _known(inferencer: AVSInferencer) -> list[str]:
    """The classes that it marks."""
    return list(inferencer.classes[int(inferencer.background) :])
