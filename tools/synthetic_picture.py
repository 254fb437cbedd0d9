"""Draw the picture of the synthetic clips, docs/images/synthetic.png.

    python tools/synthetic_picture.py

It shows the eight classes, and a test scene of the S4-like clips: its frames, and for each of its
soundtracks the audio and the masks. All of it comes from the generator, without a network. The
pixel noise of the frames is left out: it is hardly visible, but multiplies the size of the file.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from avsbench.media.front_ends import FRONT_ENDS
from avsbench.synthetic.audio import RATE, synthesise
from avsbench.synthetic.classes import CLASSES, NUM_CLASSES
from avsbench.synthetic.clip import draw_scene
from avsbench.synthetic.render import render
from avsbench.synthetic.scene import Scene
from avsbench.synthetic.settings import Settings
from avsbench.synthetic.state import State
from avsbench.synthetic.streams import stream
from avsbench.utils.cli import run_command
from avsbench.visualization.local_visualizer import TRUTH_COLOUR

OUT = ROOT / 'docs' / 'images' / 'synthetic.png'
WIDTH, DPI, COLOURS = 8.3, 110, 128  # inches, pixels per inch, colours of the PNG
LEFT, GAP, LINE = 0.85, 0.06, 0.24  # inches: labels, between images, a line of text
CLASS_SIDE, AUDIO = 0.86, 0.5  # inches: a shape, the height of an audio strip
AUDIO_LEVELS = 12  # colours of the spectrograms
GREY = np.array([0.299, 0.587, 0.114])
SCENE = 3  # number of the test scene: objects far apart, in colours unlike the background's


class Sheet:
    """A figure that is filled from the top, in inches.

    Args:
        height: Of the figure.
    """

    def __init__(self, height: float) -> None:
        self.figure = Figure((WIDTH, height), dpi=DPI, facecolor='white')
        self.canvas = FigureCanvasAgg(self.figure)
        self.height = height
        self.top = 0.0

    def axes(self, left: float, width: float, height: float) -> Axes:
        """Axes without ticks below what has been drawn."""
        bottom = self.height - self.top - height
        box = (left / WIDTH, bottom / self.height, width / WIDTH, height / self.height)
        axes = self.figure.add_axes(box)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        return axes

    def text(self, x: float, text: str, size: int = 9, **style: object) -> None:
        """A line of text in the middle of the next LINE."""
        y = 1 - (self.top + LINE / 2) / self.height
        self.figure.text(x / WIDTH, y, text, size=size, va='center', **style)


def class_images(side: int = 74) -> list[np.ndarray]:
    """One image (side, side, 3) uint8 of each class, cut from scenes that show it."""
    settings = Settings('s4', size=224)  # three cells of nearly 75 pixels
    found: dict[int, np.ndarray] = {}
    index = 0
    while len(found) < NUM_CLASSES:
        scene, _ = draw_scene(settings, settings.parts[0], 'train', index)
        frames, _ = render(scene, settings.size, NoNoise())
        for kind, cell in zip(scene.kinds, scene.cells, strict=True):
            rows, columns = (slice(75 * i, 75 * i + side) for i in divmod(int(cell), 3))
            found.setdefault(int(kind), frames[0, rows, columns])
        index += 1
    return [found[kind] for kind in range(NUM_CLASSES)]


class NoNoise:
    """Stands in for the random generator of the pixel noise."""

    def standard_normal(self, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """Zeros of a shape."""
        return np.zeros(shape, dtype)


def draw_classes(sheet: Sheet) -> None:
    """The eight shapes in a row, with their names."""
    sheet.text(0.1, 'The eight classes', size=11, weight='bold')
    sheet.top += LINE + 0.04
    step = (WIDTH - 0.2 + GAP) / NUM_CLASSES
    for kind, image in enumerate(class_images()):
        left = 0.1 + kind * step
        sheet.axes(left, step - GAP, CLASS_SIDE).imshow(image, aspect='auto')
        sheet.top += CLASS_SIDE
        sheet.text(left + (step - GAP) / 2, name(kind), size=8, ha='center')
        sheet.top -= CLASS_SIDE
    sheet.top += CLASS_SIDE + LINE + 0.12


def name(kind: int) -> str:
    """A class as text, 'rings disc'."""
    return CLASSES[kind].replace('_', ' ')


def draw_masks(sheet: Sheet, frames: np.ndarray, masks: np.ndarray, side: float) -> None:
    """The frames in pale grey with the masks (T, H, W) bool, in the colour of all true masks."""
    grey = frames @ GREY
    images = np.repeat((0.6 * grey + 80)[..., None], 3, axis=-1)
    images[masks] = 0.25 * images[masks] + 0.75 * np.array(TRUTH_COLOUR)
    for second, (image, mask) in enumerate(zip(images, masks, strict=True)):
        axes = sheet.axes(LEFT + second * (side + GAP), side, side)
        axes.imshow(image.astype(np.uint8))
        axes.contour(mask, [0.5], colors='black', linewidths=1)


def draw_audio(sheet: Sheet, samples: np.ndarray, seconds: int, side: float) -> None:
    """The log-mel of each second, low pitch below."""
    front_end = FRONT_ENDS['vggish']
    patches = front_end.patches(samples / 32768, RATE)[:seconds, 0]  # (T, frames, bands)
    for second, patch in enumerate(patches):
        axes = sheet.axes(LEFT + second * (side + GAP), side, AUDIO)
        limits = dict(vmin=front_end.silence, vmax=patches.max())
        axes.imshow(
            patch.T[::-1], aspect='auto', cmap=colormaps['magma'].resampled(AUDIO_LEVELS), **limits
        )


def draw_soundtrack(
    sheet: Sheet, letter: str, frames: np.ndarray, labels: np.ndarray, scene: Scene, state: State
) -> None:
    """One soundtrack: its audio, which object sounds in each second, and the masks."""
    seconds = len(frames)
    side = (WIDTH - LEFT - 0.1 + GAP) / seconds - GAP
    rng = stream(0, 's4', 'test', SCENE, f'noise {letter}')
    draw_audio(sheet, synthesise(state.sources, rng, seconds, 1.0, 30.0), seconds, side)
    sheet.text(0.1, f'sound {letter}', size=10, weight='bold')
    sheet.top += AUDIO
    for second, sounding in enumerate(state.sets):
        words = ' + '.join(name(scene.kinds[m]) for m in np.flatnonzero(sounding))
        sheet.text(LEFT + second * (side + GAP) + side / 2, words, ha='center')
    sheet.text(0.1, 'made by', size=10)
    sheet.top += LINE
    pairs = zip(labels, state.sets, strict=True)
    masks = np.stack([np.isin(label, np.flatnonzero(sounding)) for label, sounding in pairs])
    draw_masks(sheet, frames, masks, side)
    sheet.text(0.1, 'mask', size=10)
    sheet.top += side + 0.16


def draw() -> Image.Image:
    """The whole picture."""
    settings = Settings('s4', size=224)
    part = settings.parts[0]
    scene, states = draw_scene(settings, part, 'test', SCENE)
    frames, labels = render(scene, settings.size, NoNoise())
    side = (WIDTH - LEFT - 0.1 + GAP) / len(frames) - GAP
    track = AUDIO + LINE + side + 0.16
    head = CLASS_SIDE + 2 * LINE + 0.16 + 2 * LINE + 0.04 + side + 0.16
    sheet = Sheet(head + len(states) * track)
    draw_classes(sheet)
    sheet.text(0.1, 'One test scene: the same frames, three soundtracks', size=11, weight='bold')
    sheet.top += LINE + 0.04
    for second in range(len(frames)):
        sheet.text(LEFT + second * (side + GAP) + side / 2, f'{second + 1} s', ha='center')
    sheet.top += LINE
    for second, frame in enumerate(frames):
        sheet.axes(LEFT + second * (side + GAP), side, side).imshow(frame)
    sheet.text(0.1, 'frames', size=10)
    sheet.top += side + 0.16
    for letter, state in zip('ABC', states, strict=True):
        draw_soundtrack(sheet, letter, frames, labels, scene, state)
    sheet.canvas.draw()
    image = Image.fromarray(np.asarray(sheet.canvas.buffer_rgba())[..., :3])
    return image.quantize(COLOURS, dither=Image.Dither.NONE)


def main() -> None:
    """Entry point."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    draw().save(OUT, optimize=True)
    print(f'{OUT.relative_to(ROOT)}: {OUT.stat().st_size / 1000:.0f} kB')


if __name__ == '__main__':
    run_command(main)
