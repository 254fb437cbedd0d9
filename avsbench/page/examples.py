"""Videos to try the page with: generated clips, made once and kept in the user's cache."""

import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mmengine.logging import print_log

from avsbench.datasets import S4Dataset
from avsbench.media.images import read_frame
from avsbench.media.log_mel import read_wav
from avsbench.synthetic import generate
from avsbench.synthetic.video import generate_videos
from avsbench.video import make_video

VERSION = 1
SIZE = 224  # pixels of each side
SECOND = 10  # frames per second of the clips of seconds, each of which has one image
RATE = 25  # frames per second of the moving ones
COUNT = 3
QUALITY = 23  # of H.264; finer ones keep nothing but the noise


def example_videos(*, sound: bool) -> list[Path]:
    """Example videos; none, and a line in the log, where they can't be written.

    Args:
        sound: Whether for a network that listens: the same images with three sounds. Otherwise
            objects that move, without sound.
    """
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache', 'avsbench')
    folder = cache / 'examples' / f'{"sound" if sound else "motion"}_{VERSION}'
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            _fill(folder, sound)
        return sorted(folder.glob('*.mp4'))
    except OSError as error:
        print_log(f'the page has no example videos: {error}', level=30)
        return []


def _fill(folder: Path, sound: bool) -> None:
    """Make the folder, which appears as a whole."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch, folder.name)
        made.mkdir()
        for number, video in enumerate(_listening(scratch) if sound else _moving(scratch)):
            frames, rate, audio = video
            make_video(made / f'example_{"ABC"[number]}.mp4', frames, rate, *audio, crf=QUALITY)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another page was faster
                raise


def _listening(scratch: str) -> Iterator[tuple]:
    """The clips of one scene: frames, frame rate, samples and their rate."""
    root = generate('s4', scratch, size=SIZE, train=1, val=1, test=1)
    for info in islice(S4Dataset(str(root), 'test').clip_infos(), COUNT):
        frames = [read_frame(path) for path in info['frame_paths'] for _ in range(SECOND)]
        yield frames, SECOND, read_wav(info['audio_path'])


def _moving(scratch: str) -> Iterator[tuple]:
    """Videos in which objects move."""
    root = generate_videos('davis', scratch, size=SIZE)
    videos = sorted(path.parent for path in root.glob('JPEGImages/*/*/00000.jpg'))
    for video in videos[:COUNT]:
        yield [read_frame(path) for path in sorted(video.iterdir())], RATE, ()
