"""Make synthetic videos with masks, to try training on own videos with: docs/own_data.md.

    python tools/make_videos.py --out data/own --num 40

Writes DIR/videos/<scene>.mp4 and DIR/masks/<scene>/<second>.png. In each video some shapes lie
about, and one or several sound: the masks mark these. The scenes are those of the synthetic
MS3-like benchmark (`tools/make_synthetic.py`).
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.registry import init_default_scope
from rich.console import Console
from rich.progress import track

from avsbench.datasets import MS3Dataset
from avsbench.media.images import read_frame
from avsbench.media.log_mel import read_wav
from avsbench.synthetic import SIZES, generate
from avsbench.utils.cli import run_command
from avsbench.utils.errors import DataError

RATE = 10  # frames a second; each picture stays for a second


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', type=Path, required=True, metavar='DIR')
    parser.add_argument('--num', type=int, default=40, help='videos (default: %(default)s)')
    parser.add_argument('--size', type=int, choices=SIZES, default=64, help='pixels of a side')
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    if args.num < 1:
        parser.error('--num: expected 1 or more')
    return args


def main() -> None:
    from avsbench.video import make_video  # PyAV is an extra

    args = parse_args()
    videos, masks = args.out / 'videos', args.out / 'masks'
    for folder in (videos, masks):
        if folder.exists():
            raise DataError(f'{folder}: there already; choose another --out')
    init_default_scope('avsbench')
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = generate('ms3', scratch, size=args.size, seed=args.seed, train=args.num)
        dataset = MS3Dataset(str(root), 'train')
        videos.mkdir(parents=True)
        for info in track(
            list(dataset.infos())[: args.num], 'videos', console=console,
            disable=not console.is_terminal,
        ):  # fmt: skip
            frames = [read_frame(path) for path in info['frame_paths']]
            every = (frame for frame in frames for _ in range(RATE))
            target = videos / f'{info["clip_id"]}.mp4'
            make_video(target, every, RATE, *read_wav(info['audio_path']))
            folder = masks / info['clip_id']
            folder.mkdir(parents=True)
            for second, path in enumerate(info['mask_paths'], 1):
                shutil.copyfile(path, folder / f'{second}.png')
    print(f'{len(list(videos.iterdir()))} videos in {videos}, their masks in {masks}')


if __name__ == '__main__':
    run_command(main)
