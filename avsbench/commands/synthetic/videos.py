"""The work of `avsbench synthetic videos`."""

import argparse
import itertools
import shutil
import tempfile
from pathlib import Path

from mmengine.registry import init_default_scope

from avsbench.datasets import MS3Dataset
from avsbench.datasets.clip_info import ClipInfo
from avsbench.media.images import read_frame
from avsbench.media.log_mel import read_wav
from avsbench.synthetic import generate
from avsbench.utils.checks import check_seed
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.folders import check_writable
from avsbench.utils.parallel import show_progress
from avsbench.video import make_video

RATE = 10  # frames per second; each frame of a clip is shown for one second


def run(args: argparse.Namespace) -> int:
    """Run `avsbench synthetic videos`."""
    if args.num < 1:
        raise ConfigError(f'--num: got {args.num}, expected 1 or more')
    videos, masks = args.out / 'videos', args.out / 'masks'
    for folder in (videos, masks):
        if folder.exists():
            raise DataError(f'{folder}: there already; choose another --out')
    check_writable(args.out, 'folder of videos', 'choose another with --out')
    check_seed('--seed', args.seed)
    init_default_scope('avsbench')
    with tempfile.TemporaryDirectory() as scratch:
        root = generate('ms3', scratch, size=args.size, seed=args.seed, train=args.num)
        infos = MS3Dataset(str(root), 'train').clip_infos()
        videos.mkdir(parents=True)
        for info in show_progress(itertools.islice(infos, args.num), args.num, 'videos'):
            write_video(videos / f'{info["clip_id"]}.mp4', info)
            folder = masks / info['clip_id']
            folder.mkdir(parents=True)
            for second, path in enumerate(info['mask_paths'], 1):
                shutil.copyfile(path, folder / f'{second}.png')
    print(f'{len(list(videos.iterdir()))} videos in {videos}, their masks in {masks}')
    return 0


def write_video(path: Path, info: ClipInfo) -> None:
    """An mp4 of a clip."""
    frames = (read_frame(path) for path in info['frame_paths'])
    every = (frame for frame in frames for _ in range(RATE))
    make_video(path, every, RATE, *read_wav(info['audio_path']))
