"""The work of `avsbench synthetic twins`."""

import argparse

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from avsbench.apis import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.render import render_video
from avsbench.commands.synthetic.videos import write_video
from avsbench.config.build import build_part
from avsbench.config.loading import open_config
from avsbench.datasets.clip_info import ClipInfo
from avsbench.evaluation.functional import binary_counts, frame_iou
from avsbench.media.images import read_binary_mask
from avsbench.registry import DATASETS
from avsbench.utils.errors import DataError
from avsbench.utils.folders import check_writable
from avsbench.video import VideoFile
from avsbench.visualization.gallery import scenes, spread


def run(args: argparse.Namespace) -> int:
    """Run `avsbench synthetic twins`."""
    check_writable(args.out, 'folder of videos', 'choose another with --out')
    cfg = open_config(args.config, args.cfg_options)
    if cfg.num_classes != 1:
        raise DataError(f'{args.config}: has {cfg.num_classes} classes, expected S4 or MS3')
    dataset = build_part(cfg, DATASETS, 'test_dataloader', 'dataset')
    groups = [group for group in scenes(dataset) if len(group) > 1]
    if not groups:
        raise DataError(
            f'{cfg.data_root}: its test split has no twins; make synthetic data with '
            '`python -m avsbench synthetic clips`'
        )
    inferencer = AVSInferencer(cfg, args.checkpoint, device=args.device, show_progress=False)
    table = Table('scene', 'twin', 'J with its true masks', 'J with those of others, at most')
    right = total = 0
    for group in spread(groups, args.num):
        infos = [dataset.get_data_info(index) for index in group]
        truths = [np.stack([read_binary_mask(p) for p in info['mask_paths']]) for info in infos]
        for place, info in enumerate(infos):
            masks = masks_of_video(inferencer, info, args)
            scores = [score(masks, truth) for truth in truths]
            others = max(value for i, value in enumerate(scores) if i != place)
            right, total = right + (scores[place] > others), total + 1
            cells = (info['clip_id'], 'abcdefghi'[place], f'{scores[place]:.3f}', f'{others:.3f}')
            table.add_row(*cells)
    Console().print(table)
    print(f'{right} of {total} twins are nearest to their true masks')
    return 0 if 2 * right > total else 1


def masks_of_video(
    inferencer: AVSInferencer, info: ClipInfo, args: argparse.Namespace
) -> np.ndarray:
    """(T, H, W) uint8 masks that the video command writes for a clip."""
    name = info['clip_id'].replace('/', '_')
    source, masks = args.out / f'{name}.mp4', args.out / f'{name}_masks'
    outputs = Outputs(
        args.out / f'{name}_overlay.mp4', masks, overwrite=args.overwrite, source=source
    )
    if source.exists() and not args.overwrite:
        outputs.discard()
        raise DataError(f'{source}: already exists; choose another folder, or pass --overwrite')
    write_video(source, info)
    render_video(inferencer, VideoFile(source), outputs)
    paths = sorted(masks.glob('*.png'), key=lambda path: int(path.stem))
    return np.stack([np.asarray(Image.open(path)) // 255 for path in paths])


def score(masks: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the frames of the IoU."""
    counts = binary_counts(torch.from_numpy(masks).float(), torch.from_numpy(truth))
    return frame_iou(counts).mean().item()
